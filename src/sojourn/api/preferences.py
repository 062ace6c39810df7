"""What people may decide about their own sessions: after how long without use they are signed out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace as _replaced

from sojourn.api.current import BASE
from sojourn.api.routes import Call, Route
from sojourn.errors import BodyRejected
from sojourn.policy import LEAST_IDLE, Policy, words

__all__ = ["CHOICES", "ROUTES", "Preferences", "Preferred", "get_preferences", "set_preferences"]

CHOICES = (
    *(LEAST_IDLE, timedelta(minutes=15), timedelta(hours=1), timedelta(hours=8)),
    *(timedelta(days=1), timedelta(days=7), timedelta(days=30)),
)

_SECOND = timedelta(seconds=1)


class Preferences(Struct, kw_only=True):
    """In seconds. `idle_timeout`: null, as the policy has it. `choices` are what a screen would offer."""

    idle_timeout: int | None
    idle_timeout_most: int | None  # the policy's; null: it has none
    idle_timeout_least: int
    choices: list[int]


class Preferred(Struct, kw_only=True, forbid_unknown_fields=True):
    """Any whole number of seconds between the least and the most will do."""

    idle_timeout: Annotated[int, Meta(ge=0, le=400 * 86_400)] | None


async def get_preferences(call: Call) -> Preferences:
    """What you have decided about your sessions, and what you may."""
    user = await call.accounts.get(call.me)  # or the application has users of its own
    return _shown(user.idle_timeout if user else call.mine.idle_timeout, _rules(call))


async def set_preferences(call: Call) -> Preferences:
    """Decide after how long without use you are signed out: on every device, from now on."""
    given, policy = call.body.idle_timeout, _rules(call)
    idle = None if given is None else timedelta(seconds=given)
    most = _most(policy)
    if idle is not None and not LEAST_IDLE <= idle <= most:
        raise BodyRejected(
            f"Choose between {words(LEAST_IDLE)} and {words(most)}, or null."
            if most >= LEAST_IDLE
            else "There is nothing to choose here: you are signed out sooner than that.",
            status=422,
            field="idle_timeout",
        )
    user_id = str(call.in_person.user_id)
    await call.accounts.limit_idle(user_id, idle)
    return _shown(idle, policy)


def _rules(call: Call) -> Policy:
    """What holds for the session that asks, but for what its user decided."""
    return call.visit.site.sessions.policy.of(_replaced(call.mine, idle_timeout=None))


def _most(policy: Policy) -> timedelta:
    return policy.lifetime if policy.idle_timeout is None else policy.idle_timeout


def _shown(own: timedelta | None, policy: Policy) -> Preferences:
    most = _most(policy)
    return Preferences(
        # The policy may have become the stricter one since.
        idle_timeout=None if own is None or own > most else own // _SECOND,
        idle_timeout_most=None if policy.idle_timeout is None else policy.idle_timeout // _SECOND,
        idle_timeout_least=LEAST_IDLE // _SECOND,
        choices=[choice // _SECOND for choice in CHOICES if choice <= most],
    )


_PATH = f"{BASE}/preferences"

ROUTES = (
    Route(method="GET", path=_PATH, guard="session", act=get_preferences, returns=Preferences),
    Route(
        method="PATCH",
        path=_PATH,
        guard="fresh",
        act=set_preferences,
        body=Preferred,
        returns=Preferences,
        refusals=("forbidden", "session_changed"),
    ),
)
