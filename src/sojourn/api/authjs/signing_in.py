"""Signing in through their client: by password, or with a provider."""

from __future__ import annotations

from typing import Any

import msgspec

from sojourn.api import sign_in
from sojourn.api.authjs import csrf_cookie
from sojourn.api.authjs.addresses import landing
from sojourn.api.authjs.dialect import BASE, Dialect, Sent
from sojourn.api.routes import Call
from sojourn.errors import InvalidCredentials
from sojourn.web.away import StoreAway
from sojourn.web.reply import Answer, as_json

__all__ = ["Credentials", "Start", "credentials", "providers", "start"]

_NOT = frozenset({"0", "false", "off", "no"})


class Credentials(Sent, kw_only=True):
    """What `signIn("credentials", …)` sends. `remember`: as theirs do, a session outlives the browser's."""

    email: str = ""
    username: str = ""
    password: str = ""
    remember: str | bool = True


class Start(Sent, kw_only=True):
    """What `signIn("google")` sends."""


async def providers(call: Call, dialect: Dialect) -> Answer:
    """How people can sign in here."""
    base = call.visit.site.origin + call.visit.base + BASE
    known = {} if call.federation is None else call.federation.providers
    ways = {id: (provider.name, dialect.oidc) for id, provider in known.items()}
    ways["credentials"] = ("Credentials", "credentials")
    return as_json(
        {
            id: {
                "id": id,
                "name": name,
                "type": type,
                "signinUrl": f"{base}/signin/{id}",
                "callbackUrl": f"{base}/callback/{id}",
            }
            for id, (name, type) in ways.items()
        }
    )


async def credentials(call: Call, dialect: Dialect) -> Answer:
    """Sign in with e-mail address and password."""
    body: Credentials = call.body
    csrf_cookie.check(call, dialect.csrf_cookie(call), body.csrfToken)
    try:
        await _enter(call, body)
    except StoreAway as away:
        return dialect.away(call, away)
    return dialect.onwards(call, landing(call.visit.site.origin, body.callbackUrl))


async def _enter(call: Call, body: Credentials) -> None:
    try:
        await sign_in.enter(call, _given(body))
    except call.visit.site.faults as fault:  # of the accounts; here, because the answer needs an address
        raise StoreAway(fault) from fault


def _given(body: Credentials) -> sign_in.SignIn:
    """As our own API takes it. What is too long to be anybody's is wrong like any other."""
    fields: dict[str, Any] = {
        "email": body.email or body.username,
        "password": body.password,
        "remember": str(body.remember).lower() not in _NOT,
    }
    try:
        return msgspec.convert(fields, sign_in.SignIn)
    except msgspec.ValidationError:
        raise InvalidCredentials from None


async def start(call: Call, dialect: Dialect) -> Answer:
    """Begin to sign in with a provider; with a password that is done on our page."""
    body: Start = call.body
    csrf_cookie.check(call, dialect.csrf_cookie(call), body.csrfToken)
    origin, id = call.visit.site.origin, call.params["provider"]
    to = landing(origin, body.callbackUrl)
    if call.federation is None or id not in call.federation.providers:
        return dialect.onwards(call, dialect.page(call, "signin", {}, to))
    url = await call.federation.begin(call, id, next=to, dialect="authjs")
    return dialect.onwards(call, url)
