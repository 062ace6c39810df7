"""For tests: a clock that stands still, sessions and keys to hand, and the contract of stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sojourn.session import Session, new_id, new_salt
from sojourn.token import Key, Keys

if TYPE_CHECKING:
    from sojourn.testing.contract import StoreContract as StoreContract

__all__ = ["MORNING", "FakeClock", "StoreContract", "make_keys", "make_session"]

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday


class FakeClock:
    """A clock that moves when it is told to: `AsyncSessions(store, keys=keys, clock=FakeClock())`."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **span: float) -> datetime:
        """Let time pass, in the words of `timedelta`: `clock.tick(hours=1)`. Negative spans go back."""
        self.now += timedelta(**span)
        return self.now


def make_session(**fields: Any) -> Session:
    """A session of "ada", signed in on `MORNING`, idle after 14 days and over after 30, but for *fields*.

    What follows from a given field follows: the id from `created_at` and `user_id`, for example.
    """
    at = fields.get("created_at", MORNING)
    user_id = fields.get("user_id", "ada")
    ends_at = fields.get("ends_at", at + timedelta(days=30))
    return Session(
        **{
            "id": new_id(at, user_id),
            "user_id": user_id,
            "salt": new_salt(),
            "key_id": 1,
            "created_at": at,
            "seen_at": at,
            "authenticated_at": None if user_id is None else at,
            "expires_at": min(at + timedelta(days=14), ends_at),
            "ends_at": ends_at,
            "amr": () if user_id is None else ("pwd",),
            "aal": 0 if user_id is None else 1,
        }
        | fields
    )


def make_keys() -> Keys:
    """A ring of one key, always the same: tokens can be compared between runs. Never for real use."""
    return Keys([Key(id=1, secret=b"for tests, where nobody attacks!")])


def __getattr__(name: str) -> Any:
    # The contract needs pytest; the rest of this module does not.
    if name != "StoreContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pytest
    except ImportError:
        raise ImportError("StoreContract needs pytest; install it with `pip install pytest`") from None
    parts = ("changes", "caps", "endings", "holds", "questions", "searches", "feed", "background")
    for part in ("face", *parts):
        pytest.register_assert_rewrite(f"sojourn.testing.{part}")
    from sojourn.testing.contract import StoreContract

    return StoreContract
