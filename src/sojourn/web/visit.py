"""What a request may do with its session: have it, begin it, end it, renew it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sojourn import device as devices
from sojourn.custom import KEY
from sojourn.errors import Forbidden, SessionError, TokenInvalid, Unauthenticated
from sojourn.session import Session
from sojourn.sessions import Issued
from sojourn.snapshots import as_borne
from sojourn.token import derive
from sojourn.web import bearer, bound, parked
from sojourn.web.away import StoreAway, watched
from sojourn.web.browser import called
from sojourn.web.finding import UNKNOWN, Finding
from sojourn.web.site import LoadUser, Site

__all__ = ["LoadUser", "Site", "StoreAway", "Visit"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Visit(Finding):
    """The session of one request, and what may be done with it."""

    async def data(self) -> Mapping[str, Any]:
        """All data of the session, from the store; nothing without a session."""
        if await self.session() is None:
            return _NOTHING
        session = await self.session(sure=True)
        if session is None:  # it ended a moment ago: to have no data is something else
            raise self.refusal or Unauthenticated()
        if self.site.sessions.custom is None:
            return session.data
        return {name: value for name, value in session.data.items() if name != KEY}

    async def require(self, *, sure: bool = False) -> Session:
        """The session of a signed-in user, or the refusal that fits."""
        session = await self.session(sure=sure)
        if session is None or session.user_id is None:
            raise self.refusal or Unauthenticated()
        return session

    async def require_fresh(self, max_age: timedelta | None = None, *, aal: int = 0) -> Session:
        """… who has proved who they are recently, by *aal* or more. The store is asked."""
        session = await self.require(sure=True)
        with self.site.telling_how():
            self.site.sessions.require_fresh(session, max_age, aal=aal)
            bound.require(self, session)
        return session

    async def user(self) -> Any:
        """The user of the session as the application knows them, loaded at most once; None if nobody."""
        if self._user is UNKNOWN:
            session = await self.session()
            load = self.site.load_user
            known = session is not None and session.user_id is not None and load is not None
            self._user = await load(session.user_id) if known else None  # type: ignore[misc, union-attr, arg-type]
        return self._user

    async def require_role(self, role: str) -> Any:
        """The user, if they have *role*: 401 without a session, 403 without the role."""
        await self.require()
        user = await self.user()
        if user is None:
            raise Unauthenticated
        if role != getattr(user, "role", None) and role not in getattr(user, "roles", ()):
            raise Forbidden
        return user

    # ── changes ──────────────────────────────────────────────────────────────────────────────

    @watched
    async def login(
        self,
        user_id: str,
        *,
        amr: Iterable[str] = (),
        aal: int = 1,
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
        profile: str | None = None,
        authenticated_at: datetime | None = None,
        data: Mapping[str, Any] | None = None,
        cookie: bool = True,
        beside: bool = False,
    ) -> Issued:
        """Start a session for *user_id*, whose password or other proof the caller has just checked.

        Without *cookie* the token is the caller's to hand over, and this browser stays who it was.
        *authenticated_at*: when they proved it, if not now.
        *beside*: the session that it has is somebody else's, who stays signed in: see `parked`.
        """
        self.require_https()
        been_here = cookie and self.device_cookie() is not None
        device = devices.describe(self.headers, id=self.name_device().id if cookie else None)
        if been_here:
            device = await called(self.site, user_id, device)
        before = await self.session(sure=True) if cookie else None
        issued = await self.site.sessions.start(
            user_id,
            device=device,
            place=bound.place_of(self),
            ip=self.peer.ip,
            amr=amr,
            aal=aal,
            remember=remember,
            application_id=application_id,
            tenant_id=tenant_id,
            profile=profile,
            authenticated_at=authenticated_at,
            idle_timeout=await self._idle_timeout(user_id),
            data=data,
            replacing=None if beside else before,
            bearer=not cookie,
        )
        if cookie:  # whoever acted as somebody here has left
            await parked.end(self, only=parked.ADMIN)
        return self.adopt(issued) if cookie else issued

    async def _idle_timeout(self, user_id: str) -> timedelta | None:
        """After how long without use the user wants to be signed out, if users here may say so."""
        user = await self.site.load_user(user_id) if self.site.load_user else None
        own = getattr(user, "idle_timeout", None)
        return own if isinstance(own, timedelta) else None

    async def logout(self) -> bool:
        """End the presented session and clear its cookie; false if there was none to end.

        The cookie goes first: on a shared computer it must go even while the store is away.
        """
        token = self.presented.session
        if token is None and self.bearer is None:
            await parked.end(self)
            return False
        self._session, self._record, self._loaded, self._user = None, None, True, None
        self.ahead = None
        if token is None:
            return await bearer.logout(self)
        self.clear()
        self.site.sessions.snapshots.drop(token)
        try:
            await parked.end(self)
            return await self.site.sessions.end(token)
        except TokenInvalid:
            return False
        except self.site.faults as fault:
            raise StoreAway(fault, _ONLY_HERE) from fault

    @watched
    async def refresh(self) -> Issued:
        """Rotate the presented token."""
        token = self.presented.session
        if token is None:
            raise Unauthenticated
        self.require_https()
        issued = self.adopt(await self.site.sessions.refresh(token))
        if await bound.noted(self, issued.session, issued.token) is None:
            self._session, self._record = None, None
            raise self.refusal or Unauthenticated()
        return issued

    @watched
    async def renew(self, *, amr: Iterable[str] | None = None, aal: int | None = None) -> Issued:
        """A new token after the user has proved again who they are; every earlier one is refused.

        A snapshot will do, because the store compares its generation: who was faster has won. But not
        that of an access token, which does not follow the rotations of the other one.
        """
        session = await self.require(sure=self.bearer is not None)
        self.require_https()
        sessions, (device, ip) = self.site.sessions, bound.moved(self, session)
        try:
            issued = await sessions.renew(
                session.id,
                generation=session.generation,
                authenticated=True,
                amr=amr,
                aal=aal,
                device=device,
                ip=ip,
                bearer=self.by_access_token,
            )
        except SessionError:
            borne = self.bearer and as_borne(self.bearer)
            sessions.snapshots.drop(borne or self.presented.session or "")
            raise
        return self.adopt(issued)

    @watched
    async def active(self, idle: timedelta) -> Session:
        """Note that a person was active *idle* ago, as their client says; the session as it then is."""
        before = await self.require()
        sessions, token = self.site.sessions, self.presented.session
        if self.bearer is not None:
            session = await bearer.admitted(self, sure=True, idle=idle)
        else:
            session = (await sessions.validate(token or "", sure=True, idle=idle, rotating=False)).session
        self._take(session, sure=True)
        if self.bearer is None and session.seen_at > before.seen_at:
            self._hint(session)
        return session

    def adopt(self, issued: Issued) -> Issued:
        """Go on with the session *issued*, and hand its token over as the one before came."""
        self._session, self._record = issued.session, issued.session
        self._loaded, self.ahead, self.refusal, self._user = True, None, None, UNKNOWN
        if self.bearer is None:
            self.hand_over(issued.session, issued.token)
        elif bearer.is_ours(self.bearer):
            self.tell(derive(issued.session, self.site.sessions.keys, "bearer"))
        return issued


def _lay_out() -> None:
    """Show CPython which attributes visits have, before it has made thirty of them.

    After that it learns no more names (3.11 to 3.13), and who sets another one pays for a dictionary:
    every request with a session, if those before were a balancer's, which asks after none.
    """
    visit = Visit(None, {"headers": ()})  # type: ignore[arg-type]
    for kind in Visit.__mro__[:-1]:
        for name, default in vars(kind).items():
            if not (name.startswith("__") or callable(default) or isinstance(default, property)):
                setattr(visit, name, default)


_lay_out()

_ONLY_HERE = (
    "This browser is signed out, but the server could not be told yet. Until it can be, or the session "
    "reaches its end, whoever copied the cookie could use it: sign in and out once more later."
)
