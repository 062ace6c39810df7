"""Sessions in one SQLite file: `store` holds the verbs, `engine` the file behind them."""

from sojourn.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
