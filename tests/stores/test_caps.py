"""Caps of every store, against a model of ten lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Session
from sojourn.stores import open_store
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Cap, CapRule, Query, Store
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, make_session
from tests.servers.fixtures import postgres, redis_server
from tests.stores.acts import NOW

__all__ = ["postgres", "redis_server"]

SERVERS = ("postgres", "redis_server")


@pytest.fixture(
    scope="module",
    params=["memory", "sqlite", *(pytest.param(name, marks=pytest.mark.servers) for name in SERVERS)],
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        store: Store = MemoryStore()
    elif request.param == "sqlite":
        store = SQLiteStore(None)
    else:
        store = open_store(request.getfixturevalue(request.param).new_database())
    yield store.blocking()
    drive(store.blocking().close())


def model(new: Session, live: list[Session], cap: Cap) -> tuple[list[tuple[UUID, Reason]], list[UUID]]:
    """Who ends and who is in the way. One at a time, as a person would do it."""
    browser = (new.device.id, new.application_id, new.tenant_id)
    here = [s for s in live if s.device.id and (s.device.id, s.application_id, s.tenant_id) == browser]
    ended, left = [(s.id, Reason.REPLACED) for s in here], [s for s in live if s not in here]
    for rule in cap.all_rules:
        while (
            len(scope := [s for s in left if all(getattr(s, f) == getattr(new, f) for f in rule.same)])
            >= rule.limit
        ):
            if rule.action == "refuse":
                return [], sorted((s.id for s in scope), reverse=True)
            first = min(scope, key=lambda s: (s.seen_at if rule.action == "end_idle" else s.created_at, s.id))
            ended.append((first.id, Reason.CAP))
            left.remove(first)
    return ended, []


FIELDS = ["application_id", "tenant_id", "profile"]
rules = st.builds(
    CapRule,
    limit=st.integers(1, 4),
    action=st.sampled_from(["end_oldest", "end_idle", "refuse"]),
    same=st.lists(st.sampled_from(FIELDS), unique=True).map(tuple),
)
caps = st.builds(
    Cap, at=st.just(NOW), rules=st.lists(rules, max_size=3).map(tuple), limit=st.none() | st.integers(1, 5)
)
sign_ins = st.fixed_dictionaries(
    {
        "device": st.sampled_from([None, "laptop", "phone"]).map(lambda id: Device(id=id)),
        "seen_at": st.integers(0, 3).map(lambda n: NOW + timedelta(seconds=n)),
        "application_id": st.sampled_from([None, "shop"]),
        "tenant_id": st.sampled_from([None, "acme"]),
        "profile": st.sampled_from([None, "kiosk", "till"]),
    }
)


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.tuples(sign_ins, caps), max_size=12))
def test_caps_do_what_the_model_says(store: Store, steps: list[tuple[dict[str, Any], Cap]]) -> None:
    live: list[Session] = []
    user_id = str(uuid4())
    for n, (fields, cap) in enumerate(steps):
        new = make_session(user_id=user_id, created_at=MORNING + timedelta(seconds=n), **fields)
        ended, in_the_way = model(new, live, cap)
        inserted = drive(store.insert(new, cap=cap))
        assert [session.id for session in inserted.in_the_way] == in_the_way
        assert inserted.done is not bool(in_the_way)
        assert (inserted.refused_by in cap.all_rules) is bool(in_the_way)
        assert sorted(inserted.ended) == sorted(ended)
        gone = {id for id, _ in ended}
        live = [s for s in (*live, new) if s.id not in gone and not (in_the_way and s is new)]
        found = drive(store.select(Query(user_id=user_id, live_at=NOW)))
        assert sorted(found, key=lambda s: s.id) == sorted(live, key=lambda s: s.id)
