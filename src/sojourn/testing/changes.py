"""What a store keeps of `insert`, `get`, `replace` and `touch`."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace as _replaced

from sojourn.session import Device, Held, Place, Reason, Seen
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws

__all__ = ["Changes"]

FULL = make_session(
    user_id="Ада Лавлейс 🦊",
    application_id="shop",
    tenant_id="acme",
    salt=bytes(range(256))[:32],
    generation=7,
    key_id=65_535,
    created_at=MORNING + 1 * MOMENT,
    seen_at=MORNING + 999_999 * MOMENT,
    authenticated_at=MORNING + 3 * MOMENT,
    expires_at=MORNING + DAY + 4 * MOMENT,
    ends_at=MORNING + 2 * DAY + 5 * MOMENT,
    rotated_at=MORNING + 6 * MOMENT,
    confirmed_at=MORNING + 7 * MOMENT,
    forgiven_at=MORNING + 8 * MOMENT,
    renew_due=True,
    revoked_at=MORNING + 9 * MOMENT,
    reason=Reason.ADMIN,
    revoked_by="grace",
    note='lost "phone"\n– see #12',
    amr=("pwd", "otp"),
    aal=2,
    device=Device(
        id="d" * 43,
        kind="mobile",
        name="Firefox 140 on Android",
        model="Pixel 9",
        custom_name="Küchen-Tablet 🍳",
        browser="Firefox",
        browser_version="140.0",
        os="Android",
        os_version="16",
        user_agent="Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    ),
    place=Place(city="Zürich", country="CH"),
    ip="2001:db8::1",
    remember=True,
    profile="kiosk",
    impersonator_id="Грейс 🐝",
    parent_id=UUID("019cadc6-9a80-7ea2-a89c-0a8db1c78a24"),
    parent_version=3,
    held=Held(
        MORNING + 10 * MOMENT, UUID("019cadc6-9a80-7ea2-a89c-0a8db1c78a25"), MORNING + DAY + 11 * MOMENT
    ),
    idle_timeout=8 * HOUR,
    data={"cart": [1, 2.5, None, True, {"née": "☕"}], "": "\x00\t"},
    version=3,
    void_below=2,
)


class Changes(Laws):
    """Nothing is lost, nothing is overwritten unseen, and time only goes forward."""

    # ── insert and get ─────────────────────────────────────────────────────────────────────────────

    def test_law_08_every_field_survives(self, store: Face) -> None:
        store.insert(FULL)
        assert store.get(FULL.id) == FULL
        assert store.select(Query(id=FULL.id)) == [FULL]

    def test_law_08_times_are_in_utc(self, store: Face) -> None:
        store.insert(FULL)
        stored = store.get(FULL.id)
        values = [*msgspec.structs.asdict(stored).values(), stored.held.until, stored.held.ends_at]
        times = [value for value in values if isinstance(value, datetime)]
        assert {time.tzinfo for time in times} == {UTC}

    @pytest.mark.parametrize("fields", [{}, {"impersonator_id": "00" * 16}, {"profile": "kiosk"}])
    def test_an_impersonation_is_kept_whatever_else_there_is(
        self, store: Face, fields: dict[str, Any]
    ) -> None:
        at, who = MORNING, {"impersonator_id": "grace", "parent_id": make_session().id} | fields
        child = self.started(store, at=at - MORNING, **who)
        store.insert(ended := make_session(**who, revoked_at=NOW, reason=Reason.SYSTEM))
        assert [store.get(s.id) for s in (child, ended)] == [child, ended]
        changed = child.change(data={"x": 1}, parent_version=2**31 - 1)
        assert store.replace(changed, at=NOW)
        assert store.get(child.id) == changed

    @pytest.mark.parametrize(
        "fields",
        [
            {"idle_timeout": 5 * MINUTE},
            {"held": Held(NOW, make_session().id, NOW + DAY)},
            {"device": Device(custom_name="tablet")},
            {"device": Device(id="d" * 43, custom_name="")},
        ],
    )
    def test_what_its_user_says_of_it_is_kept_and_taken_back(
        self, store: Face, fields: dict[str, Any]
    ) -> None:
        session = self.started(store, **fields)
        assert store.get(session.id) == session
        changed = session.change(idle_timeout=None, held=None, device=Device())
        assert store.replace(changed, at=MORNING)
        assert store.get(session.id) == changed
        assert store.replace(again := changed.change(**fields), at=MORNING)
        assert store.get(session.id) == again

    def test_what_is_none_stays_none(self, store: Face) -> None:
        session = make_session(user_id=None)
        store.insert(session)
        assert store.get(session.id) == session

    @pytest.mark.parametrize("size", [0, 1, 70_000])
    def test_data_of_any_size_survives(self, store: Face, size: int) -> None:
        session = make_session(data={f"key {n}": "ü" for n in range(size // 10)} | {"long": "x" * size})
        store.insert(session)
        assert store.get(session.id) == session

    def test_data_is_kept_apart_from_the_callers(self, store: Face) -> None:
        mine: dict[str, Any] = {"cart": {"books": [1]}}
        session = self.started(store, data=mine)
        mine["cart"]["books"].append(2)
        assert store.get(session.id).data == {"cart": {"books": [1]}}
        assert store.replace(session.change(data=mine), at=NOW)
        mine["cart"]["books"].append(3)
        store.get(session.id).data["cart"]["books"].append(4)
        store.select(Query(id=session.id))[0].data["cart"].clear()
        assert store.get(session.id).data == {"cart": {"books": [1, 2]}}

    def test_missing_is_none(self, store: Face) -> None:
        assert store.get(make_session().id) is None

    def test_insert_never_overwrites(self, store: Face) -> None:
        first = make_session(data={"first": True})
        assert store.insert(first).done
        assert not store.insert(_replaced(first, data={"first": False})).done
        assert store.get(first.id) == first

    def test_an_insert_that_is_refused_ends_nobody(self, store: Face) -> None:
        first = make_session()
        other = self.started(store, at=MINUTE)
        store.insert(first)
        assert not store.insert(first, cap=Cap(at=NOW, limit=1)).done
        assert store.get(other.id) == other

    def test_one_of_many_insertions_of_an_id_is_done(self, store: Face) -> None:
        session = make_session()
        answers = store.together("insert", [session] * 8)
        assert sorted(answer.done for answer in answers) == [False] * 7 + [True]

    # ── replace ────────────────────────────────────────────────────────────────────────────────────

    def test_replace_overwrites_the_version_before(self, store: Face) -> None:
        session = self.started(store, user_id=FULL.user_id)  # the id tells the bucket of this user
        changed = _replaced(FULL, id=session.id, version=2, expires_at=FULL.ends_at)
        assert store.replace(changed, at=NOW)
        assert store.get(session.id) == changed

    @pytest.mark.parametrize("version", [1, 2, 3, 5])
    def test_replace_refuses_every_other_version(self, store: Face, version: int) -> None:
        stored = make_session(version=3)
        store.insert(stored)
        assert not store.replace(_replaced(stored, version=version, ip="192.0.2.1"), at=NOW)
        assert store.get(stored.id) == stored

    def test_law_02_replace_never_creates(self, store: Face) -> None:
        session = make_session()
        assert not store.replace(session, at=NOW)
        assert not store.replace(session.change(), at=NOW)
        assert store.get(session.id) is None

    def test_law_02_replace_never_moves_time_back(self, store: Face) -> None:
        session = self.started(store)
        later = Seen(session.seen_at + HOUR, session.expires_at + HOUR)
        store.touch({session.id: later}, at=NOW)
        assert store.replace(session.change(data={"x": 1}), at=NOW)
        stored = store.get(session.id)
        assert (stored.seen_at, stored.expires_at) == (later.seen_at, later.expires_at)
        assert stored.data == {"x": 1}

    def test_replace_lets_nothing_live_past_the_end_it_gives(self, store: Face) -> None:
        session = self.started(store)
        assert store.replace(session.change(ends_at=NOW + HOUR), at=NOW)
        assert store.get(session.id).expires_at == NOW + HOUR

    def test_replace_keeps_the_confirmation_of_the_same_generation(self, store: Face) -> None:
        session = self.started(store, generation=1)
        store.touch({session.id: Seen(session.seen_at, session.expires_at, 1)}, at=NOW)
        assert store.replace(session.change(data={"x": 1}), at=NOW)
        assert store.get(session.id).confirmed_at == NOW

    def test_a_new_generation_is_not_confirmed(self, store: Face) -> None:
        session = self.started(store, generation=1, confirmed_at=MORNING)
        assert store.replace(session.change(generation=2, confirmed_at=None), at=NOW)
        assert store.get(session.id).confirmed_at is None

    def test_law_03_one_of_many_replacements_wins(self, store: Face) -> None:
        session = self.started(store)
        rivals = [session.change(data={"rival": n}) for n in range(16)]
        wins = store.together("replace", rivals, at=NOW)
        assert sum(wins) == 1
        assert store.get(session.id) == rivals[wins.index(True)]

    # ── touch ──────────────────────────────────────────────────────────────────────────────────────

    def test_touch_records_uses_and_leaves_versions(self, store: Face) -> None:
        touched = [self.started(store, at=n * MINUTE) for n in range(3)]
        uses = {s.id: Seen(NOW + n * MOMENT, s.expires_at + n * MOMENT) for n, s in enumerate(touched)}
        store.touch(uses | {make_session().id: Seen(NOW, NOW + DAY)}, at=NOW)
        assert [store.get(s.id) for s in touched] == [
            _replaced(s, seen_at=uses[s.id].seen_at, expires_at=uses[s.id].expires_at) for s in touched
        ]

    def test_touching_nobody_does_nothing(self, store: Face) -> None:
        store.touch({}, at=NOW)

    def test_law_02_touch_never_moves_time_back(self, store: Face) -> None:
        session = self.started(store)
        store.touch({session.id: Seen(session.seen_at - MOMENT, session.expires_at - MOMENT)}, at=NOW)
        assert store.get(session.id) == session

    def test_touch_leaves_alone_who_was_seen_of_late(self, store: Face) -> None:
        """Another process was faster: at most one write a session and span, whatever the number of them."""
        ages = (MOMENT, MINUTE - MOMENT, MINUTE, HOUR)
        touched = [self.started(store, seen_at=NOW - age) for age in ages]
        uses = {s.id: Seen(NOW, s.expires_at + MOMENT) for s in touched}
        store.touch(uses, at=NOW, unless_since=NOW - MINUTE)
        moved = [_replaced(s, seen_at=NOW, expires_at=uses[s.id].expires_at) for s in touched]
        assert [store.get(s.id) for s in touched] == [*touched[:2], *moved[2:]]

    def test_touch_confirms_who_was_seen_of_late_too(self, store: Face) -> None:
        rotated = self.started(store, seen_at=NOW, generation=2, rotated_at=NOW - MOMENT)
        use = Seen(NOW, rotated.expires_at, 2)
        store.touch({rotated.id: use}, at=NOW, unless_since=NOW - MINUTE)
        assert store.get(rotated.id) == _replaced(rotated, confirmed_at=NOW)

    def test_touch_never_reaches_past_the_end(self, store: Face) -> None:
        session = self.started(store)
        store.touch({session.id: Seen(NOW, session.ends_at + DAY)}, at=NOW)
        assert store.get(session.id).expires_at == session.ends_at

    def test_touch_confirms_the_present_generation_once(self, store: Face) -> None:
        session = self.started(store, generation=2)
        for generation in (1, 3, None):
            store.touch({session.id: Seen(session.seen_at, session.expires_at, generation)}, at=NOW)
            assert store.get(session.id).confirmed_at is None
        for at in (NOW, NOW + HOUR):
            store.touch({session.id: Seen(session.seen_at, session.expires_at, 2)}, at=at)
            assert store.get(session.id).confirmed_at == NOW

    def test_law_02_touch_never_revives(self, store: Face) -> None:
        revoked = self.started(store, revoked_at=MORNING, reason=Reason.USER)
        expired = self.started(store, expires_at=NOW)
        store.touch({s.id: Seen(NOW, NOW + DAY, 0) for s in (revoked, expired)}, at=NOW)
        assert [store.get(s.id) for s in (revoked, expired)] == [revoked, expired]
