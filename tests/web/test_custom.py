"""The custom session: what an application adds to what its clients see, and what it can never add."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sojourn import AsyncSessions
from sojourn.custom import Custom, merged
from sojourn.policy import Policy
from sojourn.session import Session
from sojourn.stores.memory import MemoryStore
from sojourn.testing import make_keys, make_session
from sojourn.token import derive
from sojourn.web.starlette import SessionMiddleware, data_from
from tests.web.kit import Browser, Guests, make_site

CURRENT = "/api/auth/sessions/current"


class Tenants:
    """What an application looks up, and how often it did."""

    def __init__(self) -> None:
        self.asked: list[Session] = []
        self.fields: Mapping[str, Any] = {"user": {"tenant": {"name": "Acme Ltd", "status": "active"}}}

    async def __call__(self, session: Session) -> Mapping[str, Any]:
        self.asked.append(session)
        return self.fields


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


def signed_in(open_server: Any, tenants: Tenants, **settings: Any) -> tuple[Guests, Browser]:
    server = open_server(custom=tenants, **settings)
    browser = server.browser()
    browser.sign_up()
    return server, browser


def test_a_client_sees_what_was_added_beside_what_is_ours(open_server, tenants):
    _, browser = signed_in(open_server, tenants)
    user = browser.get(CURRENT).json()["user"]
    assert user["tenant"] == {"name": "Acme Ltd", "status": "active"}
    assert user["email"] == "ada@example.org"


def test_it_is_looked_up_once_for_the_life_of_a_snapshot(open_server, tenants):
    server, browser = signed_in(open_server, tenants, cache_for=timedelta(minutes=5))
    for _ in range(5):
        browser.get(CURRENT)
        browser.get("/api/auth/sessions")  # which asks the store
        server.clock.tick(seconds=50)
    assert len(tenants.asked) == 1
    server.clock.tick(minutes=1)
    browser.get(CURRENT)
    assert len(tenants.asked) == 2


def test_another_process_finds_it_in_the_cookie_cache(clock, open_server, tenants):
    server, browser = signed_in(open_server, tenants, cookie_cache=timedelta(minutes=5))
    browser.get(CURRENT)
    browser.get(CURRENT)
    server.sessions.snapshots.near.clear()
    assert server.sessions.custom is not None
    server.sessions.custom.forget()
    before = len(tenants.asked)
    assert browser.get(CURRENT).json()["user"]["tenant"]["name"] == "Acme Ltd"
    assert len(tenants.asked) == before


def test_what_is_ours_is_not_replaced(open_server, tenants):
    tenants.fields = {
        "user": {"email": "eve@example.org"},
        "session": {"id": "x"},
        "limits": 7,
        "plan": "pro",
    }
    _, browser = signed_in(open_server, tenants)
    body = browser.get(CURRENT).json()
    assert body["user"]["email"] == "ada@example.org"
    assert body["session"]["id"] != "x"
    assert body["limits"] != 7
    assert body["plan"] == "pro"


def test_nothing_of_it_is_written_to_the_store(open_server, tenants):
    server, browser = signed_in(open_server, tenants)
    id = browser.get(CURRENT).json()["session"]["id"]
    browser.post("/api/auth/refresh")
    assert server.run(server.sessions.store.get, UUID(id)).data == {}


def test_nor_is_it_among_the_data_of_the_session(clock, visiting):
    async def callback(session: Session) -> Any:
        return {"plan": "pro"}

    async def data(request: Request) -> JSONResponse:
        return JSONResponse(dict(await data_from(request)))

    site = make_site(clock)
    site.sessions = AsyncSessions(MemoryStore(), keys=make_keys(), clock=clock, custom=callback)
    app = Starlette(routes=[Route("/", data)], middleware=[Middleware(SessionMiddleware, site=site)])
    guests = visiting(app, site)
    browser = guests.browser()
    browser.hold(guests.start(data={"theme": "dark"}).token)
    assert browser.get("/").json() == {"theme": "dark"}


@pytest.mark.req("A3-3.3.4", "A10-10.1.1")
def test_the_callback_never_sees_a_credential(open_server, tenants):
    _, browser = signed_in(open_server, tenants)
    browser.get(CURRENT)
    assert {session.salt for session in tenants.asked} == {b""}
    assert str(browser.token) not in repr(tenants.asked)


@pytest.mark.req("A3-3.3.4")
@pytest.mark.parametrize("where", ["top", "deep", "list", "key"])
def test_law_06_a_callback_cannot_add_a_credential(open_server, tenants, where):
    token = derive(make_session(), make_keys())
    tenants.fields = {
        "top": {"token": token},
        "deep": {"user": {"a": {"b": f"Bearer {token}!"}}},
        "list": {"all": ["x", {"y": [token]}]},
        "key": {token: 1},
    }[where]
    _, browser = signed_in(open_server, tenants)
    answer = browser.get(CURRENT)
    assert answer.status_code == 200
    assert token not in answer.text


@pytest.mark.parametrize("fields", [{"a": "eyJhbGciOi.eyJzdWIi.c2ln"}, {"secret": "sjs_" + "a" * 43}])
def test_nor_a_token_of_another_kind(open_server, tenants, fields):
    tenants.fields = fields
    _, browser = signed_in(open_server, tenants)
    assert not set(fields) & browser.get(CURRENT).json().keys()


@pytest.mark.parametrize("fields", [{"a": object()}, {"a": "x" * 3_000}, ["no mapping"]])
async def test_what_no_client_could_be_told_is_a_mistake_of_the_application(clock, fields):
    async def callback(session: Session) -> Any:
        return fields

    with pytest.raises((TypeError, ValueError)):
        await Custom(callback, Policy(), clock).added(make_session())


def test_a_session_for_a_tenant_says_which(server, directory, ada):
    server.run(directory.create_tenant, "acme", "Acme Ltd")
    answer = server.script().sign_in(mode="bearer", tenant_id="acme").json()
    headers = {"authorization": f"Bearer {answer['access_token']}"}
    user = server.script().get(CURRENT, headers=headers).json()["user"]
    assert user["tenant"] == {"name": "Acme Ltd", "status": "active"}
    assert "tenant" not in ada.get(CURRENT).json()["user"]


def test_merging_replaces_nothing():
    shown = {"user": {"id": 1}, "n": 1}
    assert merged(shown, {"user": {"id": 2, "x": 3}, "n": 2, "m": 4}) == {
        "user": {"id": 1, "x": 3},
        "n": 1,
        "m": 4,
    }
