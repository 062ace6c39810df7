"""Whose request it is: found in every kind of request, and nowhere but in its headers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from sojourn.client.credential import Credential, credential_of
from sojourn.errors import CookieRejected, TokenInvalid, Unauthenticated
from sojourn.web.carrier import Carrier

HTTPS, LOOPBACK = Carrier.of("https://good.test"), Carrier.of("http://127.0.0.1:8000")
ACCESS, SESSION = "eyJh.eyJz.c2ln", "sjn_0123456789abcdefghijklmnopqrstuvwxyz-_"
COOKIE = f"theme=dark; __Host-sojourn={SESSION}; __Host-sojourn-device=x"


def environ(**headers: str) -> dict[str, Any]:
    made: dict[str, Any] = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    setup_testing_defaults(made)
    return made


def scope(**headers: str) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw}


# A request of each framework, as far as it holds headers.
REQUESTS: dict[str, Any] = {
    "starlette, fastapi": lambda **headers: Request(scope(**headers)),
    "litestar": lambda **headers: SimpleNamespace(scope=scope(**headers), headers=object()),
    "asgi scope": scope,
    "django": lambda **headers: SimpleNamespace(META=environ(**headers), headers=headers),
    "flask, werkzeug": lambda **headers: SimpleNamespace(environ=environ(**headers), headers=headers),
    "wsgi environ": environ,
    "aiohttp": lambda **headers: SimpleNamespace(headers=Headers(headers)),
    "mapping": lambda **headers: {name.title(): value for name, value in headers.items()},
    "bytes": lambda **headers: {name.encode(): value.encode() for name, value in headers.items()},
    "pairs": lambda **headers: list(headers.items()),
}


def found(who: Any, carrier: Carrier = HTTPS) -> tuple[str, str]:
    credential = credential_of(who, carrier)
    return credential.kind, credential.token


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_is_found(kind, scheme):
    assert found(REQUESTS[kind](authorization=f"{scheme} {ACCESS}")) == ("access", ACCESS)


@pytest.mark.parametrize("kind", REQUESTS)
def test_our_cookie_is_found(kind):
    assert found(REQUESTS[kind](cookie=COOKIE)) == ("session", SESSION)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_bearer_token_comes_before_the_cookie(kind):
    assert found(REQUESTS[kind](cookie=COOKIE, authorization=f"Bearer {ACCESS}")) == ("access", ACCESS)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_without_either_is_nobodys(kind):
    with pytest.raises(Unauthenticated):
        found(REQUESTS[kind](cookie="theme=dark", host="good.test"))


def test_a_cookie_answers_where_another_scheme_guards_the_site():
    assert found(REQUESTS["django"](authorization="Basic YTpi", cookie=COOKIE)) == ("session", SESSION)


@pytest.mark.parametrize("header", ["Bearer ", "bearer  ", "Bearer"])
def test_a_cookie_does_not_make_up_for_an_empty_bearer_header(header):
    with pytest.raises(Unauthenticated):
        found({"authorization": header, "cookie": COOKIE})


def test_a_token_in_the_query_or_the_body_is_not_read():
    request = scope()
    request["query_string"] = f"access_token={ACCESS}".encode()
    with pytest.raises(Unauthenticated):
        found(Request(request))
    with pytest.raises(Unauthenticated):
        found(environ() | {"QUERY_STRING": f"access_token={ACCESS}"})


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (ACCESS, ("access", ACCESS)),
        (f"Bearer {ACCESS}", ("access", ACCESS)),
        (SESSION, ("session", SESSION)),
        (COOKIE, ("session", SESSION)),
        (Credential(kind="access", token=ACCESS), ("access", ACCESS)),
    ],
)
def test_a_text_is_told_apart(who, expected):
    assert found(who) == expected


@pytest.mark.parametrize("who", ["", "  ", None, {}, []])
def test_nothing_is_nobody(who):
    with pytest.raises(Unauthenticated):
        found(who)


def test_the_cookie_has_the_name_that_goes_with_the_scheme():
    assert found(f"sojourn={SESSION}", LOOPBACK) == ("session", SESSION)
    with pytest.raises(Unauthenticated):
        found({"cookie": f"sojourn={SESSION}"}, HTTPS)
    with pytest.raises(Unauthenticated):
        found({"cookie": f"__Host-sojourn={SESSION}"}, LOOPBACK)


@pytest.mark.parametrize(
    "token", ["a b", "a\r\nX-Admin: 1", "sjn_a; role=admin", "sjn_a\r\n", "sjn_é", "ü.ü.ü", "x" * 20_000]
)
def test_what_would_not_stay_in_its_header_is_no_token(token):
    with pytest.raises((TokenInvalid, Unauthenticated)):
        found({"authorization": f"Bearer {token}x"})
    with pytest.raises(TokenInvalid):
        found(f"{token}x")


def test_two_tokens_are_one_too_many():
    pairs = [("authorization", f"Bearer {ACCESS}"), ("Authorization", "Bearer other")]
    with pytest.raises(TokenInvalid):
        found(pairs)
    with pytest.raises(CookieRejected):
        found([("cookie", COOKIE), ("cookie", "__Host-sojourn=sjn_other")])


def test_something_that_holds_no_headers_is_a_mistake():
    with pytest.raises(TypeError, match="in a int"):
        found(7)


def test_a_credential_does_not_show_its_token():
    assert ACCESS not in repr(Credential(kind="access", token=ACCESS))
