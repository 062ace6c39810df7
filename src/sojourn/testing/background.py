"""What a store does for those who work in the background: expiry, leases, counters, the ending of many."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace as _replaced

from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws
from sojourn.testing.feed import Follower

__all__ = ["Chores"]


class Chores(Laws):
    """Each end by time is noticed once, each lease has one holder, each counter tells the truth."""

    # ── expire ─────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("year", [1999, 2026, 2199])
    def test_law_08_an_end_by_time_is_noticed_once(self, store: Face, year: int) -> None:
        then = datetime(year, 6, 1, 12, 34, 56, 789_012, tzinfo=UTC)
        session = make_session(created_at=then, expires_at=then + HOUR)
        store.insert(session)
        assert store.expire(at=session.expires_at - MOMENT) == []
        assert self.noticed(store, session.expires_at + MINUTE) == [session]
        assert self.noticed(store, session.expires_at + MINUTE) == []
        assert self.noticed(store, session.ends_at + DAY) == []
        assert store.get(session.id) == session

    def test_a_visitors_end_is_noticed(self, store: Face) -> None:
        session = self.started(store, user_id=None, expires_at=NOW)
        assert self.noticed(store, NOW + MINUTE) == [session]

    def test_who_was_seen_meanwhile_is_noticed_at_the_later_end(self, store: Face) -> None:
        session = self.started(store, expires_at=NOW)
        store.touch({session.id: Seen(NOW - MINUTE, NOW + HOUR + MOMENT)}, at=NOW - MINUTE)
        assert self.noticed(store, NOW + HOUR) == []
        assert self.noticed(store, NOW + HOUR + MOMENT + MINUTE) == [store.get(session.id)]

    def test_an_end_that_moved_earlier_is_noticed_there(self, store: Face) -> None:
        session = self.started(store)
        assert store.replace(session.change(ends_at=NOW + HOUR), at=NOW)
        assert store.expire(at=NOW + HOUR - MOMENT) == []
        assert self.noticed(store, NOW + HOUR + MINUTE) == [store.get(session.id)]

    def test_an_end_that_a_change_moved_later_is_noticed_there(self, store: Face) -> None:
        session = self.started(store, expires_at=NOW + HOUR)
        assert store.replace(session.change(expires_at=NOW + DAY), at=NOW)
        assert self.noticed(store, NOW + DAY - MOMENT) == []
        assert self.noticed(store, NOW + DAY + MINUTE) == [store.get(session.id)]

    def test_what_was_revoked_is_never_returned(self, store: Face) -> None:
        self.started(store, revoked_at=MORNING, reason=Reason.USER)
        revoked, replaced = self.started(store), self.started(store)
        store.revoke(Query(id=revoked.id), at=NOW, reason=Reason.USER)
        assert store.replace(replaced.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW)
        capped = self.started(store, user_id="grace")
        new = make_session(user_id="grace", created_at=NOW)
        assert store.insert(new, cap=Cap(at=NOW, limit=1)).ended == ((capped.id, Reason.CAP),)
        assert self.noticed(store, MORNING + 400 * DAY) == [new]

    def test_taking_note_changes_nothing_that_is_read(self, store: Face) -> None:
        session = self.started(store, expires_at=NOW)
        self.noticed(store, NOW + MINUTE)
        assert store.get(session.id) == session
        assert store.select(Query(user_id="ada")) == [session]
        assert store.purge(before=NOW + HOUR) == 1

    def test_what_was_purged_is_not_noticed(self, store: Face) -> None:
        self.started(store, expires_at=NOW)
        store.purge(before=NOW + HOUR)
        assert self.noticed(store, NOW + HOUR) == []

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_taking_note_is_bounded(self, store: Face, limit: int) -> None:
        sessions = [self.started(store, user_id=f"user {n}", expires_at=NOW) for n in range(5)]
        found: list[Session] = []
        while page := store.expire(at=NOW + MINUTE, limit=limit):
            assert len(page) <= limit
            found += page
        assert sorted(found, key=_id) == sorted(sessions, key=_id)

    def test_those_who_were_seen_do_not_hide_those_who_were_not(self, store: Face) -> None:
        seen = [self.started(store, user_id=f"user {n}", expires_at=NOW) for n in range(40)]
        gone = self.started(store, expires_at=NOW)
        seen += [self.started(store, user_id=f"user {n}", expires_at=NOW) for n in range(40)]
        store.touch({session.id: Seen(MORNING, NOW + HOUR) for session in seen}, at=MORNING)
        assert store.expire(at=NOW + MINUTE, limit=3) == [gone]
        assert self.noticed(store, NOW + MINUTE) == []
        assert {s.id for s in self.noticed(store, NOW + HOUR + MINUTE)} == {s.id for s in seen}

    def test_of_many_who_take_note_one_gets_it(self, store: Face) -> None:
        sessions = [self.started(store, user_id=f"user {n}", expires_at=NOW) for n in range(30)]
        answers = store.at_once([partial(store.store.expire, at=NOW + MINUTE)] * 8)
        found = [session for answer in answers for session in answer] + self.noticed(store, NOW + MINUTE)
        assert sorted(found, key=_id) == sorted(sessions, key=_id)

    # ── lease ──────────────────────────────────────────────────────────────────────────────────────

    def test_a_lease_has_one_holder_until_it_ends(self, store: Face) -> None:
        end = NOW + MINUTE
        assert store.lease("purge", "one", at=NOW, until=end)
        assert not store.lease("purge", "two", at=NOW, until=end + HOUR)
        assert not store.lease("purge", "two", at=end - MOMENT, until=end + HOUR)
        assert store.lease("purge", "two", at=end, until=end + MINUTE)
        assert not store.lease("purge", "one", at=end, until=end + MINUTE)

    def test_the_holder_extends_its_own(self, store: Face) -> None:
        assert store.lease("purge", "one", at=NOW, until=NOW + MINUTE)
        assert store.lease("purge", "one", at=NOW + MINUTE - MOMENT, until=NOW + HOUR)
        assert not store.lease("purge", "two", at=NOW + 2 * MINUTE, until=NOW + HOUR)
        assert store.lease("purge", "one", at=NOW + 2 * HOUR, until=NOW + 3 * HOUR)  # nobody took it

    def test_a_lease_is_given_back(self, store: Face) -> None:
        assert store.lease("purge", "one", at=NOW, until=NOW + HOUR)
        store.lease("purge", "one", at=NOW + MINUTE, until=NOW + MINUTE)
        assert store.lease("purge", "two", at=NOW + MINUTE, until=NOW + HOUR)

    def test_giving_back_what_another_holds_changes_nothing(self, store: Face) -> None:
        assert store.lease("purge", "one", at=NOW, until=NOW + HOUR)
        assert not store.lease("purge", "two", at=NOW, until=NOW)
        assert not store.lease("purge", "two", at=NOW, until=NOW + HOUR)

    def test_leases_of_other_names_are_other_leases(self, store: Face) -> None:
        assert store.lease("purge", "one", at=NOW, until=NOW + HOUR)
        assert store.lease("дежурство ☕", "two", at=NOW, until=NOW + HOUR)

    def test_of_many_who_ask_for_a_lease_one_gets_it(self, store: Face) -> None:
        ask = partial(store.store.lease, "purge", at=NOW, until=NOW + HOUR)
        answers = store.at_once([partial(ask, f"process {n}") for n in range(16)])
        assert sum(answers) == 1

    # ── the kept counters ──────────────────────────────────────────────────────────────────────────

    def test_the_kept_counters_follow_every_verb(self, store: Face) -> None:
        self.counters_agree(store, NOW, live=0, signed_in=0)
        one, two, three = (self.started(store, at=n * MINUTE) for n in range(3))
        visitor = self.started(store, user_id=None, expires_at=NOW + HOUR)
        self.started(store, revoked_at=MORNING, reason=Reason.USER)
        assert not store.insert(one).done
        self.counters_agree(store, NOW, live=4, signed_in=3)
        store.touch({one.id: Seen(NOW, NOW + DAY, 0)}, at=NOW)
        assert store.replace(two.voiding(aal=2), at=NOW)
        assert not store.replace(two.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW)
        self.counters_agree(store, NOW, live=4, signed_in=3)
        assert store.replace(three.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW)
        self.counters_agree(store, NOW, live=3, signed_in=2)
        store.revoke(Query(id=two.id), at=NOW, reason=Reason.USER)
        self.counters_agree(store, NOW, live=2, signed_in=1)
        assert self.noticed(store, NOW + HOUR + MINUTE) == [visitor]
        self.counters_agree(store, NOW + HOUR + MINUTE, live=1, signed_in=1)
        store.purge(before=NOW + 2 * HOUR)
        self.counters_agree(store, NOW + 2 * HOUR, live=1, signed_in=1)

    def test_the_kept_counters_follow_what_a_cap_ends(self, store: Face) -> None:
        self.started(store, device=Device(id="laptop"))
        for n in range(3):
            self.started(store, at=n * MINUTE)
        refused = make_session(created_at=NOW, device=Device(id="laptop"))
        assert not store.insert(refused, cap=Cap(at=NOW, limit=1, action="refuse")).done
        self.counters_agree(store, NOW, live=4, signed_in=4)
        assert len(store.insert(refused, cap=Cap(at=NOW, limit=2)).ended) == 3
        self.counters_agree(store, NOW, live=2, signed_in=2)

    def test_the_kept_counters_follow_a_purge_of_what_nobody_noticed(self, store: Face) -> None:
        self.started(store, expires_at=NOW)
        self.started(store, user_id=None, expires_at=NOW)
        self.started(store)
        store.purge(before=NOW + HOUR)
        self.counters_agree(store, NOW + HOUR, live=1, signed_in=1)

    def test_the_kept_counters_survive_many_who_write(self, store: Face) -> None:
        cap = Cap(at=NOW, limit=3)
        store.together("insert", [make_session(created_at=MORNING + n * MINUTE) for n in range(20)], cap=cap)
        self.counters_agree(store, NOW, live=3, signed_in=3)
        revoke = partial(store.store.revoke, Query(user_id="ada", limit=2), at=NOW, reason=Reason.USER)
        store.at_once([revoke] * 4)
        self.counters_agree(store, NOW, live=0, signed_in=0)

    def test_a_narrower_question_is_counted_exactly(self, store: Face) -> None:
        for fields in ({"application_id": "shop"}, {"tenant_id": "acme"}, {"device": Device(id="laptop")}):
            self.started(store, **fields)
        self.started(store, expires_at=NOW)
        for query in (
            Query(live_at=NOW, application_id="shop"),
            Query(live_at=NOW, tenant_id="acme", signed_in=True),
            Query(live_at=NOW, device_id="laptop"),
            Query(live_at=NOW, people=True),
            Query(live_at=NOW, seen_since=MORNING + MINUTE),
            Query(user_id="ada"),
            Query(user_id="ada", live_at=NOW),
        ):
            assert store.count(_replaced(query, about=True)) == store.count(query)

    # ── the ending of many ─────────────────────────────────────────────────────────────────────────

    def test_many_are_revoked_a_batch_at_a_time(self, store: Face) -> None:
        shop, others = self.crowd(store, 1300)
        follower = Follower(store, limit=1000)
        query, ended = Query(live_at=NOW, application_id="shop", limit=500), []
        while True:
            batch = store.revoke(query, at=NOW, reason=Reason.SYSTEM, by="root")
            assert len(batch) <= 500
            ended += batch
            if len(batch) < 500:
                break
        assert sorted(ended) == sorted(session.id for session in shop)
        assert {(entry.id, entry.reason) for entry in follower.news()} == {
            (session.id, Reason.SYSTEM) for session in shop
        }
        assert store.count(Query(live_at=NOW, application_id="shop")) == 0
        assert store.count(Query(live_at=NOW, application_id="library")) == len(others)
        self.counters_agree(store, NOW, live=len(others), signed_in=len(others))

    # ── in words ───────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def noticed(store: Face, at: datetime) -> list[Session]:
        """All whose end is noticed at *at*."""
        found: list[Session] = []
        while page := store.expire(at=at):
            found += page
        return found

    @staticmethod
    def counters_agree(store: Face, at: datetime, *, live: int, signed_in: int) -> None:
        for query, count in ((Query(live_at=at), live), (Query(live_at=at, signed_in=True), signed_in)):
            assert store.count(query) == store.count(_replaced(query, about=True)) == count

    @staticmethod
    def crowd(store: Face, count: int) -> tuple[list[Session], list[Session]]:
        """*count* sessions in each of two applications, in turn."""
        sessions = [
            make_session(
                user_id=f"user {n % 97}",
                application_id=("shop", "library")[n % 2],
                created_at=MORNING + timedelta(milliseconds=n),
            )
            for n in range(2 * count)
        ]
        store.meanwhile([partial(store.store.insert, session) for session in sessions], store.store.entries)
        return sessions[::2], sessions[1::2]


def _id(session: Session) -> bytes:
    return session.id.bytes
