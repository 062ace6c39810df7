"""Who makes room for a sign-in: what `insert` does with a `Cap`."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Cap, CapRule, Inserted, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, MINUTE, NOW, Face, Laws

__all__ = ["Caps"]

SCOPES: list[dict[str, Any]] = [
    {"application_id": "shop"},
    {"tenant_id": "acme"},
    {"profile": "kiosk"},
    {"application_id": "shop", "tenant_id": "acme", "profile": "kiosk"},
    {"application_id": None},
    {"profile": None},
]
LAPTOP = Device(id="laptop")


class Caps(Laws):
    """As many as the rules say, and nobody else ends for it."""

    # ── one rule about all ─────────────────────────────────────────────────────────────────────────

    def test_without_a_limit_nobody_ends(self, store: Face) -> None:
        for n in range(5):
            assert store.insert(make_session(created_at=MORNING + n * MINUTE), cap=Cap(at=NOW)).ended == ()
        assert store.count(Query(user_id="ada", live_at=NOW)) == 5

    @pytest.mark.parametrize(("action", "victim"), [("end_oldest", 0), ("end_idle", 1)])
    def test_the_surplus_ends(self, store: Face, action: Any, victim: int) -> None:
        old, idle, busy = others = [self.started(store, at=n * MINUTE) for n in range(3)]
        store.touch({session.id: Seen(NOW, NOW + DAY) for session in (old, busy)}, at=NOW)
        new, over = make_session(created_at=NOW), store.get(others[victim].id)
        assert store.insert(new, cap=Cap(at=NOW, limit=3, action=action)).ended == ((over.id, Reason.CAP),)
        assert store.get(over.id) == over.change(revoked_at=NOW, reason=Reason.CAP)
        assert set(self.living(store)) == {old.id, idle.id, busy.id, new.id} - {over.id}

    def test_a_lowered_limit_ends_several_but_never_the_new_one(self, store: Face) -> None:
        others = [self.started(store, at=n * MINUTE) for n in range(3)]
        earliest = make_session(created_at=MORNING - DAY)  # from a process whose clock is slow
        inserted = store.insert(earliest, cap=Cap(at=NOW, limit=1, action="end_oldest"))
        assert {id for id, _ in inserted.ended} == {session.id for session in others}
        assert self.living(store) == [earliest.id]

    def test_refuse_says_who_is_in_the_way_and_changes_nothing(self, store: Face) -> None:
        others = [self.started(store, at=n * MINUTE) for n in range(2)]
        same = self.started(store, device=Device(id="laptop"))
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        inserted = store.insert(new, cap=Cap(at=NOW, limit=2, action="refuse"))
        assert not inserted.done
        assert {session.id for session in inserted.in_the_way} == {session.id for session in others}
        assert inserted.ended == ()
        assert store.get(new.id) is None
        assert store.get(same.id) == same

    def test_the_same_device_makes_room_for_itself(self, store: Face) -> None:
        here = self.started(store, device=Device(id="laptop"))
        there = self.started(store, device=Device(id="phone"))
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        inserted = store.insert(new, cap=Cap(at=NOW, limit=2, action="refuse"))
        assert inserted.done
        assert inserted.ended == ((here.id, Reason.REPLACED),)
        assert store.get(here.id).reason is Reason.REPLACED
        assert store.get(there.id) == there

    def test_devices_without_an_id_are_not_the_same(self, store: Face) -> None:
        other = self.started(store)
        assert store.insert(make_session(created_at=NOW), cap=Cap(at=NOW)).ended == ()
        assert store.get(other.id) == other

    def test_only_the_users_own_living_sessions_count(self, store: Face) -> None:
        stay = [
            self.started(store, user_id="grace", device=Device(id="laptop")),
            self.started(store, expires_at=NOW, device=Device(id="laptop")),
            self.started(store, revoked_at=MORNING, reason=Reason.USER),
        ]
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        assert store.insert(new, cap=Cap(at=NOW, limit=1)).ended == ()
        assert [store.get(session.id) for session in stay] == stay

    def test_an_impersonation_takes_no_room_and_makes_none(self, store: Face) -> None:
        parent = make_session(user_id="grace")
        acting = self.started(store, impersonator_id="grace", parent_id=parent.id, device=Device(id="laptop"))
        own = self.started(store, at=MINUTE)
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        assert store.insert(new, cap=Cap(at=NOW, limit=2, action="refuse")).done
        third = make_session(created_at=NOW + MINUTE)
        inserted = store.insert(third, cap=Cap(at=NOW, limit=2, action="end_oldest"))
        assert inserted.ended == ((own.id, Reason.CAP),)
        assert store.get(acting.id) == acting

    def test_visitors_are_not_capped(self, store: Face) -> None:
        for n in range(3):
            visitor = make_session(user_id=None, created_at=MORNING + n * MINUTE, device=Device(id="laptop"))
            assert store.insert(visitor, cap=Cap(at=NOW, limit=1, action="refuse")).done
        assert store.count(Query(live_at=NOW)) == 3

    @pytest.mark.parametrize("action", ["end_oldest", "end_idle", "refuse"])
    def test_a_race_of_sign_ins_never_leaves_more_than_the_limit(self, store: Face, action: Any) -> None:
        cap = Cap(at=NOW, limit=3, action=action)
        new = [make_session(created_at=MORNING + n * MINUTE) for n in range(20)]
        answers = store.together("insert", new, cap=cap)
        assert len(self.living(store)) == 3
        assert sum(answer.done for answer in answers) == (3 if action == "refuse" else 20)

    def test_what_can_live_gives_way_wherever_the_caller_says_that_it_begins(self, store: Face) -> None:
        old, new = self.started(store, at=-5 * DAY), make_session(created_at=NOW)
        cap = Cap(at=NOW, limit=1, created_since=MORNING - 5 * DAY)
        assert store.insert(new, cap=cap).ended == ((old.id, Reason.CAP),)

    # ── applications in one browser ────────────────────────────────────────────────────────────────

    def test_two_applications_in_one_browser_are_two_sessions(self, store: Face) -> None:
        shop, blog, acme, none = (
            self.started(store, device=LAPTOP, application_id=application_id, tenant_id=tenant_id)
            for application_id, tenant_id in (("shop", None), ("blog", None), (None, "acme"), (None, None))
        )
        for old in (shop, blog, acme, none):
            new = make_session(
                created_at=NOW, device=LAPTOP, application_id=old.application_id, tenant_id=old.tenant_id
            )
            assert store.insert(new, cap=Cap(at=NOW)).ended == ((old.id, Reason.REPLACED),)

    def test_another_profile_in_the_same_browser_takes_the_place(self, store: Face) -> None:
        old = self.started(store, device=LAPTOP, profile="kiosk")
        new = make_session(created_at=NOW, device=LAPTOP)
        assert store.insert(new, cap=Cap(at=NOW)).ended == ((old.id, Reason.REPLACED),)

    # ── several rules ──────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("same", SCOPES, ids=str)
    @pytest.mark.parametrize("action", ["end_oldest", "end_idle", "refuse"])
    def test_a_rule_counts_only_what_is_like_the_new_one(
        self, store: Face, same: dict[str, Any], action: Any
    ) -> None:
        inside = [self.started(store, at=n * MINUTE, **same) for n in (1, 2)]
        for field in same:
            self.started(store, **same | {field: "other"})
        names: Any = tuple(same)
        rule = CapRule(limit=2, action=action, same=names)
        inserted = store.insert(make_session(created_at=NOW, **same), cap=Cap(at=NOW, rules=(rule,)))
        if action == "refuse":
            assert inserted == Inserted(False, in_the_way=(inside[1], inside[0]), refused_by=rule)
        else:
            assert inserted == Inserted(True, ended=((inside[0].id, Reason.CAP),))
        assert len(self.living(store)) == 2 + len(same)

    def test_a_rule_that_counts_nobody_ends_nobody(self, store: Face) -> None:
        stay = [self.started(store, at=n * MINUTE, application_id="shop") for n in range(3)]
        new = make_session(created_at=NOW, application_id="blog")
        rule = CapRule(limit=1, same=("application_id",))
        rules = (rule, _replaced(rule, action="refuse"))
        assert store.insert(new, cap=Cap(at=NOW, rules=rules)) == Inserted(True)
        assert [store.get(session.id) for session in stay] == stay

    def test_each_rule_counts_what_those_before_it_left(self, store: Face) -> None:
        first = self.started(store)
        shop = [self.started(store, at=n * MINUTE, application_id="shop") for n in (1, 2)]
        rule = CapRule(limit=2, action="end_oldest", same=("application_id",))
        cap = Cap(at=NOW, rules=(rule,), limit=3, action="end_oldest")
        new = [make_session(created_at=NOW + n * MINUTE, application_id="shop") for n in range(2)]
        assert store.insert(new[0], cap=cap).ended == ((shop[0].id, Reason.CAP),)  # which is enough for both
        ended = store.insert(new[1], cap=_replaced(cap, limit=2)).ended
        assert set(ended) == {(shop[1].id, Reason.CAP), (first.id, Reason.CAP)}
        assert set(self.living(store)) == {session.id for session in new}

    def test_who_gives_way_by_two_rules_ends_once(self, store: Face) -> None:
        one = self.started(store, application_id="shop", tenant_id="acme")
        rules = tuple(CapRule(limit=1, same=(name,)) for name in ("tenant_id", "application_id"))
        new = make_session(created_at=NOW, application_id="shop", tenant_id="acme")
        assert store.insert(new, cap=Cap(at=NOW, rules=rules, limit=1)).ended == ((one.id, Reason.CAP),)
        assert store.get(one.id).version == 2

    def test_once_a_rule_refuses_nobody_ends(self, store: Face) -> None:
        here = self.started(store, device=LAPTOP, application_id="shop")
        shop = self.started(store, at=MINUTE, application_id="shop")
        others = [self.started(store, at=n * MINUTE) for n in (2, 3)]
        rules = (
            CapRule(limit=1, action="end_oldest", same=("application_id",)),
            CapRule(limit=2, action="refuse"),
            CapRule(limit=1, action="end_oldest"),
        )
        new = make_session(created_at=NOW, device=LAPTOP, application_id="shop")
        inserted = store.insert(new, cap=Cap(at=NOW, rules=rules))
        assert inserted == Inserted(False, in_the_way=(others[1], others[0]), refused_by=rules[1])
        assert store.get(new.id) is None
        assert [store.get(session.id) for session in (here, shop, *others)] == [here, shop, *others]

    def test_what_is_refused_writes_no_line(self, store: Face) -> None:
        self.started(store, application_id="shop", device=LAPTOP)
        self.started(store)
        cursor = store.entries().cursor
        new = make_session(created_at=NOW, application_id="shop", device=LAPTOP)
        rules = (CapRule(limit=1, same=("application_id",)), CapRule(limit=1, action="refuse"))
        assert not store.insert(new, cap=Cap(at=NOW, rules=rules)).done
        assert store.entries(cursor).entries == ()

    def test_a_rule_can_change_between_two_sign_ins(self, store: Face) -> None:
        old = [self.started(store, at=n * MINUTE, profile="kiosk") for n in range(4)]
        rule = CapRule(limit=2, action="end_oldest", same=("profile",))
        new = make_session(created_at=NOW, profile="kiosk")
        ended = store.insert(new, cap=Cap(at=NOW, rules=(rule,))).ended
        assert ended == tuple((session.id, Reason.CAP) for session in old[:3])

    def test_a_race_keeps_every_rule(self, store: Face) -> None:
        rule = CapRule(limit=2, action="end_oldest", same=("application_id",))
        cap = Cap(at=NOW, rules=(rule,), limit=3, action="refuse")
        new = [
            make_session(created_at=MORNING + n * MINUTE, application_id=("shop", "blog")[n % 2])
            for n in range(20)
        ]
        answers = store.together("insert", new, cap=cap)
        living = store.select(Query(user_id="ada", live_at=NOW))
        counts = [sum(s.application_id == name for s in living) for name in ("shop", "blog")]
        assert len(living) == 3
        assert sorted(counts) == [1, 2]
        done = {session.id for session, answer in zip(new, answers, strict=True) if answer.done}
        ended = [id for answer in answers for id, _ in answer.ended]
        assert len(ended) == len(set(ended))
        assert {session.id for session in living} == done - set(ended)

    def test_a_race_of_browsers_leaves_one_session_of_each_application(self, store: Face) -> None:
        new = [
            make_session(created_at=MORNING + n * MINUTE, device=LAPTOP, application_id=("shop", None)[n % 2])
            for n in range(16)
        ]
        answers = store.together("insert", new, cap=Cap(at=NOW))
        assert all(answer.done for answer in answers)
        living: list[Session] = store.select(Query(user_id="ada", live_at=NOW))
        assert {session.application_id for session in living} == {"shop", None}
        assert len(living) == 2

    def test_a_limit_of_nothing_is_refused(self) -> None:
        for make in (partial(CapRule, limit=0), lambda: Cap(at=NOW, limit=0).all_rules):
            with pytest.raises(ValueError, match="limit must be at least 1"):
                make()
