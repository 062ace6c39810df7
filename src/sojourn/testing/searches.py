"""What a store finds for people who search: by address, place and device, living or not."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest
from msgspec.structs import replace as _replaced

from sojourn.errors import QueryNotSupported
from sojourn.session import Device, Place, Reason, Session
from sojourn.stores.protocol import Query
from sojourn.testing import MORNING
from sojourn.testing.face import HOUR, MINUTE, NOW, Face, Laws

__all__ = ["Searches"]

CHROME = Device(id="one", kind="desktop", name="Chrome 143 on macOS", model="Mac")
IPHONE = Device(kind="mobile", name="Safari 26 on iOS", model="iPhone", custom_name="Büro 100% [A]_*")
BERLIN, PARIS = Place(city="Berlin", country="DE"), Place(city="Paris", country="FR")


class Searches(Laws):
    """All that is searched for and nothing else, by every field in the same way on every store."""

    @pytest.mark.parametrize(
        ("ip", "found"),
        [
            ("10.1.16.5", {"desk"}),
            ("10.1.16.6", set()),
            ("10.1.0.0/16", {"desk", "phone"}),
            ("10.1.16.0/20", {"desk"}),
            ("10.0.0.0/7", {"desk", "phone", "ten"}),
            ("10.1.16.5/32", {"desk"}),
            ("203.0.113.0/24", {"cut"}),
            ("203.0.0.0/16", {"cut"}),
            ("203.0.113.7", set()),
            ("203.0.113.0/25", set()),
            ("10.1.16.99/24", {"desk"}),
            ("0.0.0.0/0", {"desk", "phone", "ten", "cut"}),
            ("2001:db8::/32", {"six"}),
            ("2001:0db8:0::1", {"six"}),
            ("2001::/16", {"six", "short"}),
            ("::/0", {"six", "short"}),
            ("hash:1f-keyed", {"hashed"}),
            ("hash:1f", set()),
            ("", set()),
            ("10.1.%", set()),
            ("*", set()),
        ],
    )
    def test_an_address_or_a_network(self, store: Face, ip: str, found: set[str]) -> None:
        names = self.named(
            store,
            desk={"ip": "10.1.16.5"},
            phone={"ip": "10.1.200.7"},
            ten={"ip": "11.10.1.16"},
            six={"ip": "2001:db8::1"},
            short={"ip": "2001::7"},
            cut={"ip": "203.0.113.0/24"},
            hashed={"ip": "hash:1f-keyed"},
            nowhere={"ip": None},
        )
        self.finds(store, names, Query(live_at=NOW, ip=ip), found)
        self.finds(store, names, Query(user_id="ada", ip=ip), found)

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"country": "DE"}, {"desk"}),
            ({"country": "de"}, set()),
            ({"country": "\0"}, set()),
            ({"kind": "mobile"}, {"phone"}),
            ({"kind": "desktop", "country": "FR"}, set()),
            ({"text": "chrome"}, {"desk"}),
            ({"text": "CHROME 143"}, {"desk"}),
            ({"text": "mac"}, {"desk"}),
            ({"text": "iphone"}, {"phone"}),
            ({"text": "büro"}, {"phone"}),
            ({"text": "BüRO"}, {"phone"}),
            ({"text": "BÜRO"}, set()),
            ({"text": "100% ["}, {"phone"}),
            ({"text": "_*"}, {"phone"}),
            ({"text": "%"}, {"phone"}),
            ({"text": "on"}, {"desk", "phone"}),
            ({"text": "nothing like it"}, set()),
            ({"text": ""}, {"desk", "phone", "plain"}),
        ],
    )
    def test_a_country_or_a_device(self, store: Face, wanted: dict[str, str], found: set[str]) -> None:
        names = self.named(
            store,
            desk={"device": CHROME, "place": BERLIN},
            phone={"device": IPHONE, "place": PARIS},
            plain={"place": Place(city="DE")},
        )
        self.finds(store, names, Query(live_at=NOW, **wanted), found)  # type: ignore[arg-type]
        self.finds(store, names, Query(user_id="ada", **wanted), found)  # type: ignore[arg-type]

    def test_it_narrows_like_every_other_field(self, store: Face) -> None:
        names = self.named(
            store,
            one={"ip": "10.0.0.1", "device": CHROME, "application_id": "shop"},
            other={"ip": "10.0.0.1", "device": CHROME, "user_id": "grace"},
            elsewhere={"ip": "10.0.1.1", "device": CHROME},
            over={"ip": "10.0.0.1", "device": CHROME, "expires_at": NOW},
            visitor={"ip": "10.0.0.1", "device": CHROME, "user_id": None},
        )
        net = Query(live_at=NOW, ip="10.0.0.0/24", text="chrome")
        self.finds(store, names, net, {"one", "other", "visitor"})
        for wanted, found in (
            ({"signed_in": True}, {"one", "other"}),
            ({"application_id": "shop"}, {"one"}),
            ({"user_id": "grace"}, {"other"}),
            ({"device_id": "one"}, {"one", "other", "visitor"}),
            ({"except_id": next(id for id, name in names.items() if name == "one")}, {"other", "visitor"}),
        ):
            self.finds(store, names, _also(net, **wanted), found)

    def test_pages_of_a_search_have_no_gaps_and_no_doubles(self, store: Face) -> None:
        wanted = [self.started(store, at=n * MINUTE, user_id=f"{n % 3}", ip="10.0.0.1") for n in range(7)]
        for n in range(7):
            self.started(store, at=n * MINUTE, user_id=f"{n % 3}", ip="10.0.0.2")
        query, found = Query(live_at=NOW, ip="10.0.0.1/32", limit=3), list[UUID]()
        for size in (3, 3, 1, 0):
            page = store.select(query)
            assert len(page) == size
            found += [session.id for session in page]
            query = _also(query, after=found[-1])
        assert found == sorted((session.id for session in wanted), reverse=True)

    def test_people_of_a_search_are_counted_once(self, store: Face) -> None:
        for user_id in ("ada", "ada", "grace", None):
            self.started(store, user_id=user_id, device=IPHONE)
        self.started(store, user_id="mary", device=CHROME)
        assert store.count(Query(live_at=NOW, text="safari", people=True)) == 2
        assert store.count(Query(live_at=NOW, kind="mobile", people=True, limit=1)) == 2

    def test_revoking_ends_what_is_searched_for(self, store: Face) -> None:
        near = [self.started(store, user_id=f"{n}", ip=f"10.0.0.{n}", device=CHROME) for n in range(5)]
        far = self.started(store, ip="10.0.1.1", device=CHROME)
        query = Query(ip="10.0.0.0/24", kind="desktop", live_at=NOW, limit=3)
        revoke = partial(store.revoke, at=NOW, reason=Reason.ADMIN, by="root", note="why")
        first, second, third = revoke(query), revoke(query), revoke(query)
        assert (len(first), len(second), third) == (3, 2, [])
        assert {*first, *second} == {session.id for session in near}
        stored = store.get(near[0].id)
        assert (stored.revoked_at, stored.revoked_by, stored.note) == (NOW, "root", "why")
        assert store.get(far.id) == far
        assert len(store.entries().entries) == 5

    def test_the_most_recently_seen_of_a_search_are_refused(self, store: Face) -> None:
        for query in (
            Query(user_id="ada", order="seen", text="a"),
            Query(user_id="ada", order="seen", ip="1"),
        ):
            with pytest.raises(QueryNotSupported):
                store.select(query)

    def test_created_before_leaves_out_its_instant(self, store: Face) -> None:
        names = self.named(store, **{str(n): {"at": n * MINUTE, "user_id": f"{n % 2}"} for n in range(4)})
        two = MORNING + 2 * MINUTE
        self.finds(store, names, Query(live_at=NOW, created_before=two), {"0", "1"})
        self.finds(store, names, Query(user_id="1", created_before=two), {"1"})
        self.finds(store, names, Query(created_since=MORNING + MINUTE, created_before=two), {"1"})
        self.finds(store, names, Query(live_at=NOW, created_before=two, text="unknown"), {"0", "1"})
        id = next(id for id, name in names.items() if name == "0")
        self.finds(store, names, Query(id=id, created_before=MORNING), set())
        assert [s.id for s in store.select(Query(live_at=NOW, created_before=two, after=id))] == []
        query = Query(live_at=NOW, created_before=two)
        assert len(store.revoke(query, at=NOW, reason=Reason.ADMIN)) == 2
        assert store.count(Query(live_at=NOW)) == 2

    # ── the living and the dead of everybody ───────────────────────────────────────────────────────

    def test_what_began_in_a_stretch_of_time_is_found_living_or_not(self, store: Face) -> None:
        names = self.named(
            store,
            before={"at": MINUTE},
            lives={"at": 2 * MINUTE},
            revoked={"at": 3 * MINUTE, "revoked_at": NOW, "reason": Reason.USER, "user_id": "grace"},
            expired={"at": 4 * MINUTE, "expires_at": NOW - MINUTE, "user_id": "mary"},
            visitor={"at": 5 * MINUTE, "user_id": None, "application_id": "shop"},
        )
        store.expire(at=NOW)
        since = MORNING + 2 * MINUTE
        self.finds(store, names, Query(created_since=since), {"lives", "revoked", "expired", "visitor"})
        self.finds(store, names, Query(created_since=since, signed_in=True), {"lives", "revoked", "expired"})
        self.finds(store, names, Query(created_since=since, application_id="shop"), {"visitor"})
        ended = Query(created_since=since, ended_since=MORNING, ended_by=NOW)
        self.finds(store, names, ended, {"revoked", "expired"})
        self.finds(store, names, _also(ended, ended_by=NOW - MINUTE), {"expired"})
        self.finds(store, names, _also(ended, created_since=MORNING + 4 * MINUTE), {"expired"})

    def test_pages_of_all_that_began_are_in_order(self, store: Face) -> None:
        for n in range(12):
            ending = {"revoked_at": NOW, "reason": Reason.USER} if n % 3 == 0 else {}
            ending |= {"expires_at": NOW} if n % 3 == 1 else {}
            self.started(store, at=n * MINUTE, user_id=f"{n}", ip=f"10.0.0.{n}", **ending)
        store.expire(at=NOW + MINUTE)
        query, found = Query(created_since=MORNING, ip="10.0.0.0/24", limit=5), list[Session]()
        for size in (5, 5, 2):
            page = store.select(query)
            assert len(page) == size
            found += page
            query = _also(query, after=found[-1].id)
        assert [session.ip for session in found] == [f"10.0.0.{n}" for n in range(11, -1, -1)]

    def test_ended_ones_that_nobody_has_noticed_yet_are_found(self, store: Face) -> None:
        session = self.started(store, expires_at=NOW)
        query = Query(created_since=MORNING, ended_since=MORNING, ended_by=NOW + HOUR)
        assert store.select(query) == [session]

    # ── how ──────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def named(cls, store: Face, **sessions: dict[str, object]) -> dict[UUID, str]:
        """A session for each name, by id."""
        return {cls.started(store, **fields).id: name for name, fields in sessions.items()}  # type: ignore[arg-type]

    @staticmethod
    def finds(store: Face, names: dict[UUID, str], query: Query, found: set[str]) -> None:
        page = store.select(query)
        assert {names[session.id] for session in page} == found
        assert [session.id for session in page] == sorted((s.id for s in page), reverse=True)
        assert store.count(query) == len(found)


def _also(query: Query, **fields: object) -> Query:
    return _replaced(query, **fields)
