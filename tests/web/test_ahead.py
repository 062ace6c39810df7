"""What is read before the application runs, for paths at which it asks for the session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn import Policy
from sojourn.rules import Rulebook
from sojourn.session import Reason, Session
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from sojourn.web.ahead import FRESH, Asking
from sojourn.web.asgi import visit_of
from sojourn.web.starlette import SessionMiddleware, login, logout, session_from
from tests.web.conftest import Visiting
from tests.web.kit import CHROME, Browser, Counting, Guests, make_site

NO_CACHE = {"cache_for": timedelta(0), "cookie_cache": None}


class Remote(Counting):
    remote = True


class App:
    """An application that says how often the store was read before it was asked to do anything."""

    def __init__(self, clock: FakeClock, visiting: Visiting, store: Counting, **policy: Any) -> None:
        self.store = store
        self.asks = True
        self.first: Callable[[Request], Any] = lambda request: None  # what it does before it asks
        site = make_site(clock, store=store, policy=Policy(**(NO_CACHE | policy)))
        routes = [Route("/me", self._me), Route("/me", self._me, methods=["POST"]), Route("/enter", _enter)]
        app = Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)])
        self.guests: Guests = visiting(app, site)
        self.ticks = 0.0
        site.feed.monotonic = lambda: self.ticks
        self.guests.run(site.feed.poll)

    async def _me(self, request: Request) -> Response:
        before = self.store.reads
        done = self.first(request)
        if done is not None:
            await done
        session = await session_from(request) if self.asks else None
        return JSONResponse({"before": before, "me": session and session.user_id})

    def end_unheard(self) -> None:
        """From now on the store says that sessions have ended, and its log does not."""
        found = self.store.get

        async def ended(id: Any) -> Session | None:
            session = await found(id)
            return session and session.change(revoked_at=self.guests.clock(), reason=Reason.ADMIN)

        self.store.get = ended  # type: ignore[method-assign]

    def browser(self) -> Browser:
        """One that has asked often enough to be known."""
        browser = self.guests.browser()
        assert browser.get("/enter").status_code == 200
        for _ in range(4):
            assert browser.get("/me").json()["me"] == "ada"
        self.store.reads = 0
        return browser


async def _enter(request: Request) -> Response:
    await login(request, "ada")
    return JSONResponse({})


@pytest.fixture
def app(clock: FakeClock, visiting: Visiting) -> App:
    return App(clock, visiting, Remote())


def test_what_asked_last_time_finds_it_read(app):
    ada = app.browser()
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert app.store.reads == 1
    assert ada.post("/me").json() == {"before": 2, "me": "ada"}
    assert app.store.reads == 2


def test_a_store_in_this_process_is_not_read_ahead(clock, visiting):
    app = App(clock, visiting, Counting())
    assert app.browser().get("/me").json() == {"before": 0, "me": "ada"}


def test_where_snapshots_answer_nothing_is_read_ahead(clock, visiting):
    app = App(clock, visiting, Remote(), cache_for=timedelta(minutes=1))
    assert app.browser().get("/me").json() == {"before": 0, "me": "ada"}


def test_where_nobody_asks_it_is_read_in_vain_once(app):
    ada = app.browser()
    app.asks = False
    for _ in range(3):
        assert ada.get("/me").json()["me"] is None
    assert app.store.reads == 1
    app.asks = True
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert ada.get("/me").json() == {"before": 3, "me": "ada"}


def test_who_comes_from_elsewhere_is_looked_at_first(app):
    app.browser()
    other = app.guests.browser(CHROME)
    assert other.get("/me").json() == {"before": 0, "me": None}
    assert app.store.reads == 0


def test_whoever_asks_late_has_the_store_asked_again(app):
    ada = app.browser()

    def wait(request: Request) -> None:
        app.ticks += FRESH * 1.5

    app.first = wait
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert app.store.reads == 2


@pytest.mark.req("A7-7.4.1")
def test_an_ending_that_was_heard_of_meanwhile_is_felt(app):
    ada = app.browser()
    sessions = app.guests.sessions

    async def end(request: Request) -> None:
        await sessions.revoke_all("ada")

    app.first = end
    assert ada.get("/me").json() == {"before": 1, "me": None}


@pytest.mark.req("A7-7.4.1")
def test_an_ending_elsewhere_that_was_heard_of_before_the_request_is_felt(app):
    ada = app.browser()
    app.guests.run(app.store.revoke, Query(user_id="ada"), at=app.guests.clock(), reason=Reason.ADMIN)
    assert ada.get("/me").json() == {"before": 0, "me": None}


@pytest.mark.req("A7-7.4.1")
def test_an_ending_elsewhere_that_nobody_has_heard_of_is_felt(app):
    ada = app.browser()
    cookie = str(ada.get("/me").request.headers["cookie"])
    app.end_unheard()
    app.store.reads = 0
    assert ada.get("/me").json() == {"before": 1, "me": None}
    assert app.store.reads == 2
    for _ in range(2):  # and whoever has kept the cookies costs one question
        app.store.reads = 0
        assert ada.get("/me", headers={"cookie": cookie}).json() == {"before": 0, "me": None}
        assert app.store.reads == 1


@pytest.mark.req("A7-7.4.1")
def test_what_a_sensitive_act_has_found_out_counts_from_then_on(app):
    ada = app.browser()
    said = []

    async def act(request: Request) -> None:
        app.end_unheard()
        said.append(await visit_of(request.scope).session(sure=True))

    app.first = act
    assert ada.get("/me").json() == {"before": 1, "me": None}
    assert said == [None]


@pytest.mark.parametrize("what", ["awake", "until", "awake_until", "wall_until", "wall_since"])
def test_what_holds_no_longer_has_the_store_asked_again(app, what):
    ada = app.browser()
    feed = app.guests.site.feed
    (standing,) = filter(None, app.guests.sessions.standings._lately.values())

    def happen(request: Request) -> None:
        edition, awake, until = standing.plain
        if what == "awake":
            standing.plain = edition, app.ticks, until
        elif what == "until":
            standing.plain = edition, awake, feed.wall()
        else:
            setattr(feed, what, {"awake_until": app.ticks, "wall_until": feed.wall()}.get(what, until))

    app.first = happen
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert app.store.reads == 2


def test_a_rule_that_changed_meanwhile_counts(clock, visiting):
    book = Rulebook(profiles={})
    app = App(clock, visiting, Remote(), exceptions=book)
    ada = app.browser()
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert app.store.reads == 1

    def change(request: Request) -> None:
        book.learn("profile", {"short": {"idle_timeout": timedelta(minutes=1)}})

    app.first = change
    assert ada.get("/me").json() == {"before": 2, "me": "ada"}
    assert app.store.reads > 2


def test_when_something_is_due_it_is_noted(app):
    ada = app.browser()
    (before,) = app.guests.run(app.store.select, Query(user_id="ada"))
    app.guests.clock.tick(minutes=2)
    app.guests.run(app.guests.site.feed.poll)
    for _ in range(3):
        assert ada.get("/me").json()["me"] == "ada"
    app.guests.run(app.guests.sessions.flush)
    (after,) = app.guests.run(app.store.select, Query(user_id="ada"))
    assert after.seen_at - before.seen_at == timedelta(minutes=2)


def test_while_nobody_follows_the_feed_nothing_is_read_ahead(app):
    ada = app.browser()
    app.ticks += 5
    for _ in range(3):
        app.store.reads = 0
        assert ada.get("/me").json() == {"before": 0, "me": "ada"}
        assert app.store.reads == 1


def test_where_only_sensitive_acts_ask_nothing_is_read_in_vain(app):
    ada = app.browser()

    async def act(request: Request) -> None:
        assert await visit_of(request.scope).session(sure=True) is not None

    app.asks, app.first = False, act
    for before in (1, 0, 0):
        app.store.reads = 0
        assert ada.get("/me").json()["before"] == before
        assert app.store.reads == before + 1


def test_whose_session_has_ended_costs_one_question_each_time(app):
    ada = app.browser()
    token = ada.token
    app.guests.run(app.store.revoke, Query(user_id="ada"), at=app.guests.clock(), reason=Reason.ADMIN)
    for _ in range(3):
        ada.hold(token)
        ada.get("/me")
        app.store.reads = 0
    ada.hold(token)
    assert ada.get("/me").json() == {"before": 0, "me": None}
    assert app.store.reads == 1


def test_a_sensitive_act_has_the_store_asked_itself(app):
    ada = app.browser()
    said = []

    async def act(request: Request) -> None:
        said.append(await visit_of(request.scope).session(sure=True))

    app.first = act
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert said[0] is not None
    assert app.store.reads == 2
    assert ada.get("/me").json() == {"before": 2, "me": "ada"}  # nothing is read in vain again
    assert app.store.reads == 3


@pytest.mark.parametrize("ticks", [0, 2])
def test_who_signs_out_is_out_though_it_was_read_before(app, ticks):
    ada = app.browser()

    async def leave(request: Request) -> None:
        assert await logout(request)
        app.ticks += FRESH * ticks

    app.first = leave
    assert ada.get("/me").json()["me"] is None
    app.first = lambda request: None
    assert ada.get("/me").json()["me"] is None


@pytest.mark.parametrize("ticks", [0, 2])
def test_who_signs_in_anew_is_the_new_one(app, ticks):
    ada = app.browser()

    async def enter(request: Request) -> None:
        await login(request, "ben")
        app.ticks += FRESH * ticks

    app.first = enter
    assert ada.get("/me").json()["me"] == "ben"


@pytest.mark.parametrize("ticks", [0, 2])
def test_who_gets_a_new_token_is_known_by_it(app, ticks):
    ada = app.browser()
    before = ada.token

    async def refresh(request: Request) -> None:
        await visit_of(request.scope).refresh()
        app.ticks += FRESH * ticks

    app.first = refresh
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    app.first = lambda request: None
    assert ada.token != before
    assert ada.get("/me").json()["me"] == "ada"


def test_what_is_handed_over_goes_before_what_was_read(app):
    ada, sessions = app.browser(), app.guests.sessions

    async def hand_over(request: Request) -> None:
        bob = await sessions.start("bob")
        visit_of(request.scope).hand_over(bob.session, bob.token)

    app.first = hand_over
    assert ada.get("/me").json() == {"before": 1, "me": "bob"}


def test_a_store_that_is_away_is_told_to_who_asks_and_to_nobody_else(app):
    ada = app.browser()
    flaky = app.guests.lose_store("get")
    assert ada.get("/me").status_code == 503
    app.asks = False
    assert ada.get("/me").status_code == 200
    flaky.away, app.asks = False, True
    assert ada.get("/me").json()["me"] == "ada"


def test_while_too_many_wait_for_the_store_nobody_else_does(app):
    ada = app.browser()
    places = app.guests.sessions._commits.places
    before = places[:]
    places.clear()
    assert ada.get("/me").status_code == 503
    assert app.store.reads == 0
    app.asks = False
    assert ada.get("/me").status_code == 200
    places[:], app.asks = before, True
    assert ada.get("/me").json() == {"before": 1, "me": "ada"}
    assert len(places) == len(before)


def test_of_a_store_that_is_away_one_question_is_waited_for(app):
    ada = app.browser()
    asked = []

    async def fail(id: Any) -> None:
        asked.append(id)
        raise OSError("no answer")

    app.guests.site.faults = (*app.guests.site.faults, OSError)
    app.store.get = fail
    assert ada.get("/me").status_code == 503
    assert len(asked) == 1


def test_the_answer_depends_on_the_cookie(app):
    answer = app.browser().get("/me")
    assert answer.headers.get_list("vary") == ["Cookie"]
    assert answer.headers["cache-control"] == "no-store"


def test_few_paths_are_remembered():
    asking = Asking()
    for number in range(5_000):
        asking.learn(f"/{number}")
    assert 0 < len(asking) <= 4_096
    assert "/4999" in asking
