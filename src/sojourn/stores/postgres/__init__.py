"""Sessions in PostgreSQL: `store` holds the verbs, `loop` and `blocking` are the faces."""

from sojourn.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
