"""Sessions in a FastAPI application that has users of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from starlette.websockets import WebSocketDisconnect

from sojourn import Session
from sojourn.web.fastapi import (
    SessionMiddleware,
    current_user,
    login,
    logout,
    require_fresh,
    require_role,
    require_session,
    session_from,
)
from tests.web.conftest import Visiting
from tests.web.kit import ORIGIN, SESSION, Counting, Guests, code, cookies_set, make_site, vary

router = APIRouter()


class Staff:
    role = "admin"
    name = "Boss"


class Ada:
    role = "user"
    name = "Ada"


LOADED: list[str] = []


async def load_user(user_id: str) -> Any:
    LOADED.append(user_id)
    return {"ada": Ada, "boss": Staff}.get(user_id)


@router.get("/public")
async def public() -> dict[str, str]:
    return {"hello": "world"}


@router.get("/me")
async def me(request: Request) -> dict[str, str | None]:
    session = await session_from(request)
    return {"me": session.user_id if session else None}


@router.post("/enter/{user_id}")
async def enter(request: Request, user_id: str) -> dict[str, str]:
    session = await login(request, user_id)
    return {"id": str(session.id)}


@router.post("/leave")
async def leave(request: Request) -> dict[str, bool]:
    return {"left": await logout(request)}


@router.get("/private")
async def private(session: Annotated[Session, Depends(require_session)]) -> dict[str, str | None]:
    return {"me": session.user_id}


@router.get("/sensitive")
async def sensitive(session: Annotated[Session, Depends(require_fresh())]) -> dict[str, str | None]:
    return {"me": session.user_id}


@router.get("/very-sensitive", dependencies=[Depends(require_fresh(timedelta(seconds=30)))])
async def very_sensitive() -> dict[str, str]:
    return {}


@router.get("/office")
async def office(
    request: Request,
    boss: Annotated[Any, Depends(require_role("admin"))],
    user: Annotated[Any, Depends(current_user)],
) -> dict[str, Any]:
    again = await current_user(request)
    return {"name": boss.name, "same": boss is user is again}


@router.websocket("/socket")
async def socket(websocket: WebSocket, session: Annotated[Session, Depends(require_session)]) -> None:
    await websocket.accept()
    await websocket.send_json({"me": session.user_id})
    await websocket.close()


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
def guests(clock, store, visiting: Visiting) -> Guests:
    LOADED.clear()
    site = make_site(clock, store=store, load_user=load_user)
    app = FastAPI()
    app.include_router(router)
    app.add_middleware(SessionMiddleware, site=site)
    return visiting(app, site)


@pytest.fixture
def ada(guests: Guests):
    browser = guests.browser()
    browser.post("/enter/ada")
    return browser


@pytest.fixture
def boss(guests: Guests):
    browser = guests.browser()
    browser.post("/enter/boss")
    return browser


def test_login_starts_a_session(ada):
    assert ada.get("/me").json() == {"me": "ada"}


def test_session_from_is_none_for_whoever_is_not_signed_in(guests):
    assert guests.browser().get("/me").json() == {"me": None}


def test_logout_ends_the_session_and_takes_the_cookie_back(ada):
    assert cookies_set(ada.post("/leave"))[SESSION]["max-age"] == "0"
    assert ada.get("/me").json() == {"me": None}


def test_the_dependency_gives_the_session(ada):
    assert ada.get("/private").json() == {"me": "ada"}


def test_the_dependency_refuses_whoever_is_not_signed_in(guests):
    answer = guests.browser().get("/private")
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


def test_a_recent_sign_in_is_fresh(ada):
    assert ada.get("/sensitive").json() == {"me": "ada"}


def test_a_sign_in_of_long_ago_is_not_fresh(guests, ada):
    guests.clock.tick(minutes=10)
    answer = ada.get("/sensitive")
    assert (answer.status_code, code(answer)) == (403, "reauth_required")


def test_freshness_takes_an_age_of_its_own(guests, ada):
    guests.clock.tick(seconds=30)
    assert ada.get("/very-sensitive").json()["max_age"] == 30


def test_a_missing_role_is_forbidden(ada):
    answer = ada.get("/office")
    assert (answer.status_code, code(answer)) == (403, "forbidden")


def test_a_missing_session_is_unauthenticated(guests):
    assert guests.browser().get("/office").status_code == 401


def test_whoever_has_the_role_gets_in(boss):
    assert boss.get("/office").json() == {"name": "Boss", "same": True}


def test_the_user_is_loaded_once_per_request(boss):
    LOADED.clear()
    boss.get("/office")
    assert LOADED == ["boss"]


def test_a_request_that_does_not_look_at_its_session_reads_no_store_and_varies_by_nothing(ada, store):
    store.reads = 0
    assert (vary(ada.get("/public")), store.reads) == (set(), 0)


def test_law_09_a_store_that_is_away_is_503(guests, ada):
    guests.lose_store()
    answer = ada.get("/private")
    assert (answer.status_code, code(answer), cookies_set(answer)) == (503, "unavailable", {})


def test_another_site_cannot_sign_somebody_in(guests):
    answer = guests.browser().post("/enter/mallory", headers={"sec-fetch-site": "cross-site"})
    assert code(answer) == "csrf_failed"


def test_a_handshake_of_our_own_page_has_its_session(guests, ada):
    headers = {"origin": ORIGIN, "cookie": f"{SESSION}={ada.token}"}
    with guests.browser().websocket_connect("wss://good.test/socket", headers=headers) as socket:
        assert socket.receive_json() == {"me": "ada"}


def test_a_handshake_of_another_site_is_refused(guests, ada):
    headers = {"origin": "https://evil.test", "cookie": f"{SESSION}={ada.token}"}
    socket = guests.browser().websocket_connect("wss://good.test/socket", headers=headers)
    with pytest.raises(WebSocketDisconnect), socket:
        pass
