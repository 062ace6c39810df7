"""What a store keeps of a hold: an end that moved earlier, and moves back if that is undone in time."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from datetime import datetime

import pytest
from msgspec.structs import replace as _replaced

from sojourn.session import Held, Reason, Seen, Session
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws

__all__ = ["Holds"]

UNTIL = NOW + 7 * MINUTE  # not in the minute in which it is placed, so that notice is a matter of minutes
ASKER = make_session().id


class Holds(Laws):
    """A hold that nobody lifts is an ending; one that is lifted in time leaves no trace but in the log."""

    @staticmethod
    def held(store: Face, session: Session, until: datetime = UNTIL) -> Session:
        """*session* after it was held, as it is stored."""
        hold = Held(until, ASKER, session.ends_at)
        held = session.voiding(held=hold, ends_at=until, expires_at=until)
        assert store.replace(held, at=NOW)
        return held

    @staticmethod
    def lifted(session: Session) -> Session:
        """*session*, which was held, as it is to be."""
        assert session.held is not None
        ends_at = session.held.ends_at
        return session.voiding(held=None, ends_at=ends_at, expires_at=min(NOW + 14 * DAY, ends_at))

    def test_a_hold_ends_the_session_when_it_runs_out(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        assert store.get(held.id) == held
        assert self.living(store, UNTIL - MOMENT) == [held.id]
        assert self.living(store, UNTIL) == []
        over = Query(user_id="ada", ended_since=UNTIL, ended_by=UNTIL)
        assert store.select(over) == [held]

    def test_who_is_held_can_be_left_out_of_a_count(self, store: Face) -> None:
        mine, other = self.started(store), self.started(store, user_id="bob")
        living = Query(live_at=NOW, signed_in=True)
        unheld = _replaced(living, unheld=True)
        assert (store.count(living), store.count(unheld)) == (2, 2)
        held = self.held(store, mine)
        assert (store.count(living), store.count(unheld)) == (2, 1)
        assert store.count(_replaced(unheld, people=True)) == 1
        assert [s.id for s in store.select(unheld)] == [other.id]
        assert store.replace(self.lifted(held), at=NOW)
        assert (store.count(unheld), store.count(_replaced(unheld, people=True))) == (2, 2)

    def test_a_hold_can_say_why_and_by_whom_before_it_is_final(self, store: Face) -> None:
        session = self.started(store)
        hold = Held(UNTIL, ASKER, session.ends_at)
        why = {"reason": Reason.ADMIN, "revoked_by": "root", "note": "lost"}
        held = session.voiding(held=hold, ends_at=UNTIL, expires_at=UNTIL, **why)
        assert store.replace(held, at=NOW)
        assert store.get(held.id) == held
        store.touch({held.id: Seen(NOW + MINUTE, NOW + 14 * DAY, 0)}, at=NOW + MINUTE)
        assert store.get(held.id).note == "lost"
        assert self.living(store, UNTIL - MOMENT) == [held.id]
        lifted = self.lifted(store.get(held.id)).change(reason=None, revoked_by=None, note=None)
        lifted = _replaced(lifted, version=held.version + 1, void_below=held.version + 1)
        assert store.replace(lifted, at=NOW + MINUTE)
        assert store.get(session.id).reason is None
        again = self.held(store, store.get(session.id))
        assert [noticed.id for noticed in store.expire(at=UNTIL + MINUTE)] == [again.id]

    def test_law_02_a_use_does_not_outlast_a_hold(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        store.touch({held.id: Seen(NOW + MINUTE, NOW + 14 * DAY, 0)}, at=NOW + MINUTE)
        assert store.get(held.id).expires_at == UNTIL
        store.touch({held.id: Seen(UNTIL, NOW + 14 * DAY, 0)}, at=UNTIL)
        assert store.get(held.id).expires_at == UNTIL

    def test_law_02_nothing_lifts_a_hold_that_has_run_out(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        assert not store.replace(self.lifted(held), at=UNTIL)
        assert store.get(held.id) == held

    def test_a_lifted_hold_leaves_the_session_as_it_was(self, store: Face) -> None:
        session = self.started(store)
        held = self.held(store, session)
        lifted = self.lifted(held)
        assert store.replace(lifted, at=UNTIL - MOMENT)
        assert store.get(session.id) == lifted
        assert (lifted.ends_at, lifted.held) == (session.ends_at, None)
        assert self.living(store, UNTIL + DAY) == [session.id]
        later = Seen(UNTIL, UNTIL + 14 * DAY)
        store.touch({session.id: later}, at=UNTIL)
        assert store.get(session.id).expires_at == later.expires_at

    def test_law_03_of_an_undo_and_a_revocation_one_is_first(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        assert store.revoke(Query(id=held.id), at=NOW, reason=Reason.ADMIN) == [held.id]
        assert not store.replace(self.lifted(held), at=NOW)
        stored = store.get(held.id)
        assert (stored.reason, stored.held) == (Reason.ADMIN, held.held)

    def test_one_of_many_undos_is_done(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        lifted = self.lifted(held)
        assert sum(store.together("replace", [lifted] * 8, at=NOW)) == 1
        assert store.get(held.id) == lifted

    def test_an_undo_that_was_decided_before_another_hold_is_refused(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        stale = self.lifted(held)
        assert store.replace(stale, at=NOW)
        again = self.held(store, stale)
        assert not store.replace(stale, at=NOW)
        assert store.get(held.id) == again

    def test_a_hold_is_in_the_log_and_ends_nobody_there(self, store: Face) -> None:
        session = self.started(store)
        start = store.entries().cursor
        held = self.held(store, session)
        lifted = self.lifted(held)
        assert store.replace(lifted, at=NOW)
        lines = store.entries(start).entries
        assert {(line.id, line.version, line.revoked_at) for line in lines} == {
            (session.id, held.version, None),
            (session.id, lifted.version, None),
        }

    # ── in the background ──────────────────────────────────────────────────────────────────────────

    def test_a_hold_that_ran_out_is_noticed_once(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        assert store.expire(at=UNTIL - MOMENT) == []
        assert store.expire(at=UNTIL + MINUTE) == [held]
        assert store.expire(at=UNTIL + 30 * DAY) == []

    def test_law_02_what_was_noticed_is_not_brought_back(self, store: Face) -> None:
        """Whose clock is ahead notices early; whose clock is behind must not undo what others were told."""
        held = self.held(store, self.started(store))
        assert store.expire(at=UNTIL + MINUTE) == [held]
        assert not store.replace(self.lifted(held), at=UNTIL - MOMENT)
        store.touch({held.id: Seen(UNTIL, NOW + 14 * DAY, 0)}, at=UNTIL - MOMENT)
        assert store.get(held.id) == held

    def test_a_lifted_hold_is_noticed_at_its_own_end(self, store: Face) -> None:
        session = self.started(store, ends_at=NOW + DAY)
        assert store.replace(self.lifted(self.held(store, session)), at=NOW)
        assert store.expire(at=NOW + DAY - MOMENT) == []
        assert store.expire(at=NOW + DAY + MINUTE) == [store.get(session.id)]

    @pytest.mark.parametrize("user_id", ["ada", None])
    def test_counters_count_a_held_session_until_it_is_noticed(
        self, store: Face, user_id: str | None
    ) -> None:
        session = self.started(store, user_id=user_id)
        kept = Query(live_at=NOW, about=True)
        held = self.held(store, session)
        assert store.count(kept) == 1
        lifted = self.lifted(held)
        assert store.replace(lifted, at=NOW)
        assert store.count(kept) == 1
        self.held(store, lifted)
        store.expire(at=UNTIL + MINUTE)
        assert store.count(kept) == 0

    def test_purge_forgets_a_hold_that_ran_out_and_spares_one_that_was_lifted(self, store: Face) -> None:
        out, back = self.started(store), self.started(store)
        self.held(store, out)
        assert store.replace(self.lifted(self.held(store, back)), at=NOW)
        assert store.purge(before=UNTIL) == 0
        assert store.purge(before=UNTIL + MOMENT) == 1
        assert [store.get(s.id) is None for s in (out, back)] == [True, False]

    def test_a_held_session_gives_way_like_any_other(self, store: Face) -> None:
        held = self.held(store, self.started(store))
        new = make_session(created_at=MORNING + HOUR)
        answer = store.insert(new, cap=Cap(at=NOW, limit=1))
        assert answer.ended == ((held.id, Reason.CAP),)
