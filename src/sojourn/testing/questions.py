"""What a store answers to `select` and `count`."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import pytest
from msgspec.structs import replace as _replaced

from sojourn.errors import QueryNotSupported
from sojourn.session import Device, Reason, Seen, Session
from sojourn.stores.protocol import Cap, Query
from sojourn.testing import MORNING, make_session
from sojourn.testing.face import DAY, HOUR, MINUTE, MOMENT, NOW, Face, Laws

__all__ = ["Questions"]

NOBODY = UUID(int=1)


class Questions(Laws):
    """All that matches, nothing else, a page at a time."""

    def test_select_is_bounded_and_newest_first(self, store: Face) -> None:
        sessions = [self.started(store, at=n * MINUTE) for n in (3, 1, 4, 2, 0)]
        newest = sorted(sessions, key=lambda session: session.created_at, reverse=True)
        assert store.select(Query(user_id="ada", limit=3)) == newest[:3]
        assert store.select(Query(user_id="ada")) == newest

    def test_pages_have_no_gaps_and_no_doubles(self, store: Face) -> None:
        sessions = [self.started(store, user_id=f"user {n % 3}") for n in range(11)]  # in one millisecond
        pages: list[list[Session]] = [store.select(Query(live_at=NOW, limit=4))]
        while pages[-1] and len(pages) < 5:
            pages.append(store.select(Query(live_at=NOW, limit=4, after=pages[-1][-1].id)))
        assert [len(page) for page in pages] == [4, 4, 3, 0]
        assert [s.id for page in pages for s in page] == sorted((s.id for s in sessions), reverse=True)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (Query(user_id="ada"), {"plain", "shop", "acme", "laptop", "revoked", "expired"}),
            (Query(user_id="nobody"), set()),
            (Query(user_id="ada\0"), set()),
            (Query(user_id="ada", application_id="shop\0"), set()),
            (Query(user_id="ada", tenant_id="\0"), set()),
            (Query(user_id="ada", device_id="laptop\0"), set()),
            (Query(user_id="ada", application_id="shop"), {"shop"}),
            (Query(user_id="ada", tenant_id="acme"), {"acme"}),
            (Query(user_id="ada", device_id="laptop"), {"laptop"}),
            (Query(user_id="ada", live_at=NOW), {"plain", "shop", "acme", "laptop"}),
            (Query(user_id="ada", live_at=NOW - MOMENT), {"plain", "shop", "acme", "laptop", "expired"}),
            (Query(live_at=NOW), {"plain", "shop", "acme", "laptop", "grace's", "visitor"}),
            (Query(live_at=NOW, signed_in=True), {"plain", "shop", "acme", "laptop", "grace's"}),
            (Query(live_at=NOW, application_id="shop"), {"shop", "grace's"}),
        ],
    )
    def test_each_field_of_a_query_narrows(self, store: Face, query: Query, found: set[str]) -> None:
        names = {session.id: name for name, session in self.company(store).items()}
        assert {names[session.id] for session in store.select(query)} == found
        assert store.count(query) == len(found)

    def test_law_07_an_id_with_another_owner_is_not_found(self, store: Face) -> None:
        session = self.started(store)
        assert store.select(Query(id=session.id, user_id="ada")) == [session]
        assert store.select(Query(id=session.id, user_id="grace")) == []
        assert store.revoke(Query(id=session.id, user_id="grace"), at=NOW, reason=Reason.USER) == []

    def test_the_window_of_ends_includes_both_its_ends(self, store: Face) -> None:
        revoked = self.started(store, revoked_at=NOW, reason=Reason.USER)
        expired = self.started(store, expires_at=NOW + HOUR)
        self.started(store)
        for since, by, found in (
            (NOW, NOW + HOUR, {revoked.id, expired.id}),
            (NOW + MOMENT, NOW + HOUR, {expired.id}),
            (NOW, NOW + HOUR - MOMENT, {revoked.id}),
        ):
            query = Query(user_id="ada", ended_since=since, ended_by=by)
            assert {session.id for session in store.select(query)} == found

    def test_the_most_recently_seen_come_first(self, store: Face) -> None:
        one, two, three = (self.started(store, at=n * MINUTE) for n in range(3))
        store.touch({one.id: Seen(NOW, NOW + DAY), three.id: Seen(NOW - MINUTE, NOW + DAY)}, at=NOW)
        self.started(store, user_id="grace")
        newest = [store.get(session.id) for session in (one, three, two)]
        assert store.select(Query(user_id="ada", order="seen")) == newest
        assert store.select(Query(user_id="ada", order="seen", limit=2)) == newest[:2]
        assert store.select(Query(user_id="ada", live_at=NOW, order="seen")) == newest

    def test_the_most_recently_seen_of_an_application_or_of_the_last_hour(self, store: Face) -> None:
        shop = [self.started(store, at=n * MINUTE, application_id="shop", user_id=f"{n}") for n in range(4)]
        self.started(store, at=MINUTE / 2)
        store.touch({shop[0].id: Seen(NOW, NOW + DAY)}, at=NOW)
        order = [shop[0].id, shop[3].id, shop[2].id, shop[1].id]
        query = Query(live_at=NOW, application_id="shop", order="seen")
        assert [session.id for session in store.select(query)] == order
        query = Query(live_at=NOW, seen_since=MORNING + MINUTE, order="seen", limit=3)
        assert [session.id for session in store.select(query)] == order[:3]

    def test_seen_since_includes_its_instant(self, store: Face) -> None:
        session = self.started(store)
        store.touch({session.id: Seen(NOW, session.expires_at)}, at=NOW)
        self.started(store)
        for since, found in ((NOW, [session.id]), (NOW + MOMENT, [])):
            for query in (Query(user_id="ada", seen_since=since), Query(live_at=NOW, seen_since=since)):
                assert [s.id for s in store.select(query)] == found
                assert store.count(query) == len(found)

    def test_created_since_goes_by_the_id(self, store: Face) -> None:
        old, new = self.started(store), self.started(store, at=HOUR, application_id="shop")
        self.started(store, at=HOUR, user_id="grace")
        for since, found in ((MORNING, [new, old]), (MORNING + MINUTE, [new]), (MORNING + HOUR, [new])):
            query = Query(user_id="ada", created_since=since)
            for one in (query, _replaced(query, live_at=NOW), _replaced(query, live_at=NOW, order="seen")):
                assert store.select(one) == found
                assert store.count(one) == len(found)
        query = Query(live_at=NOW, created_since=MORNING + MINUTE, application_id="shop")
        assert store.select(query) == [new]
        assert store.revoke(query, at=NOW, reason=Reason.ADMIN) == [new.id]
        query = Query(user_id="ada", created_since=MORNING + HOUR + MINUTE)
        assert store.revoke(query, at=NOW, reason=Reason.ADMIN) == []
        assert store.get(old.id) == old

    def test_count_ignores_the_page(self, store: Face) -> None:
        sessions = [self.started(store) for _ in range(5)]
        assert store.count(Query(user_id="ada", limit=2, after=min(s.id for s in sessions))) == 5

    def test_people_are_counted_once_and_visitors_never(self, store: Face) -> None:
        for user_id in ("ada", "ada", "grace", None, None):
            self.started(store, user_id=user_id)
        assert store.count(Query(live_at=NOW, people=True)) == 2
        assert store.count(Query(live_at=NOW)) == 5

    @pytest.mark.parametrize("year", [1999, 2026, 2199])
    def test_law_08_a_store_has_no_clock_of_its_own(self, store: Face, year: int) -> None:
        then = datetime(year, 6, 1, tzinfo=UTC)
        session = make_session(created_at=then)
        store.insert(session, cap=Cap(at=then, limit=1))
        assert store.count(Query(user_id="ada", live_at=then)) == 1
        assert store.count(Query(live_at=session.expires_at - MOMENT)) == 1
        assert store.count(Query(live_at=session.expires_at)) == 0
        assert store.replace(session.change(), at=then + HOUR)

    def test_a_session_of_400_days_is_found_to_its_end(self, store: Face) -> None:
        end = MORNING + 400 * DAY
        session = self.started(store, ends_at=end, expires_at=end)
        assert store.select(Query(live_at=end - MOMENT)) == [session]
        assert store.revoke(Query(user_id="ada"), at=end - MOMENT, reason=Reason.USER) == [session.id]

    @pytest.mark.parametrize(
        "query",
        [
            Query(),
            Query(device_id="laptop"),
            Query(signed_in=True),
            Query(ended_since=MORNING, ended_by=NOW),
            Query(user_id="ada", ended_since=MORNING),
            Query(user_id="ada", ended_by=NOW),
            Query(user_id="ada", limit=0),
            Query(seen_since=NOW),
            Query(live_at=NOW, order="seen"),
            Query(live_at=NOW, order="seen", seen_since=NOW - 2 * HOUR),
            Query(user_id="ada", order="seen", after=NOBODY),
        ],
    )
    def test_a_question_without_an_index_is_refused(self, store: Face, query: Query) -> None:
        for verb in (store.select, store.count, partial(store.revoke, at=NOW, reason=Reason.ADMIN)):
            with pytest.raises(QueryNotSupported):
                verb(query)

    @classmethod
    def company(cls, store: Face) -> dict[str, Session]:
        """One of each kind."""
        return {
            "plain": cls.started(store),
            "shop": cls.started(store, application_id="shop"),
            "acme": cls.started(store, tenant_id="acme"),
            "laptop": cls.started(store, device=Device(id="laptop")),
            "revoked": cls.started(store, revoked_at=MORNING, reason=Reason.USER),
            "expired": cls.started(store, expires_at=NOW),
            "grace's": cls.started(store, user_id="grace", application_id="shop"),
            "visitor": cls.started(store, user_id=None),
        }
