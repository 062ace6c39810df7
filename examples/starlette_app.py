"""A Starlette application with users of its own: `python examples/starlette_app.py`, then http://127.0.0.1:8000.

Everything about sessions is between the two lines; the rest would be in your application anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from html import escape
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sojourn import AsyncSessions, Key, Keys, open_store
from sojourn.web.starlette import SessionMiddleware, Site, login, logout, require_session, session_from

log = logging.getLogger(__name__)

# A key for a try-out: with every start everybody has to sign in again. See `sojourn keys generate`.
keys = Keys([Key(id=1, secret=os.urandom(32))])


def hashed(password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=b"one per user, in real life", n=2**14, r=8, p=1)


USERS = {"ada": hashed("correct horse"), "bob": hashed("battery staple")}


# ── sessions ──────────────────────────────────────────────────────────────────────────────────

sessions = AsyncSessions(open_store("memory://"), keys=keys)
site = Site(sessions, origin="http://127.0.0.1:8000")


async def sign_in(request: Request) -> Response:
    form = dict(parse_qsl((await request.body()).decode()))
    name, password = form.get("name", ""), form.get("password", "")
    if not hmac.compare_digest(USERS.get(name, b""), hashed(password)):
        return HTMLResponse(FORM.replace("<!-- -->", "<p>That is not right.</p>"), 401)
    session = await login(request, name)
    log.info("signed in: %r", session)  # shows no credential
    return RedirectResponse("/", 303)


async def sign_out(request: Request) -> Response:
    await logout(request)
    return RedirectResponse("/", 303)


@require_session
async def sign_out_others(request: Request) -> Response:
    if mine := await session_from(request):
        await sessions.revoke_all(str(mine.user_id), keep=mine.id, by=mine.user_id)
    return RedirectResponse("/", 303)


async def home(request: Request) -> Response:
    mine = await session_from(request)
    if mine is None:
        return HTMLResponse(FORM)
    rows = [
        s.device.name + (" (this device)" if s.id == mine.id else "")
        for s in await sessions.list(mine.user_id)
    ]
    return HTMLResponse(
        PAGE.format(name=escape(str(mine.user_id)), rows="".join(f"<li>{escape(r)}" for r in rows))
    )


# ── the rest ──────────────────────────────────────────────────────────────────────────────────

FORM = """<!doctype html><title>Sign in</title><!-- -->
<form method="post" action="/sign-in">
<p><label>Name <input name="name" autocomplete="username" required></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><button>Sign in</button> ada, correct horse · bob, battery staple
</form>"""

PAGE = """<!doctype html><title>Your devices</title><p>Hello, {name}. You are signed in on<ul>{rows}</ul>
<form method="post"><button formaction="/sign-out-others">Sign out the others</button>
<button formaction="/sign-out">Sign out</button></form>"""

app = Starlette(
    routes=[
        Route("/", home),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/sign-out-others", sign_out_others, methods=["POST"]),
    ],
    middleware=[Middleware(SessionMiddleware, site=site)],
)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8000)
