"""One request's dealings with its session: read it late, change it once, say what cookies must follow."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sojourn import device as devices
from sojourn.errors import (
    CookieRejected,
    Forbidden,
    HttpsRequired,
    SessionError,
    TokenInvalid,
    Unauthenticated,
)
from sojourn.events import CookieDoubled, DeviceChanged
from sojourn.lifecycle import rotation_due
from sojourn.session import Session
from sojourn.sessions import AsyncSessions, Issued
from sojourn.web import csrf
from sojourn.web.carrier import Carrier, Cookies, DeviceCookie
from sojourn.web.proxy import Peer, Proxies

__all__ = ["LoadUser", "Site", "StoreAway", "Visit"]

T = TypeVar("T")
P = ParamSpec("P")
LoadUser = Callable[[str], Awaitable[Any]]

_log = logging.getLogger("sojourn")


class Site:
    """What all visits of one application share.

    *origin* is what people type, such as `https://example.org`; names and attributes of the
    cookies follow from it. *load_user* makes `current_user` and `require_role` work: it takes a
    user id and gives whatever the application's users are, or None if that user may no longer
    sign in. An object with `role` or `roles` can be asked for roles. *faults* are exceptions that
    mean 503, besides those of the session store.
    """

    def __init__(
        self,
        sessions: AsyncSessions,
        *,
        origin: str,
        load_user: LoadUser | None = None,
        trusted_proxies: Iterable[str] = (),
        development: bool = False,
        faults: Iterable[type[Exception]] = (),
        demo: bool = False,
    ) -> None:
        self.sessions = sessions
        self.origin = origin.rstrip("/")
        self.load_user = load_user
        self.faults = (*sessions.store.faults, *faults)
        self.demo = demo
        self.carrier = Carrier.of(origin, development=development)
        self.proxies = Proxies(trusted_proxies)
        self._told: OrderedDict[tuple[UUID, str], None] = OrderedDict()

    def tell_once(self, session_id: UUID, agent: str) -> bool:
        """Whether this is the first time that *agent* was seen in that session, by this process, lately."""
        slot = (session_id, agent)
        first = slot not in self._told
        self._told[slot] = None
        self._told.move_to_end(slot)
        while len(self._told) > 10_000:
            self._told.popitem(last=False)
        return first


class StoreAway(Exception):
    """A fault of a store during a visit; its cause is the driver's exception. Answered 503.

    It has a type of its own so that an application's faults stay the application's.
    """

    message = "The service is not available for a moment. You are still signed in; please try again."

    def __init__(self, fault: Exception, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(str(fault))


def _watched(
    verb: Callable[Concatenate[Visit, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Visit, P], Coroutine[Any, Any, T]]:
    """Tell a fault of the store from every other exception."""

    @wraps(verb)
    async def watched(visit: Visit, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await verb(visit, *args, **kwargs)
        except visit.site.faults as fault:
            raise StoreAway(fault) from fault

    return watched


class Visit:
    """The session of one request. Nothing is read before it is asked for, and then once."""

    def __init__(
        self,
        site: Site,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str],
        cookies: Iterable[bytes],
        ip: str | None,
        scheme: str,
    ) -> None:
        self.site = site
        self.method, self.path, self.headers = method, path, headers
        self._ip, self._scheme = ip, scheme
        self.looked = False  # at the cookies: then the answer depends on them
        self.refusal: SessionError | None = None  # why the presented session may not be used
        self._sent = tuple(cookies)
        self._presented: Cookies | None = None
        self._loaded = False
        self._session: Session | None = None
        self._user: Any = _UNKNOWN
        self._set: dict[str, str] = {}

    # ── what came ────────────────────────────────────────────────────────────────────────────

    @cached_property
    def peer(self) -> Peer:
        """Who is really asking; worked out only when somebody wants to know."""
        return self.site.proxies.peer(self._ip, self._scheme, self.headers)

    @property
    def presented(self) -> Cookies:
        """Our cookies of this request, checked."""
        if self._presented is None:
            self.looked = True
            try:
                self._presented = self.site.carrier.read(self._sent)
            except CookieRejected as refusal:
                if refusal.facts.get("doubled"):
                    self.site.sessions.emit(CookieDoubled(at=self.site.sessions.clock(), ip=self.peer.ip))
                raise
        return self._presented

    @cached_property
    def passive(self) -> bool:
        """A program asks, not a person: never slides, writes no cookie."""
        return self.headers.get("x-session-passive") == "1"

    @property
    def navigates(self) -> bool:
        """A person opens a page or sends its form, so no client is there to refresh and repeat."""
        return self.headers.get("sec-fetch-mode") == "navigate" and not self.passive

    def check_csrf(self) -> None:
        """Refuse what another site made this browser send."""
        if self.method not in csrf.SAFE:
            carries = self.presented.session is not None
            csrf.check(self.method, self.headers, origin=self.site.origin, carries_cookie=carries)

    def device_cookie(self) -> DeviceCookie | None:
        return DeviceCookie.read(self.presented.device, self.site.sessions.keys)

    def name_device(self) -> DeviceCookie:
        """This browser's name; it gets one now if it had none."""
        known = self.device_cookie()
        if known is None:
            known = DeviceCookie.new(self.site.sessions.keys)
            self._presented = Cookies(self.presented.session, known.value)
            self._set["device"] = self.site.carrier.set_device(known.value)
        return known

    # ── the session ──────────────────────────────────────────────────────────────────────────

    async def session(self) -> Session | None:
        """The session, or None; `refusal` then says why, if one was presented."""
        if not self._loaded:
            self._session = await self._load()
            self._loaded = True
        return self._session

    async def require(self) -> Session:
        """The session of a signed-in user, or the refusal that fits."""
        session = await self.session()
        if session is None or session.user_id is None:
            raise self.refusal or Unauthenticated()
        return session

    async def require_fresh(self, max_age: timedelta | None = None) -> Session:
        """… who has proved who they are recently."""
        session = await self.require()
        self.site.sessions.require_fresh(session, max_age)
        return session

    async def user(self) -> Any:
        """The user of the session as the application knows them, loaded at most once; None if nobody."""
        if self._user is _UNKNOWN:
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

    @_watched
    async def _load(self) -> Session | None:
        token = self.presented.session
        if token is None:
            return None
        sessions = self.site.sessions
        try:
            found = await sessions.validate(token, passive=self.passive, rotating=not self.navigates)
            session, reissued = found.session, found.token
            if self.navigates and rotation_due(session, sessions.policy, sessions.clock()):
                issued = await sessions.refresh(reissued or token)
                session, reissued = issued.session, issued.token
        except SessionError as refusal:
            self.refusal = refusal
            return None
        if reissued is not None:
            self._hand_over(session, reissued)
        return await self._compared(session)

    async def _compared(self, session: Session) -> Session:
        """Note that the browser was updated; tell if it has become another one (OWASP, OS-18: a signal)."""
        before, agent = session.device, self.headers.get("user-agent", "")
        if not agent or not before.user_agent or agent == before.user_agent or self.passive:
            return session
        after = devices.describe(self.headers, id=before.id)
        if after.user_agent == before.user_agent or not self.site.tell_once(session.id, after.user_agent):
            return session
        sessions = self.site.sessions
        if not devices.same_family(before, after):
            sessions.emit(
                DeviceChanged(
                    at=sessions.clock(),
                    session_id=session.id,
                    user_id=session.user_id,
                    ip=self.peer.ip,
                    before=before.name,
                    after=after.name,
                )
            )
            return session
        harmless: tuple[type[Exception], ...] = (SessionError, *sessions.store.faults)
        try:
            return await sessions.update(session.id, device=after)
        except harmless as error:
            _log.warning("a browser's update was not recorded: %s", error)
            return session

    # ── changes ──────────────────────────────────────────────────────────────────────────────

    @_watched
    async def login(
        self,
        user_id: str,
        *,
        amr: Iterable[str] = (),
        aal: int = 1,
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Issued:
        """Start a session for *user_id*, whose password or other proof the caller has just checked."""
        self.require_https()
        device = self.name_device()
        issued = await self.site.sessions.start(
            user_id,
            device=devices.describe(self.headers, id=device.id),
            ip=self.peer.ip,
            amr=amr,
            aal=aal,
            remember=remember,
            application_id=application_id,
            tenant_id=tenant_id,
            data=data,
            replacing=await self.session(),
        )
        return self._adopt(issued)

    async def logout(self) -> bool:
        """End the presented session and clear its cookie; false if there was none to end.

        The cookie goes first: on a shared computer it must go even while the store is away.
        """
        token = self.presented.session
        if token is None:
            return False
        self._session, self._loaded, self._user = None, True, None
        self.clear()
        try:
            return await self.site.sessions.end(token)
        except TokenInvalid:
            return False
        except self.site.faults as fault:
            raise StoreAway(fault, _ONLY_HERE) from fault

    @_watched
    async def refresh(self) -> Issued:
        """Rotate the presented token."""
        token = self.presented.session
        if token is None:
            raise Unauthenticated
        self.require_https()
        return self._adopt(await self.site.sessions.refresh(token))

    @_watched
    async def renew(self, *, amr: Iterable[str] | None = None, aal: int | None = None) -> Issued:
        """A new token after the user has proved again who they are; every earlier one is refused."""
        session = await self.require()
        self.require_https()
        issued = await self.site.sessions.renew(
            session.id, generation=session.generation, authenticated=True, amr=amr, aal=aal
        )
        return self._adopt(issued)

    def clear(self) -> None:
        """Take the session cookie back."""
        self._set["session"] = self.site.carrier.clear_session()

    def take_back(self) -> None:
        """Do not hand over the token that this visit was about to: its session has ended again."""
        if self._set.pop("session", None) is not None:
            self.clear()

    def require_https(self) -> None:
        """Refuse to hand a credential to a connection that others can read (ASVS 3.3.1, NIST N-07)."""
        if self.site.carrier.secure and self.peer.scheme != "https":
            raise HttpsRequired

    def _adopt(self, issued: Issued) -> Issued:
        self._session, self._loaded, self.refusal, self._user = issued.session, True, None, _UNKNOWN
        self._hand_over(issued.session, issued.token)
        return issued

    def _hand_over(self, session: Session, token: str) -> None:
        lasting = session.ends_at - self.site.sessions.clock() if session.remember else None
        self._presented = Cookies(token, self.presented.device)
        self._set["session"] = self.site.carrier.set_session(token, lasting=lasting)

    # ── what goes back ───────────────────────────────────────────────────────────────────────

    def answer_headers(self) -> list[tuple[str, str]]:
        """What every answer to this visit carries: cookies that changed, and what caches must know."""
        headers = [("set-cookie", value) for value in self._set.values()]
        if self.looked:
            headers += [("vary", "Cookie"), ("cache-control", "no-store")]
        if self.method not in csrf.SAFE:
            headers.append(("vary", "Sec-Fetch-Site, Origin"))
        if self.peer.scheme == "https":
            headers.append(("strict-transport-security", "max-age=31536000; includeSubDomains"))
        return headers

    @property
    def form_binding(self) -> str:
        """What the hidden field of a form is bound to: the session, or before signing in the browser."""
        if self._session is not None:
            return f"session {self._session.id} {self._session.salt.hex()}"
        return f"device {self.name_device().id}"


_UNKNOWN: Any = object()
_ONLY_HERE = (
    "This browser is signed out, but the server could not be told yet. Until it can be, or the session "
    "reaches its end, whoever copied the cookie could use it: sign in and out once more later."
)
