"""What a store ends: by a cap, by `revoke`, and for good by `purge`."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.session import Reason, Seen
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws

__all__ = ["Endings"]


class Endings(Laws):
    """Ended is final, and nobody else ends with it."""

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
