"""The client and the server's table of routes agree: a verb for each route, the same paths and fields."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

from sojourn.api import authvital
from sojourn.api.routes import Route
from sojourn.client import AsyncClient, connect_async
from sojourn.client.wire import Ask, Wire
from sojourn.server import API
from sojourn.testing import MORNING

ACCESS, SESSION, ID = "eyJh.eyJz.c2ln", "sjn_abc", "00000000-0000-7000-8000-000000000000"

# Every verb, with every one of its arguments.
VERBS: dict[str, Callable[[AsyncClient], Any]] = {
    "sessions.list": lambda c: c.sessions.list(ACCESS, application_id="a", tenant_id="t", limit=1),
    "sessions.current": lambda c: c.sessions.current(ACCESS),
    "sessions.history": lambda c: c.sessions.history(ACCESS, limit=1),
    "sessions.revoke": lambda c: c.sessions.revoke(ACCESS, ID),
    "sessions.revoke with undo": lambda c: c.sessions.revoke(ACCESS, ID, undo=True),
    "sessions.undo": lambda c: c.sessions.undo(ACCESS, ID),
    "sessions.report": lambda c: c.sessions.report(ACCESS, ID, others=True),
    "sessions.rename": lambda c: c.sessions.rename(ACCESS, ID, "n"),
    "sessions.preferences": lambda c: c.sessions.preferences(ACCESS),
    "sessions.prefer": lambda c: c.sessions.prefer(ACCESS, idle_timeout=None),
    "sessions.revoke_others": lambda c: c.sessions.revoke_others(ACCESS),
    "sessions.revoke_all": lambda c: c.sessions.revoke_all(ACCESS),
    "sessions.revoke_all of an application": lambda c: c.sessions.revoke_all(ACCESS, "a"),
    "sessions.logout": lambda c: c.sessions.logout(SESSION),
    "sessions.refresh": lambda c: c.sessions.refresh(SESSION),
    "sessions.activity": lambda c: c.sessions.activity(ACCESS, 1),
    "auth.sign_in": lambda c: c.auth.sign_in("e", "p", remember=True, application_id="a", tenant_id="t"),
    "auth.sign_up": lambda c: c.auth.sign_up(
        "e", "p", name="n", remember=True, application_id="a", tenant_id="t"
    ),
    "auth.reauthenticate": lambda c: c.auth.reauthenticate(ACCESS, "p"),
    "auth.change_password": lambda c: c.auth.change_password(ACCESS, "p", "q"),
    "admin.stats": lambda c: c.admin.stats(ACCESS),
    "admin.sessions": lambda c: c.admin.sessions(ACCESS, user_id="u", after=ID, limit=1),
    "admin.sessions by all": lambda c: c.admin.sessions(
        ACCESS, q="q", ip="1.2.3.4", country="DE", device="d", kind="k", state="all"
    ),
    "admin.user": lambda c: c.admin.user(ACCESS, ID),
    "admin.require_sign_in": lambda c: c.admin.require_sign_in(ACCESS, ID, note="n"),
    "admin.series": lambda c: c.admin.series(
        ACCESS, "created", since=MORNING, until=MORNING, step="day", compare="previous"
    ),
    "admin.journal": lambda c: c.admin.journal(
        ACCESS, user_id="u", session_id=ID, name="n", show_personal=True, after=1, limit=1
    ),
    "admin.revoke_many": lambda c: c.admin.revoke_many(ACCESS, where={"q": "q"}, ids=[ID], reason="other"),
    "admin.jobs": lambda c: c.admin.jobs(ACCESS, after=ID, limit=1),
    "admin.job": lambda c: c.admin.job(ACCESS, ID),
    "admin.start_job": lambda c: c.admin.start_job(ACCESS, ID, expected=1),
    "admin.undo_job": lambda c: c.admin.undo_job(ACCESS, ID),
    "admin.cancel_job": lambda c: c.admin.cancel_job(ACCESS, ID),
    "admin.users": lambda c: c.admin.users(ACCESS, search="s", after=ID, limit=1),
    "admin.user_sessions": lambda c: c.admin.user_sessions(ACCESS, ID, after=ID, limit=1),
    "admin.revoke_user_sessions": lambda c: c.admin.revoke_user_sessions(ACCESS, ID, note="n"),
    "admin.revoke_session": lambda c: c.admin.revoke_session(ACCESS, ID, note="n"),
    "tokens.introspect": lambda c: c.tokens.introspect(ACCESS),
    "tokens.revoke": lambda c: c.tokens.revoke(ACCESS),
    "tokens.machine": lambda c: c.tokens.machine(scope="s"),
    "tokens.feed": lambda c: c.tokens.feed("c", limit=1),
    "tokens.keys": lambda c: c.tokens.keys(),
}
PAGES = {"admin.every_session", "admin.every_user"}  # the same requests, again and again

# Routes without a verb, and why.
WITHOUT = {
    "GET /api/auth/sessions/events": "for a browser's open tabs; a service follows the feed",
    "GET /.well-known/openid-configuration": "what it says, the client knows",
    "GET /.well-known/oauth-authorization-server": "the same",
    "GET /oauth/userinfo": "for programs that speak OpenID; ours ask for the current session",
    "POST /oauth/userinfo": "the same",
    "GET /api/admin/histogram": "for charts; a program counts for itself",
    "GET /api/admin/heatmap": "the same",
    "GET /api/admin/sessions.csv": "a file, for people; a program goes through the pages",
    "GET /api/admin/users/{id}/journal": "the journal of one user, which is asked for by `journal`",
    "GET /api/admin/sessions/{id}/journal": "the same of one session",
    "GET /api/admin/alerts": "programs are told of alerts by webhooks",
    "POST /api/admin/alerts/{id}/acknowledge": "people look after alerts",
    "POST /api/admin/alerts/{id}/resolve": "the same",
    "GET /api/admin/users/{id}/export": "a copy for one person, which `sojourn users export` writes",
    "POST /api/admin/users/{id}/erase": "for good: people decide that",
    "POST /api/admin/impersonate": "for a browser, which parks the administrator's own cookie",
    "POST /api/admin/impersonate/stop": "the same",
}
OURS = {"message", "success"}  # said by the client where the server does not


class Recorded(Exception):
    """The request that would have been sent, and what its answer would have been read as."""


@pytest.fixture
def record(monkeypatch):
    """The request that a verb makes."""

    async def ask(self: Wire, kind: Any, ask: Ask) -> Any:
        raise Recorded(kind, ask)

    async def tell(self: Wire, ask: Ask) -> None:
        raise Recorded(None, ask)

    monkeypatch.setattr(Wire, "ask", ask)
    monkeypatch.setattr(Wire, "tell", tell)

    def record(name: str) -> tuple[Any, Ask]:
        client = connect_async("https://good.test", application="a", secret="b")
        with pytest.raises(Recorded) as caught:
            asyncio.run(VERBS[name](client))
        return caught.value.args

    return record


def route_of(ask: Ask) -> Route:
    """The line of the table that answers; one without parameters comes first."""
    table = sorted((*API, *authvital.ROUTES), key=lambda route: "{" in route.path)
    for route in table:
        if route.method == ask.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), ask.path):
            return route
    raise AssertionError(f"no route answers {ask!r}")


def test_every_verb_is_looked_at():
    client = connect_async("https://good.test")
    known = {
        f"{namespace}.{verb}"
        for namespace in ("sessions", "auth", "admin", "tokens")
        for verb in dir(getattr(client, namespace))
        if not verb.startswith("_")
    }
    assert known - PAGES == {name.partition(" ")[0] for name in VERBS}


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_asks_a_route_that_there_is(record, name):
    _, ask = record(name)
    route = route_of(ask)
    assert set(ask.query) <= set(route.query), "the server would not look at it"
    if ask.body is not None:
        assert set(ask.body) <= {field.encode_name for field in msgspec.structs.fields(route.body)}
    if route.form or route.parameters:
        assert ask.form is not None


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_reads_the_fields_that_the_route_answers(record, name):
    kind, ask = record(name)
    route = route_of(ask)
    if kind is None or route.returns is None or not issubclass(kind, Struct):
        assert name in ("tokens.revoke", "tokens.keys")
        return
    assert fields(kind) - OURS <= fields(route.returns)
    if name not in ("sessions.refresh", "auth.reauthenticate"):  # which tell more of the session, beside
        assert fields(route.returns) - fields(kind) <= TOLD_BESIDES


# What the client does not read, because nothing that a program does depends on it.
TOLD_BESIDES = {"refresh_token", "id_token", "iss", "jti", "access_token", "token_type", "expires_in"}


def test_every_route_has_a_verb_or_a_reason(record):
    asked = {f"{route.method} {route.path}" for route in (route_of(record(name)[1]) for name in VERBS)}
    there = {f"{route.method} {route.path}" for route in API}
    assert there - asked == WITHOUT.keys() & there
    assert WITHOUT.keys() <= there


@pytest.mark.parametrize("name", VERBS)
def test_a_docstring_names_the_request(record, name):
    _, ask = record(name)
    namespace, _, verb = name.partition(" ")[0].partition(".")
    face = type(getattr(connect_async("https://good.test"), namespace))
    assert f"`{ask.method} {route_of(ask).path}`" in (getattr(face, verb).__doc__ or "")


def fields(kind: Any, prefix: str = "") -> set[str]:
    """The names of all fields of *kind* and of the records in it, with dots between."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        name = f"{prefix}{field.encode_name}"
        found.add(name)
        for inner in _records(field.type):
            found |= fields(inner, f"{name}.")
    return found


def _records(kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return [kind]
    return [inner for argument in get_args(kind) for inner in _records(argument)]
