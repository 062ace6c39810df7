"""A request of which nobody asks more than whose session it has has no visit, and is answered the same."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request

from sojourn import Policy, Session
from sojourn.blocking import drive
from sojourn.errors import Forbidden, Unauthenticated
from sojourn.testing import FakeClock
from sojourn.token import derive
from sojourn.web.arrival import Arrival
from sojourn.web.asgi import SessionMiddleware, arrival_of, visit_of
from sojourn.web.site import Site
from sojourn.web.starlette import session_from
from sojourn.web.visit import Visit
from tests.web.kit import SESSION, make_site

Scope = dict[str, Any]
HERE, ELSEWHERE = ("203.0.113.7", 50_000), ("198.51.100.9", 50_000)


class House:
    """A site with one session, and the answers of an application behind the middleware."""

    def __init__(self, **settings: Any) -> None:
        self.site: Site = make_site(FakeClock(), **settings)
        drive(self.site.sessions.feed.poll())
        self.issued = drive(self.site.sessions.start("ada"))
        self.cookie = f"{SESSION}={self.issued.token}".encode()

    def scope(self, **more: Any) -> Scope:
        headers = [(b"cookie", self.cookie), (b"user-agent", b"Firefox")]
        known = {"type": "http", "method": "GET", "path": "/", "root_path": "", "scheme": "https"}
        return known | {"client": HERE, "headers": headers} | more

    def answer(
        self, application: Callable[[Scope], Awaitable[object]], scope: Scope | None = None, **sent: Any
    ) -> tuple[Scope, list[tuple[bytes, bytes]]]:
        """The scope afterwards, and the headers of the answer."""
        answers: list[Any] = []

        async def behind(scope: Any, receive: Any, send: Any) -> None:
            await application(scope)
            await send({"type": "http.response.start", "status": 200, "headers": [], **sent})
            await send({"type": "http.response.body", "body": b""})

        async def send(message: Any) -> None:
            answers.append(message)

        scope = scope or self.scope()
        drive(SessionMiddleware(behind, site=self.site)(scope, None, send))  # type: ignore[arg-type]
        return scope, answers[0]["headers"]

    def warm(self) -> None:
        for _ in range(3):
            self.answer(ask)


async def ask(scope: Scope) -> Session | None:
    return await session_from(Request(scope))


async def look_away(scope: Scope) -> None:
    pass


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_who_is_known_needs_no_visit_and_no_cache_keeps_the_answer():
    house = House()
    house.warm()
    for _ in range(2):
        scope, headers = house.answer(ask)
        assert scope["sojourn"].visit is None
        assert scope["sojourn"].session is not None
        assert dict(headers)[b"cache-control"] == b"no-store"
        assert b"Cookie" in dict(headers)[b"vary"]
    scope, headers = house.answer(ask, headers=[(b"cache-control", b"private")])
    assert scope["sojourn"].visit is None
    assert dict(headers)[b"cache-control"] == b"private"
    assert b"Cookie" in dict(headers)[b"vary"]


def test_who_is_not_looked_at_is_answered_as_if_there_were_no_sessions():
    house = House()
    house.warm()
    scope, headers = house.answer(look_away)
    assert scope["sojourn"].visit is None
    assert {name for name, _ in headers} <= {b"strict-transport-security"}


@pytest.mark.parametrize("application", [ask, look_away])
@pytest.mark.parametrize(
    ("scheme", "settings"),
    [
        pytest.param("https", {}, id="https"),
        pytest.param("http", {}, id="http"),
        pytest.param("http", {"trusted_proxies": ("203.0.113.0/24",)}, id="behind a proxy"),
    ],
)
def test_browsers_are_told_to_come_by_https_if_this_one_did(application, scheme, settings):
    house = House(**settings)
    headers = [*house.scope()["headers"], (b"x-forwarded-proto", b"https")]
    for _ in range(4):
        scope, said = house.answer(application, house.scope(scheme=scheme, headers=headers))
        strict = b"strict-transport-security" in dict(said)
        assert strict is (house.site.guards and (scheme == "https" or bool(settings)))
    assert scope["sojourn"].visit is None
    assert house.site.guards


def test_a_visit_that_begins_later_has_the_session_that_was_at_hand():
    house = House()
    house.warm()

    async def more(scope: Scope) -> None:
        known = await ask(scope)
        assert known is not None
        assert scope["sojourn"].visit is None
        await house.site.sessions.revoke_all("ada")
        assert await ask(scope) is known
        assert scope["sojourn"].visit is None
        visit = visit_of(scope)
        assert visit_of(scope) is visit
        assert await visit.session() is known
        assert await ask(scope) is known
        assert await visit.session(sure=True) is None

    house.answer(more)
    assert drive(visit_of(house.answer(look_away)[0]).session()) is None


def test_what_came_counts_though_whoever_routes_changes_the_scope():
    house = House()
    house.warm()

    async def mounted(scope: Scope) -> None:
        scope |= {"path": "/there", "root_path": "/mounted", "client": ELSEWHERE, "scheme": "http"}
        scope["headers"][:] = [(b"cookie", b"theme=dark")]
        assert await ask(scope) is not None
        visit = visit_of(scope)
        assert (visit.path, visit.base, visit.scheme, visit.ip) == ("/here", "", "https", HERE[0])
        assert visit.agent == "Firefox"

    house.answer(mounted, house.scope(path="/here"))


def test_who_asks_by_a_copy_of_the_scope_is_answered_the_same():
    house = House()
    house.warm()

    async def copied(scope: Scope) -> None:
        assert await ask(dict(scope)) is not None

    scope, headers = house.answer(copied)
    assert scope["sojourn"].visit is None
    assert dict(headers)[b"cache-control"] == b"no-store"


def test_a_server_may_leave_out_what_asgi_lets_it_leave_out():
    house = House()
    scope = house.scope()
    for name in ("root_path", "scheme", "client"):
        del scope[name]

    async def asked(scope: Scope) -> None:
        visit = visit_of(scope)
        assert (visit.base, visit.scheme, visit.ip) == ("", "http", None)
        assert await visit.session() is not None

    house.answer(asked, dict(scope))
    for _ in range(3):
        assert house.answer(ask, dict(scope))[0]["sojourn"].begun()._session is not None


@pytest.mark.parametrize("twice", [b"cookie", b"user-agent"])
def test_who_sends_a_header_twice_is_looked_at_more_closely(twice):
    house = House()
    known, other = house.scope()["headers"], (twice, b"theme=dark")
    for headers in ([*known, other], [other, *known]) * 2:
        house.warm()
        scope, _ = house.answer(ask, house.scope(headers=headers))
        assert scope["sojourn"].visit is not None
        assert scope["sojourn"].visit._session is not None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"client": ELSEWHERE}, id="from elsewhere"),
        pytest.param({"client": None}, id="from nowhere"),
        pytest.param({"headers": []}, id="without cookies"),
    ],
)
def test_who_comes_another_way_is_not_known_by_what_was_found(changed):
    house = House()
    house.warm()
    scope, _ = house.answer(ask, house.scope(**changed))
    assert scope["sojourn"].visit is not None


@pytest.mark.parametrize("how", ["behind a proxy", "tokens are taken", "cookies in two headers"])
def test_who_is_looked_at_more_closely_is_known_without_a_search_all_the_same(how, monkeypatch):
    house = House(**({"trusted_proxies": ("203.0.113.0/24",)} if how == "behind a proxy" else {}))
    headers = house.scope()["headers"]
    if how == "tokens are taken":
        house.site.bearer_tokens = house.site.looks_closer = True
    elif how == "cookies in two headers":
        headers = [(b"cookie", b"theme=dark"), *headers]
    for _ in range(3):
        house.answer(ask, house.scope(headers=headers))
    monkeypatch.setattr(house.site.snapshots, "recall", None)
    scope, said = house.answer(ask, house.scope(headers=headers))
    assert (scope["sojourn"].visit is None) is (how != "cookies in two headers")
    assert scope["sojourn"].begun().at_hand() is not None
    assert dict(said)[b"cache-control"] == b"no-store"


BY_PROXY: list[tuple[bytes, bytes]] = [
    (b"x-forwarded-for", b"198.51.100.9"),
    (b"x-forwarded-proto", b"https"),
]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([(b"x-forwarded-for", b"198.51.100.10"), BY_PROXY[1]], id="for another address"),
        pytest.param([*BY_PROXY, (b"x-forwarded-for", b"198.51.100.10")], id="the known address was claimed"),
        pytest.param([BY_PROXY[0]], id="by another scheme"),
        pytest.param([*BY_PROXY, (b"x-country", b"NL")], id="from a country"),
        pytest.param([], id="for nobody"),
    ],
)
def test_behind_a_proxy_who_comes_another_way_is_not_known_by_what_was_found(changed):
    house = House(trusted_proxies=("203.0.113.0/24",), country_header="X-Country")
    known = house.scope()["headers"]
    for _ in range(4):
        scope, _ = house.answer(ask, house.scope(scheme="http", headers=[*known, *BY_PROXY]))
    assert scope["sojourn"].visit is None
    scope, _ = house.answer(ask, house.scope(scheme="http", headers=[*known, *changed]))
    assert scope["sojourn"].visit is not None


@pytest.mark.parametrize(
    ("client", "headers", "known"),
    [
        pytest.param("203.0.113.8", BY_PROXY, True, id="another proxy"),
        pytest.param(
            "203.0.113.7", [(b"x-forwarded-for", b"10.0.0.1"), *BY_PROXY], True, id="a claim before"
        ),
        pytest.param("198.51.100.9", BY_PROXY, True, id="no proxy, from the same address"),
        pytest.param("198.51.100.8", BY_PROXY, False, id="no proxy, from another address"),
    ],
)
def test_by_whichever_proxy_the_same_person_is_known(client, headers, known):
    house = House(trusted_proxies=("203.0.113.0/24",))
    theirs = house.scope()["headers"]
    for _ in range(4):
        house.answer(ask, house.scope(headers=[*theirs, *BY_PROXY]))
    scope, _ = house.answer(ask, house.scope(client=(client, 50_000), headers=[*theirs, *headers]))
    assert (scope["sojourn"].visit is None) is known


@pytest.mark.parametrize("twice", [b"cookie", b"user-agent"])
def test_behind_a_proxy_who_sends_a_header_twice_is_known_by_both(twice):
    house = House(trusted_proxies=("203.0.113.0/24",))
    headers = [(twice, b"theme=dark"), *house.scope()["headers"], *BY_PROXY]
    for _ in range(4):
        scope, _ = house.answer(ask, house.scope(headers=headers))
    assert scope["sojourn"].visit is None
    changed = [(twice, b"theme=light"), *headers[1:]]
    scope, _ = house.answer(ask, house.scope(headers=changed))
    assert scope["sojourn"].visit is not None


@pytest.mark.parametrize(("path", "root"), [("/token", ""), ("/under/token", "/under"), ("/token", "/under")])
def test_below_a_prefix_too_no_cookie_counts_where_none_does(path, root):
    house = House(cookieless=[("GET", "/token")])
    for _ in range(4):
        scope, _ = house.answer(ask, house.scope(path="/other"))
    assert scope["sojourn"].visit is None
    scope, _ = house.answer(ask, house.scope(path=path, root_path=root))
    assert scope["sojourn"].begun()._session is None
    scope, _ = house.answer(ask, house.scope(path=path, root_path=root, method="HEAD"))
    assert scope["sojourn"].session is not None


@pytest.mark.parametrize("client", [HERE, None])
def test_a_program_that_says_nothing_of_itself_is_known_too(client):
    house = House()
    headers = house.scope()["headers"]
    house.warm()
    for _ in range(3):
        scope, _ = house.answer(ask, house.scope(headers=headers[:1], client=client))
    assert scope["sojourn"].visit is None
    scope, _ = house.answer(ask, house.scope(headers=headers, client=client))
    assert scope["sojourn"].visit is not None


def test_what_a_visit_changes_is_what_is_found_afterwards():
    house = House()
    house.warm()

    async def in_and_out(scope: Scope) -> None:
        assert await ask(scope) is not None
        await visit_of(scope).logout()
        assert await ask(scope) is None
        issued = await visit_of(scope).login("bob")
        assert await ask(scope) is issued.session

    _, headers = house.answer(in_and_out)
    assert dict(headers)[b"cache-control"] == b"no-store"


def test_no_cache_keeps_the_answer_either_if_a_visit_begins_and_asks_nothing_more():
    house = House()
    house.warm()

    async def begun(scope: Scope) -> None:
        await ask(scope)
        visit_of(scope)

    _, headers = house.answer(begun)
    assert dict(headers)[b"cache-control"] == b"no-store"
    assert b"Cookie" in dict(headers)[b"vary"]


def test_an_access_token_goes_before_the_cookie_that_was_known():
    house = House()
    house.warm()
    house.site.bearer_tokens = house.site.looks_closer = True
    other = drive(house.site.sessions.start("bob"))
    token = derive(other.session, house.site.sessions.keys, "bearer")
    sent = (b"authorization", f"Bearer {token}".encode())

    async def asked(scope: Scope) -> None:
        session = await ask(scope)
        assert session is not None
        assert session.user_id == "bob"

    for _ in range(3):
        house.answer(asked, house.scope(headers=[*house.scope()["headers"], sent]))


def test_where_no_cookie_counts_what_was_known_does_not():
    house = House()
    house.warm()
    house.site.cookieless, house.site.looks_closer = frozenset({("GET", "/")}), True

    async def asked(scope: Scope) -> None:
        assert await ask(scope) is None

    _, headers = house.answer(asked)
    assert b"Cookie" not in dict(headers).get(b"vary", b"")


def test_who_must_be_signed_in_and_is_needs_no_visit_either():
    house = House()
    house.warm()
    scope, _ = house.answer(lambda scope: arrival_of(scope).require())
    assert scope["sojourn"].visit is None
    visitor = drive(house.site.sessions.start(None))
    headers = [(b"cookie", f"{SESSION}={visitor.token}".encode()), (b"user-agent", b"Firefox")]
    for _ in range(3):
        house.answer(ask, house.scope(headers=headers))
    refused: list[Exception] = []

    async def required(scope: Scope) -> None:
        try:
            await arrival_of(scope).require()
        except Unauthenticated as refusal:
            refused.append(refusal)

    house.answer(required, house.scope(headers=headers))
    house.answer(required, house.scope(headers=[]))
    assert len(refused) == 2


def test_an_ending_counts_for_the_next_request():
    house = House()
    house.warm()
    drive(house.site.sessions.revoke_all("ada"))
    scope, _ = house.answer(ask)
    assert scope["sojourn"].begun()._session is None


def test_without_snapshots_the_visit_begins_at_once():
    house = House(policy=Policy(cache_for=timedelta(0), cookie_cache=None))
    for _ in range(3):
        scope, headers = house.answer(ask)
        assert isinstance(scope["sojourn"], Visit)
        assert dict(headers)[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("at_hand", [True, False])
def test_a_refusal_after_the_headers_have_left_is_not_swallowed(at_hand):
    house = House()
    house.warm()
    application = ask if at_hand else look_away

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await application(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Forbidden

    async def send(message: Any) -> None:
        pass

    scope = house.scope()
    with pytest.raises(Forbidden):
        drive(SessionMiddleware(behind, site=house.site)(scope, None, send))  # type: ignore[arg-type]
    assert scope["sojourn"].visit is None
    assert visit_of(scope).left


@pytest.mark.parametrize("application", [ask, lambda scope: visit_of(scope).session()])
def test_nothing_of_a_request_waits_for_the_collector(application):
    house = House()
    house.warm()
    with without_collector():
        house.answer(application)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left, gc.garbage[:] = [*gc.garbage], []
        gc.set_debug(0)
    assert not [found for found in left if isinstance(found, Arrival | Visit)]


def test_it_says_nothing_of_the_cookies_where_it_is_shown():
    house = House()
    house.warm()
    scope, _ = house.answer(ask)
    assert repr(scope["sojourn"]) == "<Arrival GET />"


def test_requests_at_the_same_time_are_not_taken_for_each_other():
    house = House()
    house.warm()
    other = drive(house.site.sessions.start("bob"))
    mine = [(b"cookie", f"{SESSION}={other.token}".encode()), (b"user-agent", b"Firefox")]
    for _ in range(3):
        house.answer(ask, house.scope(headers=mine))

    async def both() -> list[Session | None]:
        async def slowly(scope: Scope) -> Session | None:
            await asyncio.sleep(0)
            return await ask(scope)

        found: list[Session | None] = []

        async def behind(scope: Any, receive: Any, send: Any) -> None:
            found.append(await slowly(scope))

        middleware: Any = SessionMiddleware(behind, site=house.site)
        await asyncio.gather(
            middleware(house.scope(), None, None), middleware(house.scope(headers=mine), None, None)
        )
        return found

    assert {found and found.user_id for found in asyncio.run(both())} == {"ada", "bob"}
