"""Acting as somebody else, over HTTP: what it opens, what it does not, and when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from sojourn.directory import Directory
from sojourn.errors import Forbidden
from sojourn.session import Reason
from sojourn.sessions import Issued
from sojourn.testing import FakeClock
from sojourn.web.starlette import SessionMiddleware
from tests.web.conftest import OpenServer, Visiting
from tests.web.kit import ADA, BOB, PASSWORD, Browser, Guests, code, cookies_set, make_site
from tests.web.test_oauth import CALLBACK, Client, ask, said
from tests.web.test_sockets import SOON, Talk, closed, connected, elsewhere
from tests.web.test_sockets import said as echoed

API = "/api/auth"


class Acting:
    """Bob, who acts as ada in a browser of his own."""

    def __init__(self, server: Guests, ada: Browser) -> None:
        self.server, self.ada, self.browser = server, ada, server.browser()
        (row,) = ada.rows()
        self.user_id = server.run(server.sessions.select, _by_id(row["id"]))[0].user_id
        bob = server.browser()
        bob.sign_up(BOB)
        self.bob = bob
        self.parent = server.run(server.sessions.validate, bob.token).session
        self.child: Issued = server.run(server.sessions.impersonate, self.parent, self.user_id)
        self.browser.hold(self.child.token)


def _by_id(id: str) -> Any:
    from uuid import UUID

    from sojourn import Query

    return Query(id=UUID(id))


@pytest.fixture
def acting(server: Guests, ada: Browser) -> Acting:
    return Acting(server, ada)


def test_everybody_sees_which_session_it_is(acting: Acting) -> None:
    for browser in (acting.ada, acting.browser):
        marked = {row["id"]: row["impersonated"] for row in browser.rows()}
        assert marked[str(acting.child.session.id)] is True
        assert sum(marked.values()) == 1
    current = acting.browser.get(f"{API}/sessions/current").json()
    assert (current["user"]["email"], current["session"]["impersonated"]) == (ADA, True)
    assert [row["impersonated"] for row in acting.bob.rows()] == [False]


def test_its_user_is_told_on_the_page_of_their_devices(acting: Acting) -> None:
    page = acting.ada.get("/account/security").text
    assert page.count(">Support access<") == 1


def test_it_cannot_prove_to_be_the_user(acting: Acting) -> None:
    asked = acting.browser.post(f"{API}/sessions/revoke-others")
    assert code(asked) == "reauth_required"
    proved = acting.browser.post(f"{API}/reauthenticate", json={"password": PASSWORD})
    assert (proved.status_code, code(proved)) == (403, "forbidden")
    assert code(acting.browser.post(f"{API}/sessions/revoke-others")) == "reauth_required"
    assert acting.ada.signed_in()


def test_what_it_ends_was_ended_by_who_acts(acting: Acting) -> None:
    own = next(row["id"] for row in acting.ada.rows() if row["current"])
    assert acting.browser.delete(f"{API}/sessions/{own}").status_code == 200
    over = acting.server.run(acting.server.sessions.select, _by_id(own))[0]
    assert (over.reason, over.revoked_by) == (Reason.USER, acting.parent.user_id)
    (row,) = acting.browser.get(f"{API}/sessions/history").json()["sessions"]
    assert (row["id"], row["by"]) == (own, "admin")


def test_it_ends_with_its_parent(acting: Acting) -> None:
    assert acting.browser.signed_in()
    assert acting.bob.post(f"{API}/sign-out").status_code == 200
    answer = acting.browser.get(f"{API}/sessions/current")
    assert (answer.status_code, code(answer)) == (401, "session_revoked")
    assert [row["impersonated"] for row in acting.ada.rows()] == [False]
    (row,) = acting.ada.get(f"{API}/sessions/history").json()["sessions"]
    assert (row["impersonated"], row["reason"], row["by"]) == (True, "system", "system")


def test_signing_in_over_it_starts_anew(acting: Acting) -> None:
    assert acting.browser.sign_in().status_code == 200
    current = acting.browser.get(f"{API}/sessions/current").json()["session"]
    assert (current["impersonated"], current["id"] != str(acting.child.session.id)) == (False, True)
    over = acting.server.run(acting.server.sessions.select, _by_id(str(acting.child.session.id)))[0]
    assert (over.reason, over.revoked_by) == (Reason.REPLACED, acting.parent.user_id)


def test_no_cookie_holds_a_snapshot_of_it(open_server: OpenServer) -> None:
    server = open_server(cookie_cache=timedelta(minutes=5))
    ada = server.browser()
    ada.sign_up()
    acting = Acting(server, ada)
    for _ in range(3):
        answer = acting.browser.get(f"{API}/sessions/current")
        assert not [name for name in cookies_set(answer) if "cache" in name]
    named = [name for _ in range(3) for name in cookies_set(acting.bob.get(f"{API}/sessions/current"))]
    assert [name for name in named if "cache" in name]  # as others have


# ── applications ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def app(server: Guests, directory: Directory) -> Client:
    registered = server.run(directory.create_application, "App", id="app_one", redirect_uris=[CALLBACK])
    return Client(server, registered)


def test_no_application_is_signed_in_to(acting: Acting, app: Client) -> None:
    answer = ask(acting.browser, app.id)
    assert answer.status_code == 403
    assert "You act as this user" in answer.text
    assert said(ask(acting.browser, app.id, prompt="none"))["error"] == "login_required"
    code = app.code(acting.ada)  # she herself is
    assert app.redeem(code).status_code == 200


def test_no_application_is_signed_in_to_where_the_user_was_already(acting: Acting, app: Client) -> None:
    """A link by which somebody else has agreed, for the user of the very same browser."""
    assert app.redeem(app.code(acting.ada)).status_code == 200
    acting.ada.hold(acting.child.token)
    assert ask(acting.ada, app.id).status_code == 403


def test_there_are_no_access_tokens_for_it(acting: Acting) -> None:
    issuer = acting.server.site.issuer
    assert issuer is not None
    assert acting.server.run(issuer.issue, acting.parent).text
    with pytest.raises(Forbidden):
        acting.server.run(issuer.issue, acting.child.session)


def test_who_asks_about_its_token_learns_that_its_parent_ended(acting: Acting, app: Client) -> None:
    assert app.introspect(acting.child.token)["active"] is True
    acting.server.run(acting.server.sessions.revoke_all, acting.parent.user_id)
    assert app.introspect(acting.child.token) == {"active": False}


# ── WebSockets ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def guests(clock: FakeClock, visiting: Visiting) -> Guests:
    site = make_site(clock, policy=SOON)
    routes = [WebSocketRoute("/echo", Talk().echo)]
    return visiting(Starlette(routes=routes, middleware=[Middleware(SessionMiddleware, site=site)]), site)


@pytest.mark.parametrize("process", ["here", "elsewhere"])
@pytest.mark.parametrize("how", ["revoked", "renewed", "demoted"])
def test_its_sockets_are_closed_when_its_parent_ends(guests: Guests, process: str, how: str) -> None:
    parent, other = guests.start("grace"), guests.start("ada")
    child = guests.run(guests.sessions.impersonate, parent.session, "ada")
    sessions = guests.sessions if process == "here" else elsewhere(guests)
    with connected(guests, child.token) as socket, connected(guests, other.token) as own:
        assert echoed(socket, "hello") == "hello"
        if how == "revoked":
            guests.run(sessions.revoke_all, "grace")
        elif how == "renewed":
            guests.run(sessions.renew, parent.session.id)
        else:
            guests.run(sessions.renew_all, "grace")
        assert closed(socket) == 1008
        assert echoed(own, "still here") == "still here"


def test_its_sockets_are_closed_when_it_ends_itself(guests: Guests) -> None:
    child = guests.run(guests.sessions.impersonate, guests.start("grace").session, "ada")
    with connected(guests, child.token) as socket:
        assert echoed(socket, "hello") == "hello"
        guests.run(guests.sessions.revoke, child.session.id, owner="ada")
        assert closed(socket) == 1008
    with connected(
        guests, guests.run(guests.sessions.impersonate, guests.start("eve").session, "ada").token
    ) as socket:
        assert echoed(socket, "hello") == "hello"
        guests.clock.tick(hours=1)
        assert closed(socket) == 1008


def test_its_sockets_leave_nothing_behind(guests: Guests) -> None:
    child = guests.run(guests.sessions.impersonate, guests.start("grace").session, "ada")
    with connected(guests, child.token) as socket:
        echoed(socket, "hello")
        assert set(guests.site.wakes._waiting) == {child.session.id, child.session.parent_id}
    assert not guests.site.wakes._waiting
