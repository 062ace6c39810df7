"""The two clients: one that blocks and one that suspends, with the same verbs."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from sojourn.client.admin import AsyncAdminVerbs
from sojourn.client.admin_face import AdminVerbs
from sojourn.client.answers import (
    Counted,
    Current,
    Done,
    Ended,
    FeedPage,
    History,
    Introspection,
    Preferences,
    Reported,
    SessionList,
    SessionRow,
    SignedIn,
    Tokens,
)
from sojourn.client.auth import AsyncAuthVerbs
from sojourn.client.seams import Blocking, Suspending, run
from sojourn.client.sessions import AsyncSessionVerbs
from sojourn.client.tokens import AsyncTokenVerbs
from sojourn.client.wire import Application, Wire
from sojourn.errors import SettingsError

if TYPE_CHECKING:
    import httpx2

__all__ = ["AdminVerbs", "AsyncClient", "AuthVerbs", "Client", "SessionVerbs", "TokenVerbs"]


class AsyncClient:
    """The server, for code in an event loop: `sessions`, `auth`, `admin`, `tokens`. See `connect_async`."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sessions = AsyncSessionVerbs(wire)
        self.auth = AsyncAuthVerbs(wire)
        self.admin = AsyncAdminVerbs(wire)
        self.tokens = AsyncTokenVerbs(wire)

    async def close(self) -> None:
        """Let go of the connections; a transport that was handed in stays open."""
        await self.wire.seam.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient of {self.wire.url}>"


