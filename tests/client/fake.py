"""The server's part that other services talk to, as a transport: real sessions behind the wire's words.

It counts what it is asked, and can be away: what the tests of a remote service need beyond the server.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import httpx2

from sojourn import AsyncSessions, Policy, Session, access_ring
from sojourn.access import Claims, Signers, claims_of, signed, verified
from sojourn.blocking import drive
from sojourn.errors import SessionError
from sojourn.sessions import ANYBODY
from sojourn.stores.memory import MemoryStore
from sojourn.testing import MORNING, FakeClock, make_keys
from tests.client.kit import ORIGIN

APPLICATION, SECRET = "app-1", "hush"
BASIC = "Basic YXBwLTE6aHVzaA=="


@cache
def make_signers() -> Signers:
    """Keys for access tokens, made once: an RSA key takes a while."""
    return access_ring.parse(access_ring.generate(MORNING))


class FakeServer:
    """`away`: nobody answers; `refusing`: paths that answer 503."""

    def __init__(self, clock: FakeClock, signers: Signers | None = None) -> None:
        self.clock, self.signers = clock, signers or make_signers()
        self.sessions = AsyncSessions(
            MemoryStore().blocking(), keys=make_keys(), policy=Policy(), clock=clock
        )
        self.asked: Counter[str] = Counter()
        self.away = False
        self.refusing: set[str] = set()
        self.jwks: Callable[[], Any] = self.signers_jwks

    def signers_jwks(self) -> Any:
        return self.signers.jwks()

    # ── what people do ───────────────────────────────────────────────────────────────────────

    def start(self, user_id: str = "ada", **fields: Any) -> tuple[Session, str]:
        """A session and its token."""
        fields = {"application_id": APPLICATION, "amr": ("pwd",)} | fields
        issued = drive(self.sessions.start(user_id, **fields))
        return issued.session, issued.token

    def access(self, session: Session, **changed: Any) -> str:
        """An access token for *session*, as of now, but for the claims *changed*."""
        now = self.clock()
        claims = claims_of(
            session,
            now,
            now + timedelta(days=1),
            issuer=ORIGIN,
            life=timedelta(minutes=5),
            jti=os.urandom(8).hex(),
        )
        told = {name: getattr(claims, name) for name in Claims.__struct_fields__} | changed
        return signed(Claims(**told), self.signers.signing("RS256"), self.signers)

    def revoke(self, session: Session) -> None:
        drive(self.sessions.revoke(session.id, owner=ANYBODY))

    def change(self, session: Session) -> Session:
        """Something about the session changes that no snapshot may miss."""
        drive(self.sessions.renew_all(session.user_id or ""))
        found = drive(self.sessions.store.get(session.id))
        assert found is not None
        return found

    # ── what services ask ────────────────────────────────────────────────────────────────────

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked[path] += 1
        if self.away:
            raise httpx2.ConnectError("connection refused")
        if path in self.refusing:
            return httpx2.Response(503, json={"code": "unavailable", "message": "Not now."})
        if path == "/.well-known/jwks.json":
            return httpx2.Response(200, json=self.jwks())
        if request.headers.get("authorization") != BASIC:
            return httpx2.Response(401, json={"error": "invalid_client", "message": "Who?"})
        if path == "/oauth/feed":
            return httpx2.Response(200, json=self._feed(request.url.params))
        request.read()
        (token,) = parse_qs(request.content.decode())["token"]
        return httpx2.Response(200, json=self._introspected(token))

    def _feed(self, asked: httpx2.QueryParams) -> Any:
        page = drive(self.sessions.store.entries(asked.get("after"), limit=int(asked.get("limit", "1000"))))
        return {
            "entries": [
                {
                    "id": str(entry.id),
                    "version": entry.version,
                    "revoked_at": None if entry.revoked_at is None else entry.revoked_at.isoformat(),
                    "reason": entry.reason,
                }
                for entry in page.entries
            ],
            "cursor": page.cursor,
            "complete": page.complete,
            "continues": page.continues,
            "epoch": page.epoch,
            "now": self.clock().isoformat(),
        }

    def _introspected(self, token: str) -> Any:
        try:
            if token.startswith("sjn_"):
                session = drive(self.sessions.validate(token, passive=True, sure=True)).session
            else:
                claims = verified(token, self.signers.find, self.clock(), issuer=ORIGIN, audience=None)
                session = drive(self.sessions.admit(token, claims, passive=True, sure=True))
        except SessionError:
            return {"active": False}
        return {
            "active": True,
            "token_type": "Bearer",
            "sub": session.user_id,
            "sid": str(session.id),
            "client_id": session.application_id or "sojourn",
            "aud": [APPLICATION, ORIGIN],
            "exp": _seconds(self.clock() + timedelta(hours=1)),
            "iat": _seconds(self.clock()),
            "auth_time": _seconds(session.authenticated_at or session.created_at),
            "amr": list(session.amr),
            "acr": f"aal{session.aal}",
            "ver": session.version,
        }


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
