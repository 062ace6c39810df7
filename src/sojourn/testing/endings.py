"""What a store ends: by a cap, by `revoke`, and for good by `purge`."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from typing import Any

from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.session import Device, Place, Reason, Seen
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws

__all__ = ["Endings"]

_PLACE = Place(city="Lyon", country="FR")
_DEVICE = Device(
    id="phone", name="Chrome 143 on macOS", browser="Chrome", os="macOS", user_agent="Mozilla/5.0"
)


class Endings(Laws):
    """Ended is final, and nobody else ends with it."""

    # ── forget ─────────────────────────────────────────────────────────────────────────────────────

    def test_forget_removes_what_has_ended_and_nothing_that_lives(self, store: Face) -> None:
        revoked, expired, noticed, lives = (
            self.started(store),
            self.started(store, expires_at=NOW),
            self.started(store, expires_at=NOW - 5 * MINUTE),
            self.started(store),
        )
        store.revoke(Query(id=revoked.id), at=NOW, reason=Reason.USER)
        assert noticed.id in {session.id for session in store.expire(at=NOW - MINUTE)}
        ids = [session.id for session in (revoked, expired, noticed, lives)]
        assert store.forget(ids, at=NOW - HOUR) == 0
        assert store.forget(ids, at=NOW) == 3
        assert [store.get(id) for id in ids] == [None, None, None, lives]
        assert store.select(Query(user_id="ada")) == [lives]
        assert store.count(Query(live_at=NOW, signed_in=True, about=True)) == 1
        assert store.forget(ids, at=NOW) == 0

    def test_forget_keeps_to_the_ids_and_the_lines_of_the_log(self, store: Face) -> None:
        mine, other = self.started(store), self.started(store)
        store.revoke(Query(user_id="ada"), at=NOW, reason=Reason.USER)
        lines = {line.id for line in store.entries().entries}
        assert store.forget([], at=NOW) == 0
        assert store.forget([mine.id, make_session().id], at=NOW) == 1
        assert store.get(mine.id) is None
        assert store.select(Query(user_id="ada")) == [store.get(other.id)]
        assert {line.id for line in store.entries().entries} == lines

    def test_law_01_what_was_forgotten_is_never_changed_again(self, store: Face) -> None:
        session = self.started(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        store.forget([session.id], at=NOW)
        assert not store.replace(session.change(), at=NOW)
        store.touch({session.id: Seen(NOW, session.ends_at, 0)}, at=NOW)
        assert store.get(session.id) is None

    # ── redact ─────────────────────────────────────────────────────────────────────────────────────

    def test_redact_writes_anew_who_and_from_where_and_nothing_else(self, store: Face) -> None:
        fields: dict[str, Any] = {
            "data": {"cart": 3},
            "profile": "staff",
            "device": _DEVICE,
            "place": _PLACE,
            "ip": "10.0.0.1",
        }
        parent = make_session()
        acting: dict[str, Any] = {"impersonator_id": "root", "parent_id": parent.id, "parent_version": 2}
        mine, other = self.started(store, **fields), self.started(store, **fields, **acting)
        store.revoke(Query(user_id="ada"), at=NOW, reason=Reason.ADMIN, by="root", note="asked by phone")
        lines = store.entries().entries
        was = [store.get(mine.id), store.get(other.id)]
        meant = [
            _replaced(was[0], ip="203.0.113.0/24", revoked_by=None, note=None),
            _replaced(
                was[1],
                ip=None,
                place=None,
                device=Device(),
                impersonator_id="erased",
                revoked_by="erased",
                note="x",
            ),
        ]
        assert store.redact(meant, at=NOW) == 2
        assert [store.get(mine.id), store.get(other.id)] == meant
        assert store.select(Query(user_id="ada")) == sorted(meant, key=lambda s: s.id, reverse=True)
        assert store.entries().entries == lines
        assert store.redact([], at=NOW) == 0
        assert store.purge(before=NOW + DAY) == 2

    def test_redact_leaves_what_lives_and_what_is_not_as_it_was(self, store: Face) -> None:
        lives, revoked, changed, gone = (self.started(store, ip="203.0.113.7") for _ in range(4))
        store.revoke(Query(id=gone.id), at=NOW, reason=Reason.USER)
        store.forget([gone.id], at=NOW)
        assert store.replace(changed.change(aal=2), at=NOW)
        for session in (revoked, changed):
            store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        was = {session.id: store.get(session.id) for session in (lives, revoked, changed, gone)}
        stale = _replaced(was[changed.id], version=changed.version, ip=None)
        meant = [_replaced(s, ip=None) for s in (lives, was[revoked.id], gone)]
        assert store.redact([*meant, stale], at=NOW - MINUTE) == 0
        assert store.redact([*meant, stale], at=NOW) == 1
        was[revoked.id] = _replaced(was[revoked.id], ip=None)
        assert {id: store.get(id) for id in was} == was

    def test_redact_knows_who_ended_by_time_noticed_or_not(self, store: Face) -> None:
        noticed = self.started(store, expires_at=NOW - 5 * MINUTE, ip="203.0.113.7")
        expired = self.started(store, expires_at=NOW, ip="203.0.113.7")
        assert [session.id for session in store.expire(at=NOW - MINUTE)] == [noticed.id]
        meant = [_replaced(session, ip=None) for session in (noticed, expired)]
        assert store.redact(meant, at=NOW) == 2
        assert [store.get(noticed.id), store.get(expired.id)] == meant
        assert [session.id for session in store.expire(at=NOW + MINUTE)] == [expired.id]
        assert store.count(Query(live_at=NOW, signed_in=True, about=True)) == 0
        assert store.purge(before=NOW + DAY) == 2

    # ── revoke ─────────────────────────────────────────────────────────────────────────────────────

    def test_revoke_ends_what_matches_and_says_what(self, store: Face) -> None:
        sessions = [self.started(store, at=n * MINUTE) for n in range(3)]
        grace = self.started(store, user_id="grace")
        query = Query(user_id="ada")
        ids = store.revoke(query, at=NOW, reason=Reason.ADMIN, by="root", note="left the company")
        assert sorted(ids) == sorted(session.id for session in sessions)
        for session in sessions:
            assert store.get(session.id) == session.change(
                revoked_at=NOW, reason=Reason.ADMIN, revoked_by="root", note="left the company"
            )
        assert store.get(grace.id) == grace

    def test_revoke_spares_the_exception(self, store: Face) -> None:
        mine, other = self.started(store), self.started(store)
        query = Query(user_id="ada", except_id=mine.id)
        assert store.revoke(query, at=NOW, reason=Reason.USER) == [other.id]
        assert store.get(mine.id) == mine

    def test_law_01_the_first_end_stays(self, store: Face) -> None:
        revoked, expired = self.started(store), self.started(store, expires_at=NOW)
        assert store.revoke(Query(id=revoked.id), at=NOW, reason=Reason.USER) == [revoked.id]
        first = store.get(revoked.id)
        for session in (revoked, expired):
            assert store.revoke(Query(id=session.id), at=NOW + MINUTE, reason=Reason.ADMIN) == []
        assert store.get(revoked.id) == first
        assert store.get(expired.id) == expired

    def test_law_01_ended_is_final(self, store: Face) -> None:
        revoked, expired = self.started(store), self.started(store, expires_at=NOW + HOUR)
        store.revoke(Query(id=revoked.id), at=NOW, reason=Reason.USER)
        later = NOW + HOUR
        for session in (store.get(revoked.id), expired):
            alive = session.change(revoked_at=None, reason=None, expires_at=session.ends_at)
            assert not store.replace(alive, at=later)
            store.touch({session.id: Seen(later, session.ends_at, 0)}, at=later)
            assert not store.insert(_replaced(alive, version=1), cap=Cap(at=later)).done
            assert store.get(session.id) == session
        assert self.living(store, later) == []

    def test_revoke_ends_as_many_as_the_limit_says(self, store: Face) -> None:
        for n in range(5):
            self.started(store, at=n * MINUTE)
        query = Query(user_id="ada", limit=2)
        counts = [len(store.revoke(query, at=NOW, reason=Reason.ADMIN)) for _ in range(4)]
        assert counts == [2, 2, 1, 0]

    def test_one_of_many_revocations_ends_a_session(self, store: Face) -> None:
        session = self.started(store)
        query = Query(id=session.id)
        ends = store.together("revoke", [query] * 8, at=NOW, reason=Reason.USER)
        assert sorted(ends) == [[]] * 7 + [[session.id]]

    def test_a_change_that_was_decided_before_a_revocation_is_refused(self, store: Face) -> None:
        session = self.started(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        assert not store.replace(session.change(data={"x": 1}), at=NOW)
        assert store.get(session.id).revoked_at == NOW

    # ── purge and close ────────────────────────────────────────────────────────────────────────────

    def test_purge_forgets_only_what_had_ended_before(self, store: Face) -> None:
        gone = [
            self.started(store, revoked_at=NOW - MOMENT, reason=Reason.USER),
            self.started(store, expires_at=NOW - MOMENT),
        ]
        stay = [
            self.started(store),
            self.started(store, revoked_at=NOW, reason=Reason.USER),
            self.started(store, expires_at=NOW),
        ]
        assert store.purge(before=NOW) == 2
        assert [store.get(session.id) for session in gone + stay] == [None, None, *stay]
        assert store.select(Query(user_id="ada")) == sorted(stay, key=lambda s: s.id, reverse=True)

    def test_purge_is_bounded(self, store: Face) -> None:
        for _ in range(5):
            self.started(store, expires_at=NOW)
        assert [store.purge(before=NOW + HOUR, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    def test_law_02_what_was_purged_stays_away(self, store: Face) -> None:
        session = self.started(store, expires_at=NOW)
        store.purge(before=NOW + HOUR)
        store.touch({session.id: Seen(NOW, NOW + DAY)}, at=MORNING)
        assert not store.replace(session.change(), at=MORNING)
        assert store.get(session.id) is None

    def test_both_faces_see_one_store(self, store: Face) -> None:
        session = self.started(store)
        assert drive(store.store.blocking().get(session.id)) == session

    def test_a_second_close_does_nothing(self, store: Face) -> None:
        self.started(store)
        store.close()
        store.close()
