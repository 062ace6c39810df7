"""A FastAPI application with users of its own: `python examples/fastapi_app.py`, then http://127.0.0.1:8000/docs."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from sojourn import AsyncSessions, Key, Keys, Session, open_store
from sojourn.web.fastapi import (
    SessionMiddleware,
    Site,
    current_user,
    login,
    logout,
    require_fresh,
    require_role,
    require_session,
)


class User(BaseModel):
    name: str
    role: str
    password_hash: bytes


def hashed(password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=b"one per user, in real life", n=2**14, r=8, p=1)


USERS = {
    "ada": User(name="Ada", role="user", password_hash=hashed("correct horse")),
    "grace": User(name="Grace", role="admin", password_hash=hashed("battery staple")),
}


async def load_user(user_id: str) -> User | None:
    """Called at most once per request, and only if something asks for the user."""
    return USERS.get(user_id)


# A key for a try-out: with every start everybody has to sign in again. See `sojourn keys generate`.
keys = Keys([Key(id=1, secret=os.urandom(32))])
sessions = AsyncSessions(open_store("memory://"), keys=keys)
app = FastAPI()
app.add_middleware(
    SessionMiddleware, site=Site(sessions, origin="http://127.0.0.1:8000", load_user=load_user)
)

Signed = Annotated[Session, Depends(require_session)]


class Credentials(BaseModel):
    user_id: str
    password: str


@app.post("/sign-in")
async def sign_in(request: Request, given: Credentials) -> dict[str, str]:
    user = USERS.get(given.user_id)
    if not hmac.compare_digest(user.password_hash if user else b"", hashed(given.password)):
        raise HTTPException(401, "That is not right.")
    session = await login(request, given.user_id)
    return {"session": str(session.id)}


@app.post("/sign-out")
async def sign_out(request: Request) -> dict[str, bool]:
    return {"was_signed_in": await logout(request)}


@app.get("/me")
async def me(session: Signed, user: Annotated[User, Depends(current_user)]) -> dict[str, Any]:
    return {"name": user.name, "since": session.created_at}


@app.get("/devices")
async def devices(mine: Signed) -> list[dict[str, Any]]:
    found = await sessions.list(mine.user_id)
    return [{"id": str(s.id), "device": s.device.name, "current": s.id == mine.id} for s in found]


@app.post("/sign-out-others")
async def sign_out_others(mine: Annotated[Session, Depends(require_fresh())]) -> dict[str, int]:
    """Asks for a sign-in within the last ten minutes: 403 `reauth_required` otherwise."""
    return {"count": await sessions.revoke_all(str(mine.user_id), keep=mine.id, by=mine.user_id)}


@app.get("/office", dependencies=[Depends(require_role("admin"))])
async def office() -> dict[str, int]:
    return {"signed_in": await sessions.count()}


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8000)
