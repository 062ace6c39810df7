"""Law 9: absence is a value, a refusal is a `SessionError`, a fault is the driver's, and never a sign-out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from sojourn import Issued, Query, Sessions
from sojourn.blocking import drive
from sojourn.errors import SessionError, SessionNotFound, TokenInvalid
from sojourn.sessions import ANYBODY
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.testing import make_session
from tests.conftest import Open

NOBODY = UUID(int=1)


class Away(Exception):
    """A driver's exception: the database cannot be reached."""


class Flaky(MemoryStore):
    """A store whose database goes away and comes back."""

    faults: tuple[type[Exception], ...] = (Away,)
    away: tuple[str, ...] = ()

    def __getattribute__(self, name: str) -> Any:
        if name in object.__getattribute__(self, "away"):
            return self._fail
        return super().__getattribute__(name)

    async def _fail(self, *_: Any, **__: Any) -> None:
        raise Away("connection refused")


VERBS: dict[str, tuple[str, Callable[[Sessions, Issued], Any]]] = {
    "start": ("insert", lambda sessions, issued: sessions.start("ada")),
    "start again": ("get", lambda sessions, issued: sessions.start("ada", replacing=issued.session)),
    "start, replacing a visitor": (
        "revoke",
        lambda sessions, issued: sessions.start("bob", replacing=issued.session),
    ),
    "validate": ("get", lambda sessions, issued: sessions.validate(issued.token)),
    "refresh, reading": ("get", lambda sessions, issued: sessions.refresh(issued.token)),
    "refresh, writing": ("replace", lambda sessions, issued: sessions.refresh(issued.token)),
    "renew": ("replace", lambda sessions, issued: sessions.renew(issued.session.id)),
    "renew_all": ("select", lambda sessions, issued: sessions.renew_all("ada")),
    "update": ("replace", lambda sessions, issued: sessions.update(issued.session.id, set={"a": 1})),
    "revoke": ("revoke", lambda sessions, issued: sessions.revoke(issued.session.id, owner="ada")),
    "revoke_all": ("revoke", lambda sessions, issued: sessions.revoke_all("ada")),
    "list": ("select", lambda sessions, issued: sessions.list("ada")),
    "history": ("select", lambda sessions, issued: sessions.history("ada")),
    "select": ("select", lambda sessions, issued: sessions.select(Query(user_id="ada"))),
    "count": ("count", lambda sessions, issued: sessions.count()),
    "purge": ("purge", lambda sessions, issued: sessions.purge()),
}


@pytest.fixture
def flaky() -> Flaky:
    return Flaky()


@pytest.fixture
def over_flaky(flaky: Flaky, open_sessions: Open) -> Sessions:
    return open_sessions(store=flaky)


@pytest.mark.req("AX-2.3.3")
@pytest.mark.parametrize("verb", VERBS)
def test_law_09_a_fault_is_the_drivers_own_exception(over_flaky, flaky, verb):
    issued = over_flaky.start("ada")
    flaky.away, act = (VERBS[verb][0],), VERBS[verb][1]
    with pytest.raises(Away, match="connection refused"):
        act(over_flaky, issued)


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - {"start, replacing a visitor"}))
def test_law_09_a_fault_signs_nobody_out(over_flaky, flaky, verb):
    issued = over_flaky.start("ada")
    flaky.away, act = (VERBS[verb][0],), VERBS[verb][1]
    with pytest.raises(Away):
        act(over_flaky, issued)
    flaky.away = ()
    assert over_flaky.validate(issued.token).session.id == issued.session.id


def test_law_09_a_refresh_that_failed_can_be_repeated(over_flaky, flaky, clock):
    token = over_flaky.start("ada").token
    flaky.away = ("replace",)
    with pytest.raises(Away):
        over_flaky.refresh(token)
    flaky.away = ()
    clock.tick(minutes=30)
    assert over_flaky.refresh(token).session.generation == 1


def test_law_09_a_fault_is_told_as_nothing(over_flaky, flaky, events):
    issued = over_flaky.start("ada")
    flaky.away = ("get", "replace", "revoke")
    events.clear()
    for act in (over_flaky.validate, over_flaky.refresh):
        with pytest.raises(Away):
            act(issued.token)
    assert events == []


def test_law_09_a_store_that_cannot_write_activity_serves_on(over_flaky, flaky, clock):
    token = over_flaky.start("ada").token
    flaky.away = ("touch",)
    for _ in range(3):
        clock.tick(minutes=5)
        assert over_flaky.validate(token).session.user_id == "ada"


def test_law_09_in_a_store_absence_is_a_value(store: Store):
    kept, session = store.blocking(), make_session()
    assert drive(kept.get(NOBODY)) is None
    assert drive(kept.replace(session, at=session.created_at)) is False
    assert drive(kept.select(Query(id=NOBODY))) == []
    assert drive(kept.count(Query(user_id="nobody"))) == 0
    assert drive(kept.purge(before=session.created_at + timedelta(days=1))) == 0


@pytest.mark.parametrize("verb", ["validate", "refresh"])
def test_law_09_garbage_is_a_refusal(sessions, verb):
    with pytest.raises(TokenInvalid) as refused:
        getattr(sessions, verb)("garbage")
    assert isinstance(refused.value, SessionError)


def test_law_09_what_a_verb_does_not_find_is_a_refusal(sessions):
    for act in (lambda: sessions.renew(NOBODY), lambda: sessions.revoke(NOBODY, owner=ANYBODY)):
        with pytest.raises(SessionNotFound):
            act()
