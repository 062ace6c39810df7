"""What applications ask about tokens, in their own name."""

from __future__ import annotations

from typing import Any

from sojourn.client.answers import FeedPage, Introspection, MachineToken
from sojourn.client.wire import Ask, Wire

__all__ = ["AsyncTokenVerbs"]

_EARLY = 60.0  # seconds before its end at which a machine token is replaced


class AsyncTokenVerbs:
    """`client.tokens`. Needs the application, and but for `revoke` its secret."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._machine: dict[str, tuple[float, str]] = {}  # by scope: until when, and which
        self._lock = wire.seam.lock()

    async def introspect(self, token: str) -> Introspection:
        """`POST /oauth/introspect`: what the server says now of an access token or a session token."""
        return await self._wire.ask(Introspection, _oauth("introspect", {"token": token}, "proven"))

    async def revoke(self, token: str) -> None:
        """`POST /oauth/revoke`: end the session of *token*; fine if there is none (RFC 7009)."""
        await self._wire.tell(_oauth("revoke", {"token": token}, "named"))

    async def machine(self, *, scope: str | None = None) -> str:
        """`POST /oauth/token` with `client_credentials`: an access token for the application itself.

        The same one until a minute before its end; then one caller gets another, and the rest wait for it.
        """
        async with self._lock:
            until, token = self._machine.get(scope or "", (0.0, ""))
            asked = self._wire.monotonic()
            if asked < until:
                return token
            form = {"grant_type": "client_credentials", "scope": scope}
            made = await self._wire.ask(MachineToken, _oauth("token", form, "proven"))
            lasting = max(made.expires_in - _EARLY, made.expires_in / 2)
            self._machine[scope or ""] = asked + lasting, made.access_token
            return made.access_token

    async def feed(self, after: str | None = None, *, limit: int | None = None) -> FeedPage:
        """`GET /oauth/feed`: one poll of the log of revocations, after the cursor *after*."""
        query = {"after": after, "limit": limit}
        ask = Ask(method="GET", path="/oauth/feed", query=query, client="proven")
        return await self._wire.ask(FeedPage, ask)

    async def keys(self) -> dict[str, Any]:
        """`GET /.well-known/jwks.json`: the public keys that access tokens are verified with."""
        return await self._wire.ask(
            dict[str, Any], Ask(method="GET", path="/.well-known/jwks.json", again=True)
        )


def _oauth(verb: str, form: dict[str, str | None], client: Any) -> Ask:
    return Ask(method="POST", path=f"/oauth/{verb}", form=form, client=client, again=True)
