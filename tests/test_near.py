"""The near cache: bounded in every way, and shared by threads."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace as _replaced

from sojourn import Device, Place, Policy
from sojourn.device import describe
from sojourn.near import NearCache
from sojourn.snapshot import Snapshot, digest, of
from sojourn.testing import MORNING, make_session

POLICY = Policy(cached_data=("role",))
STALE = MORNING + timedelta(minutes=5)


def made(**fields: Any) -> Snapshot:
    return of(make_session(**fields), POLICY, MORNING, STALE)


def name(n: int) -> bytes:
    return digest(f"token {n}")


def filled(many: int, limit: int) -> NearCache:
    near = NearCache(POLICY, limit=limit)
    for n in range(many):
        near.put(name(n), made(user_id=f"user {n}"))
    return near


def kept(near: NearCache, numbers: range) -> set[int]:
    return {n for n in numbers if near.get(name(n)) is not None}


@pytest.mark.parametrize("ready", [1, 512])
def test_what_was_put_is_found_as_it_was(monkeypatch, ready):
    monkeypatch.setattr("sojourn.near._READY", ready)
    near = NearCache(POLICY)
    snapshots = [
        made(
            user_id=f"user {n}",
            data={"role": n},
            device=Device(id=f"device {n}", name="Firefox", user_agent="Mozilla"),
            place=Place(city="Zürich", country="CH") if n % 2 else None,
        )
        for n in range(20)
    ]
    for n, snapshot in enumerate(snapshots):
        near.put(name(n), snapshot)
    for n, snapshot in enumerate(snapshots):
        found = near.get(name(n))
        assert found is not None
        assert (found.session, found.made_at, found.stale_at) == (
            snapshot.session,
            MORNING,
            STALE,
        )
        assert found.touch_at == MORNING + POLICY.touch_every


def test_a_newer_snapshot_takes_the_place_of_an_older_one():
    near = NearCache(POLICY)
    near.put(name(1), made(version=1))
    near.put(name(1), made(version=2))
    assert len(near) == 1
    found = near.get(name(1))
    assert found is not None
    assert found.version == 2


def test_what_was_dropped_or_never_there_is_not_found():
    near = filled(2, 10)
    near.drop(name(0))
    near.drop(name(7))
    assert kept(near, range(10)) == {1}


@pytest.mark.parametrize("limit", [1, 2, 10, 600, 2000])
def test_it_never_grows_beyond_its_limit(limit):
    near = filled(limit + 250, limit)
    assert len(near) <= limit
    assert near.get(name(limit + 249)) is not None
    assert near.get(name(0)) is None


def test_no_room_is_room_for_one():
    assert len(filled(3, 0)) == 1


@pytest.mark.parametrize("ready", [1, 100])
def test_who_is_used_stays_and_who_is_not_goes(monkeypatch, ready):
    monkeypatch.setattr("sojourn.near._READY", ready)
    near = filled(1000, 1000)
    for n in range(1000, 5000):
        assert near.get(name(7)) is not None
        near.put(name(n), made())
    assert near.get(name(8)) is None


def test_random_user_agents_leave_nothing_behind():
    near = NearCache(POLICY, limit=50)
    for n in range(2000):
        near.put(name(n), made(device=Device(user_agent=f"{n} " * 100), place=Place(city=f"{n}")))
    assert len(near._common) <= 2 * len(near)
    assert len(near._common._values) <= 2 * 50 + 2
    for n in range(2000):
        near.drop(name(n))
    assert len(near._common) == 0


def test_what_was_used_is_packed_anew(monkeypatch):
    monkeypatch.setattr("sojourn.near._READY", 1)
    near, later = NearCache(POLICY), STALE + timedelta(minutes=1)
    near.put(name(0), made())
    near.put(name(1), made())
    found = near.get(name(0))  # packed by now, and unpacked
    assert found is not None
    assert found.packed is not None
    seen = _replaced(found.session, seen_at=found.session.seen_at + timedelta(seconds=7))
    found.use(seen, timedelta(minutes=1))
    assert near.used(name(0), found, later)
    assert near.ready[name(0)] is found
    assert near.get(name(1)) is not None  # so the other one is packed
    again = near.get(name(0))
    assert again is not None
    assert again is not found
    assert (again.session.seen_at, again.stale_at) == (seen.seen_at, later)
    for n in range(2):
        near.drop(name(n))
    assert len(near._common) == 0


def test_what_is_gone_is_not_counted_twice_when_it_is_used(monkeypatch):
    monkeypatch.setattr("sojourn.near._READY", 1)
    near = NearCache(POLICY)
    near.put(name(0), made())
    near.put(name(1), made())
    found = near.get(name(0))
    assert found is not None
    assert near.get(name(1)) is not None  # packs the first one
    assert not near.used(name(0), found, STALE)
    near.drop(name(0))
    assert not near.used(name(0), found, STALE)
    assert sum(near._common._users) == 2  # a device and a place, of the other one


def test_who_was_used_is_the_last_to_be_packed(monkeypatch):
    monkeypatch.setattr("sojourn.near._READY", 3)
    near = filled(3, limit=100)
    first = near.ready[name(0)]
    assert near.used(name(0), first, STALE)
    near.put(name(3), made())
    assert list(near.ready) == [name(2), name(0), name(3)]


def test_a_session_takes_less_than_300_bytes():
    """With a user id of 36 characters, a user agent of about 120, a city and an address."""
    many = 20_000
    agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{n}.0.0.0 Safari/537.36"
        for n in range(100, 140)
    ]
    devices = [describe({"user-agent": agent}) for agent in agents]
    near = NearCache(POLICY, limit=many)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n in range(many):
        device = devices[n % len(devices)]
        fields = {field: getattr(device, field) for field in device.__struct_fields__}
        near.put(
            name(n),
            made(
                user_id=str(uuid4()),
                created_at=MORNING + n * timedelta(microseconds=1_234_567),
                device=Device(**fields | {"id": uuid4().hex}),
                place=Place(city=f"Town {n % 300}", country="FR"),
                ip=f"203.0.113.{n % 250}",
            ),
        )
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ready = 2_048 * 3000  # those that lie ready weigh more, and are as many in a larger cache
    assert (after - before - ready) / many < 300


def test_threads_share_it():
    near = NearCache(POLICY, limit=64)
    devices = [Device(name=f"device {n}") for n in range(100)]

    def work(seed: int) -> list[str]:
        wrong = []
        for step in range(600):
            n = (seed * 31 + step * 7) % 100
            near.put(name(n), made(user_id=f"user {n}", device=devices[n]))
            found = near.get(name((n + 3) % 100))
            if found is not None and found.session.user_id != f"user {found.session.device.name[7:]}":
                wrong.append(repr(found.session))
            if step % 50 == 0:
                near.drop(name(n))
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert [wrong for found in pool.map(work, range(8)) for wrong in found] == []
    assert len(near) <= 64
    users = sum(near._common._users)
    packed = len(near._packed) + sum(kept.packed is not None for kept in near.ready.values())
    assert packed > 32
    assert users == 2 * packed  # a device and a place of each that was packed, no more
