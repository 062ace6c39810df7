"""What a store writes to its log, and what polls bring of it."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn.blocking import drive
from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Cap, Entries, Entry, Query, Store
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, NOW, Call, Face, Laws

__all__ = ["Feed", "Follower"]

LONG_AGO, LONG_AFTER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_PAGES = 1000  # a log that takes more has no end


class Follower:
    """Reads the log of a store from where it is now: `follower.news()` is what came since."""

    def __init__(self, store: Face, *, limit: int = 10_000) -> None:
        self.store, self.limit = store, limit
        self.cursor: str | None = None
        self.seen: list[Entry] = []
        self.news()

    def news(self) -> set[Entry]:
        """Poll to the end; the lines that came, whatever their order, and however often."""
        before = len(self.seen)
        for _ in range(_PAGES):
            if self.store.run(self.poll()).complete:
                return set(self.seen[before:])
        raise AssertionError("the log has no end")

    async def poll(self) -> Entries:
        page = await self.store.store.entries(self.cursor, limit=self.limit)
        assert len(page.entries) <= self.limit
        assert self.cursor is None or page.continues
        self.cursor = page.cursor
        self.seen += page.entries
        return page


def ending(session: Session | None) -> Entry:
    """The line of a *session* that was revoked, as it is stored."""
    assert session is not None
    return Entry(session.id, session.version, session.revoked_at, session.reason)


class Feed(Laws):
    """Whatever others must not learn late has its line, and a poll passes none over."""

    # ── what is written ────────────────────────────────────────────────────────────────────────────

    def test_a_new_log_is_empty(self, store: Face) -> None:
        page = store.entries()
        assert page.entries == ()
        assert page.complete
        assert store.entries(page.cursor).continues

    def test_what_need_not_be_known_at_once_has_no_line(self, store: Face) -> None:
        follower = Follower(store)
        session = self.started(store)
        store.insert(make_session(created_at=NOW), cap=Cap(at=NOW, limit=5))
        self.started(store, revoked_at=MORNING, reason=Reason.USER)
        self.started(store, version=3, void_below=2)
        store.touch({session.id: Seen(NOW, NOW + DAY, 0)}, at=NOW)
        assert store.replace(session.change(data={"x": 1}), at=NOW)
        assert store.replace(store.get(session.id).change(generation=1, rotated_at=NOW), at=NOW)
        assert follower.news() == set()

    def test_a_revocation_has_its_line(self, store: Face) -> None:
        sessions = [self.started(store, at=n * MINUTE, version=n + 1) for n in range(3)]
        grace = self.started(store, user_id="grace")
        follower = Follower(store)
        store.revoke(Query(user_id="ada"), at=NOW, reason=Reason.PASSWORD_CHANGED, by="ada", note="lost")
        assert follower.news() == {
            Entry(session.id, session.version + 1, NOW, Reason.PASSWORD_CHANGED) for session in sessions
        }
        assert store.get(grace.id) == grace

    def test_who_had_ended_has_no_second_line(self, store: Face) -> None:
        session, expired = self.started(store), self.started(store, expires_at=NOW)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        follower = Follower(store)
        for id in (session.id, expired.id, make_session().id):
            store.revoke(Query(id=id), at=NOW, reason=Reason.ADMIN)
        assert follower.news() == set()

    def test_what_a_sign_in_ends_has_its_line(self, store: Face) -> None:
        same = self.started(store, device=Device(id="laptop"))
        surplus = self.started(store, at=MINUTE, version=4)
        self.started(store, at=2 * MINUTE)
        follower = Follower(store)
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        assert store.insert(new, cap=Cap(at=NOW, limit=2, action="end_oldest")).done
        assert follower.news() == {
            Entry(same.id, 2, NOW, Reason.REPLACED),
            Entry(surplus.id, 5, NOW, Reason.CAP),
        }

    def test_a_sign_in_that_is_refused_writes_nothing(self, store: Face) -> None:
        self.started(store, device=Device(id="laptop"))
        known = self.started(store)
        follower = Follower(store)
        new = make_session(created_at=NOW, device=Device(id="laptop"))
        assert not store.insert(new, cap=Cap(at=NOW, limit=1, action="refuse")).done
        assert not store.insert(known, cap=Cap(at=NOW, limit=1)).done
        assert follower.news() == set()

    def test_a_replacement_that_revokes_has_its_line(self, store: Face) -> None:
        session = self.started(store, version=6)
        follower = Follower(store)
        assert store.replace(session.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW)
        assert follower.news() == {Entry(session.id, 7, NOW, Reason.REPLAY)}

    def test_a_change_that_voids_has_its_line(self, store: Face) -> None:
        session = self.started(store)
        follower = Follower(store)
        assert store.replace(session.voiding(aal=2), at=NOW)
        changed = store.get(session.id)
        assert (changed.version, changed.void_below, changed.aal) == (2, 2, 2)
        assert follower.news() == {Entry(session.id, 2)}
        assert store.replace(changed.change(data={"x": 1}), at=NOW)
        assert follower.news() == set()
        assert store.replace(store.get(session.id).voiding(), at=NOW)
        assert follower.news() == {Entry(session.id, 4)}

    def test_a_revocation_keeps_what_was_void(self, store: Face) -> None:
        session = self.started(store, version=5, void_below=4)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        assert store.get(session.id).void_below == 4

    def test_a_replacement_that_is_refused_writes_nothing(self, store: Face) -> None:
        session, ended = self.started(store), self.started(store, expires_at=NOW)
        follower = Follower(store)
        for refused in (
            _replaced(session, version=3, void_below=3),
            _replaced(session, version=1, revoked_at=NOW, reason=Reason.USER),
            ended.voiding(),
            make_session().voiding(),
        ):
            assert not store.replace(refused, at=NOW)
        assert follower.news() == set()

    def test_of_many_changes_that_void_one_has_its_line(self, store: Face) -> None:
        session = self.started(store)
        follower = Follower(store)
        wins = store.together("replace", [session.voiding(data={"n": n}) for n in range(8)], at=NOW)
        assert sum(wins) == 1
        assert follower.news() == {Entry(session.id, 2)}

    def test_taking_note_of_an_end_and_purging_write_nothing(self, store: Face) -> None:
        self.started(store, expires_at=NOW)
        self.started(store, expires_at=NOW + HOUR)
        follower = Follower(store)
        store.expire(at=NOW + MINUTE)
        store.purge(before=NOW + 2 * HOUR)
        assert follower.news() == set()

    def test_a_purge_takes_no_line_with_the_session(self, store: Face) -> None:
        session = self.started(store)
        follower = Follower(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        assert store.purge(before=NOW + HOUR) == 1
        assert follower.news() == {Entry(session.id, 2, NOW, Reason.USER)}

    # ── polling ────────────────────────────────────────────────────────────────────────────────────

    def test_a_poll_brings_what_is_new(self, store: Face) -> None:
        follower = Follower(store)
        for _ in range(3):
            session = self.started(store)
            store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
            assert follower.news() == {ending(store.get(session.id))}
            assert follower.news() == set()
        assert set(store.entries().entries) == set(follower.seen)

    def test_a_follower_that_polls_late_misses_nothing(self, store: Face) -> None:
        follower, late = Follower(store), Follower(store)
        for _ in range(3):
            session = self.started(store)
            store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
            follower.news()
        assert late.news() == set(follower.seen)
        assert Follower(store).seen

    def test_law_08_times_in_the_log_are_in_utc(self, store: Face) -> None:
        session = self.started(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        page = store.entries()
        (entry,) = set(page.entries)
        assert (entry.revoked_at, entry.revoked_at.tzinfo) == (NOW, UTC)
        assert page.now is None or page.now.tzinfo is UTC

    @pytest.mark.parametrize("limit", [1, 3, 20])
    def test_a_poll_is_bounded_and_says_whether_it_reached_the_end(self, store: Face, limit: int) -> None:
        follower = Follower(store, limit=limit)
        sessions = [self.started(store, user_id=f"user {n}") for n in range(11)]
        store.revoke(Query(live_at=NOW), at=NOW, reason=Reason.ADMIN)
        assert store.run(follower.poll()).complete is (limit >= len(sessions))
        follower.news()
        assert set(follower.seen) == {Entry(s.id, 2, NOW, Reason.ADMIN) for s in sessions}

    def test_the_log_keeps_its_identity(self, store: Face) -> None:
        first = store.entries()
        session = self.started(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        assert store.entries().epoch == store.entries(first.cursor).epoch == first.epoch != ""

    @pytest.mark.parametrize("cursor", ["", "nonsense", "0", "0.0", "1-1", "{}", "☃.٣"])
    def test_a_cursor_of_another_log_begins_anew(self, store: Face, cursor: str) -> None:
        session = self.started(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        page = store.entries(cursor)
        assert not page.continues
        assert set(page.entries) == {ending(store.get(session.id))}
        assert store.entries(page.cursor).continues

    def test_both_faces_see_one_log(self, store: Face) -> None:
        session = self.started(store)
        before = store.entries().cursor
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        page = drive(store.store.blocking().entries(before))
        assert page.continues
        assert set(page.entries) == set(store.entries(before).entries) == {ending(store.get(session.id))}

    def test_law_05_no_line_is_passed_over_however_many_write(self, store: Face) -> None:
        sessions = [self.started(store, user_id=f"user {n}") for n in range(120)]
        others = [self.started(store, user_id="grace") for _ in range(20)]
        follower = Follower(store, limit=7)
        store.meanwhile(
            [_change(store.store, n, session) for n, session in enumerate(sessions)], follower.poll
        )
        follower.news()
        assert set(follower.seen) == {_line(n, session) for n, session in enumerate(sessions)}
        assert [store.get(session.id) for session in others] == others

    # ── forgetting ─────────────────────────────────────────────────────────────────────────────────

    def test_lines_stay_until_they_are_old_enough(self, store: Face) -> None:
        session = self.started(store)
        follower = Follower(store)
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        store.purge(before=MORNING - DAY)
        store.purge(before=MORNING - DAY, log_before=LONG_AGO)
        assert follower.news() == {ending(store.get(session.id))}

    def test_a_cursor_into_what_was_forgotten_does_not_continue(self, store: Face) -> None:
        session, later = self.started(store), self.started(store)
        before = store.entries().cursor
        store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        assert store.purge(before=MORNING - DAY, log_before=LONG_AFTER) == 0
        page = store.entries(before)
        assert (page.continues, page.entries) == (False, ())
        store.revoke(Query(id=later.id), at=NOW, reason=Reason.USER)
        assert set(store.entries(page.cursor).entries) == {ending(store.get(later.id))}
        assert store.entries(page.cursor).continues
        assert not store.entries(before).continues

    # ── a hint ─────────────────────────────────────────────────────────────────────────────────────

    def test_who_listens_is_woken(self, new_store: Store) -> None:
        asyncio.run(_listen(new_store))


def _change(store: Store, n: int, session: Session) -> Call:
    """One of the ways in which a line comes about."""
    match n % 4:
        case 0:
            return partial(store.revoke, Query(id=session.id), at=NOW, reason=Reason.USER)
        case 1:
            return partial(store.replace, session.voiding(aal=2), at=NOW)
        case 2:
            return partial(store.replace, session.change(revoked_at=NOW, reason=Reason.REPLAY), at=NOW)
    new = make_session(user_id=session.user_id, created_at=NOW)
    return partial(store.insert, new, cap=Cap(at=NOW, limit=1))


def _line(n: int, session: Session) -> Entry:
    """What `_change` with the same arguments writes."""
    reason = (Reason.USER, None, Reason.REPLAY, Reason.CAP)[n % 4]
    return Entry(session.id, 2, NOW if reason else None, reason)


async def _listen(store: Store) -> None:
    """A hint may be lost, so the log grows until one comes, or the store has said that it gives none."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(woken.set)  # it may be called on any thread

    listening = asyncio.create_task(store.listen(wake))
    hint: asyncio.Task[Any] = asyncio.create_task(woken.wait())
    await asyncio.sleep(0)  # both have begun
    for _ in range(100):
        session = make_session()
        await store.insert(session)
        await store.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)
        done, _ = await asyncio.wait({listening, hint}, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
        if done:
            break
    assert done, "nobody was woken"
    hint.cancel()
    if listening.done():
        assert listening.result() is None
    listening.cancel()
    await asyncio.wait({listening})
    assert listening.done()
    await store.close()
