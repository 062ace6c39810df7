"""Law 2: replace never creates; touch never revives, and never moves time back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from sojourn import Query, Reason, Session
from sojourn.blocking import drive
from sojourn.session import Seen
from sojourn.stores.protocol import Store
from sojourn.testing import MORNING, make_session

T = TypeVar("T")
HOUR = timedelta(hours=1)
NOW = MORNING + HOUR


@pytest.fixture
def kept(store: Store) -> Store:
    return store.blocking()


def in_store(store: Store, **fields: Any) -> Session:
    session = make_session(**fields)
    assert do(store.insert(session)).done
    return session


def do(verb: Coroutine[Any, Any, T]) -> T:
    return drive(verb)


END: dict[str, Callable[[Store, Session], Any]] = {
    "revoked": lambda store, s: do(store.revoke(Query(id=s.id), at=NOW, reason=Reason.USER)),
    "expired": lambda store, s: None,
    "purged": lambda store, s: do(store.purge(before=MORNING + 100 * 24 * HOUR)),
}


@pytest.fixture(params=END)
def over(request: pytest.FixtureRequest, kept: Store) -> Session:
    """A session that has ended before `NOW` in one of the three ways."""
    expires_at = NOW if request.param == "expired" else NOW + HOUR
    session = in_store(kept, expires_at=expires_at)
    END[request.param](kept, session)
    return session


def test_law_02_replace_never_creates(kept):
    session = make_session()
    assert not do(kept.replace(session, at=NOW))
    assert not do(kept.replace(session.change(), at=NOW))
    assert do(kept.get(session.id)) is None


@pytest.mark.req("TH-21")
def test_law_02_replace_never_revives(kept, over):
    before = do(kept.get(over.id))
    later = replace(over, version=(before or over).version + 1, expires_at=NOW + HOUR, revoked_at=None)
    assert not do(kept.replace(later, at=NOW))
    assert do(kept.get(over.id)) == before


def test_law_02_touch_never_revives(kept, over):
    before = do(kept.get(over.id))
    do(kept.touch({over.id: Seen(NOW, NOW + HOUR, 0)}, at=NOW))
    assert do(kept.get(over.id)) == before


def test_law_02_touch_never_moves_time_back(kept):
    session = in_store(kept, seen_at=NOW)
    do(kept.touch({session.id: Seen(NOW - HOUR, session.expires_at - HOUR)}, at=NOW))
    assert do(kept.get(session.id)) == session


def test_law_02_replace_never_moves_activity_back(kept):
    session = in_store(kept, seen_at=NOW)
    stale = session.change(seen_at=NOW - HOUR, expires_at=session.expires_at - HOUR)
    assert do(kept.replace(stale, at=NOW))
    found = do(kept.get(session.id))
    assert (found.seen_at, found.expires_at) == (session.seen_at, session.expires_at)


def test_law_02_touch_never_moves_an_end_past_the_absolute_one(kept):
    session = in_store(kept, ends_at=NOW + HOUR)
    do(kept.touch({session.id: Seen(NOW, NOW + 2 * HOUR)}, at=NOW))
    assert do(kept.get(session.id)).expires_at == NOW + HOUR