class Client:
    """The server, for Django, Flask and scripts: the verbs of `AsyncClient`, blocking. See `connect`."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.sessions = SessionVerbs(AsyncSessionVerbs(wire))
        self.auth = AuthVerbs(AsyncAuthVerbs(wire))
        self.admin = AdminVerbs(AsyncAdminVerbs(wire))
        self.tokens = TokenVerbs(AsyncTokenVerbs(wire))

    def close(self) -> None:
        """Let go of the connections; a transport that was handed in stays open."""
        run(self.wire.seam.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.wire.url}>"


def connect(
    url: str,
    *,
    application: str | None = None,
    secret: str | None = None,
    origin: str | None = None,
    timeout: float = 5.0,
    deadline: float = 15.0,
    transport: httpx2.BaseTransport | None = None,
    sleep: Callable[[float], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Client:
    """A client of the server at *url*: https, or http on this machine. Nothing is sent yet.

    *application* and *secret* as `sojourn applications create` printed them: for `tokens`, and as
    the application that people sign in to. *origin*: the server's public one, if it is reached at
    another address. A step of an attempt (to connect, to send, to receive) takes *timeout* seconds
    at most; none begins after *deadline*. What may be done twice is repeated after a lost answer, 429
    and 503. A proxy, a certificate
    authority: `transport=httpx2.HTTPTransport(...)`; the environment's proxies are not used.
    """
    seam = Blocking(transport, timeout=_positive(timeout), monotonic=monotonic, sleep=sleep)
    return Client(_wire(url, seam, application, secret, origin, deadline, monotonic))


def connect_async(
    url: str,
    *,
    application: str | None = None,
    secret: str | None = None,
    origin: str | None = None,
    timeout: float = 5.0,
    deadline: float = 15.0,
    transport: httpx2.AsyncBaseTransport | None = None,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncClient:
    """`connect`, for code in an event loop, where *timeout* bounds an attempt as a whole.

    *transport* is an `httpx2.AsyncHTTPTransport(...)`.
    """
    seam = Suspending(transport, timeout=_positive(timeout), monotonic=monotonic, sleep=sleep)
    return AsyncClient(_wire(url, seam, application, secret, origin, deadline, monotonic))


def _wire(
    url: str,
    seam: Any,
    application: str | None,
    secret: str | None,
    origin: str | None,
    deadline: float,
    monotonic: Callable[[], float],
) -> Wire:
    if find_spec("httpx2") is None:
        raise SettingsError("httpx2 is not installed; run `pip install 'sojourn[client]'`")
    if secret is not None and application is None:
        raise SettingsError("a secret is the secret of an application; give application=... as well")
    known = Application(id=application, secret=secret) if application else None
    return Wire(
        url, seam, origin=origin, application=known, deadline=_positive(deadline), monotonic=monotonic
    )


def _positive(seconds: float) -> float:
    if not 0 < seconds < 86_400:
        raise SettingsError(f"a timeout of {seconds} seconds cannot work; give a positive number of seconds")
    return seconds


# ── the verbs, blocking ───────────────────────────────────────────────────────────────────────


class SessionVerbs:
    """`client.sessions`: what each does, `AsyncSessionVerbs` says."""

    def __init__(self, verbs: AsyncSessionVerbs) -> None:
        self._verbs = verbs

    # Before `list`, which hides the type of that name in annotations below it.
    def current(self, who: Any) -> Current:
        """`GET /api/auth/sessions/current`"""
        return run(self._verbs.current(who))

    def history(self, who: Any, *, limit: int | None = None) -> History:
        """`GET /api/auth/sessions/history`"""
        return run(self._verbs.history(who, limit=limit))

    def list(
        self,
        who: Any,
        *,
        application_id: str | None = None,
        tenant_id: str | None = None,
        limit: int | None = None,
    ) -> SessionList:
        """`GET /api/auth/sessions`"""
        return run(self._verbs.list(who, application_id=application_id, tenant_id=tenant_id, limit=limit))

    def revoke(self, who: Any, session_id: UUID | str, *, undo: bool = False) -> Ended:
        """`DELETE /api/auth/sessions/{id}`"""
        return run(self._verbs.revoke(who, session_id, undo=undo))

    def undo(self, who: Any, session_id: UUID | str) -> SessionRow:
        """`POST /api/auth/sessions/{id}/undo`"""
        return run(self._verbs.undo(who, session_id))

    def report(self, who: Any, session_id: UUID | str, *, others: bool = False) -> Reported:
        """`POST /api/auth/sessions/{id}/report`"""
        return run(self._verbs.report(who, session_id, others=others))

    def rename(self, who: Any, session_id: UUID | str, name: str | None) -> SessionRow:
        """`PATCH /api/auth/sessions/{id}`"""
        return run(self._verbs.rename(who, session_id, name))

    def preferences(self, who: Any) -> Preferences:
        """`GET /api/auth/preferences`"""
        return run(self._verbs.preferences(who))

    def prefer(self, who: Any, *, idle_timeout: timedelta | None) -> Preferences:
        """`PATCH /api/auth/preferences`"""
        return run(self._verbs.prefer(who, idle_timeout=idle_timeout))

    def revoke_others(self, who: Any) -> Counted:
        """`POST /api/auth/sessions/revoke-others`"""
        return run(self._verbs.revoke_others(who))

    def revoke_all(
        self, who: Any, application_id: str | None = None, *, tenant_id: str | None = None
    ) -> Counted:
        """`POST /api/auth/sessions/revoke-all`"""
        return run(self._verbs.revoke_all(who, application_id, tenant_id=tenant_id))

    def logout(self, refresh_token: str) -> Done:
        """`POST /api/auth/sign-out`"""
        return run(self._verbs.logout(refresh_token))

    def refresh(self, refresh_token: str) -> Tokens:
        """`POST /api/auth/refresh`"""
        return run(self._verbs.refresh(refresh_token))

    def activity(self, who: Any, idle_ms: int = 0) -> Current:
        """`POST /api/auth/activity`"""
        return run(self._verbs.activity(who, idle_ms))


class AuthVerbs:
    """`client.auth`: what each does, `AsyncAuthVerbs` says."""

    def __init__(self, verbs: AsyncAuthVerbs) -> None:
        self._verbs = verbs

    def sign_in(
        self,
        email: str,
        password: str,
        *,
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> SignedIn:
        """`POST /api/auth/sign-in`"""
        return run(
            self._verbs.sign_in(
                email, password, remember=remember, application_id=application_id, tenant_id=tenant_id
            )
        )

    def sign_up(
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> SignedIn:
        """`POST /api/auth/sign-up`"""
        return run(
            self._verbs.sign_up(
                email,
                password,
                name=name,
                remember=remember,
                application_id=application_id,
                tenant_id=tenant_id,
            )
        )

    def reauthenticate(self, access_token: Any, password: str) -> Tokens:
        """`POST /api/auth/reauthenticate`"""
        return run(self._verbs.reauthenticate(access_token, password))

    def change_password(self, access_token: Any, current_password: str, new_password: str) -> Counted:
        """`POST /api/auth/password`"""
        return run(self._verbs.change_password(access_token, current_password, new_password))


class TokenVerbs:
    """`client.tokens`: what each does, `AsyncTokenVerbs` says."""

    def __init__(self, verbs: AsyncTokenVerbs) -> None:
        self._verbs = verbs

    def introspect(self, token: str) -> Introspection:
        """`POST /oauth/introspect`"""
        return run(self._verbs.introspect(token))

    def revoke(self, token: str) -> None:
        """`POST /oauth/revoke`"""
        run(self._verbs.revoke(token))

    def machine(self, *, scope: str | None = None) -> str:
        """`POST /oauth/token`"""
        return run(self._verbs.machine(scope=scope))

    def feed(self, after: str | None = None, *, limit: int | None = None) -> FeedPage:
        """`GET /oauth/feed`"""
        return run(self._verbs.feed(after, limit=limit))

    def keys(self) -> dict[str, Any]:
        """`GET /.well-known/jwks.json`"""
        return run(self._verbs.keys())
