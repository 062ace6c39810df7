"""One request's dealings with its session: read it late, change it once, say what cookies must follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace as _replaced

from sojourn import device as devices
from sojourn.custom import KEY
from sojourn.errors import (
    CookieRejected,
    Forbidden,
    FreshnessRequired,
    HttpsRequired,
    SessionError,
    TokenInvalid,
    Unauthenticated,
)
from sojourn.events import CookieDoubled
from sojourn.lifecycle import rotation_due
from sojourn.session import Session
from sojourn.sessions import Issued
from sojourn.snapshot import Partial, partial
from sojourn.snapshots import as_borne
from sojourn.token import derive
from sojourn.web import bearer, csrf, parked
from sojourn.web.away import StoreAway, watched
from sojourn.web.browser import noticed
from sojourn.web.carrier import Cookies, DeviceCookie
from sojourn.web.csrf import SAFE
from sojourn.web.headers import Headers, Raw
from sojourn.web.proxy import Peer
from sojourn.web.site import LoadUser, Site

__all__ = ["LoadUser", "Site", "StoreAway", "Visit"]


_UNKNOWN: Any = object()
_UNREAD: Any = object()
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Visit:
    """The session of one request. Nothing is read before it is asked for, and then once.

    *raw*: the headers by name in lower case, as `headers.named` makes them.
    """

    # Of the class until they differ: a visit that does not look at its session costs next to nothing.
    looked = False  # at the cookies: then the answer depends on them
    unanswerable = False  # nothing will carry a cookie back
    in_passing = False  # the client knows no refresh, and a bad Authorization header hides no cookie
    by_program = False  # the route is none that a person's act calls
    refusal: SessionError | None = None  # why the presented session may not be used
    _peer: Peer | None = None
    _presented: Cookies | None = None
    _name: bytes | None = None  # the digest of the token that came
    _bearer: str | None = _UNREAD
    _loaded = False
    _session: Session | None = None
    _record: Session | None = None  # all that the store said of it in this request
    _user: Any = _UNKNOWN
    _set: Mapping[str, str] = _NOTHING
    _told: Iterable[Raw] = ()

    def __init__(
        self,
        site: Site,
        method: str,
        path: str,
        raw: Mapping[bytes, bytes],
        ip: str | None,
        scheme: str,
    ) -> None:
        self.site, self.method, self.path = site, method, path
        self._raw, self._ip, self._scheme = raw, ip, scheme

    # ── what came ────────────────────────────────────────────────────────────────────────────

    @property
    def headers(self) -> Headers:
        return Headers(self._raw)

    @property
    def peer(self) -> Peer:
        """Who is really asking; worked out only when somebody wants to know."""
        if self._peer is None:
            self._peer = self.site.proxies.peer(self._ip, self._scheme, self.headers)
        return self._peer

    @property
    def scheme(self) -> str:
        """`https` or `http`, as far as trusted hops tell."""
        return self.peer.scheme if self.site.proxies.configured else self._scheme

    @property
    def bearer(self) -> str | None:
        """The access token of the Authorization header; None if there is none, or nobody reads it."""
        if self._bearer is _UNREAD:
            sent = self._raw.get(b"authorization")
            text = None if sent is None else _token_in(sent)
            taken = self.site.bearer_tokens if bearer.is_ours(text) else self.site.issuer
            self._bearer = text if taken else None
        return self._bearer

    @property
    def by_access_token(self) -> bool:
        """Whether what came refreshes in bearer mode."""
        return self.bearer is not None and not bearer.is_ours(self.bearer)

    def cookie_alone(self) -> None:
        """Go on as if no Authorization header had come."""
        self._bearer, self._presented, self._name = None, None, None
        self._session, self._record, self._loaded, self.refusal = None, None, False, None
        self.check_csrf()

    @property
    def _cookieless(self) -> bool:
        return (self.method, self.path) in self.site.cookieless

    @property
    def presented(self) -> Cookies:
        """Our cookies of this request, checked; none beside an access token: no request is two users'."""
        if self._presented is None:
            self.looked = not self._cookieless
            if self.bearer is not None or not self.looked:
                self._presented = Cookies()
                return self._presented
            try:
                self._presented, self._name = self.site.cookies_in(self._raw.get(b"cookie", b""))
            except CookieRejected as refusal:
                if refusal.facts.get("doubled"):
                    self.site.sessions.emit(CookieDoubled(at=self.site.sessions.clock(), ip=self.peer.ip))
                raise
        return self._presented

    @property
    def passive(self) -> bool:
        """A program asks, not a person: never slides, writes no cookie."""
        return self.unanswerable or self.by_program or self._raw.get(b"x-session-passive") == b"1"

    @property
    def navigates(self) -> bool:
        """A person opens a page or sends its form, so no client is there to refresh and repeat."""
        return self._raw.get(b"sec-fetch-mode") == b"navigate" and not self.passive

    def check_csrf(self) -> None:
        """Refuse what another site made this browser send."""
        # No other site can make a browser send an access token, nor profit where no cookie counts.
        if self.method not in SAFE and self.bearer is None and not self._cookieless:
            carries = self.presented.session is not None
            csrf.check(self.method, self.headers, origin=self.site.origin, carries_cookie=carries)

    @property
    def cookie_header(self) -> bytes:
        """All cookies as they came; nothing where none are looked at."""
        return b"" if self._cookieless else self._raw.get(b"cookie", b"")

    def device_cookie(self) -> DeviceCookie | None:
        return DeviceCookie.read(self.presented.device, self.site.sessions.keys)

    def name_device(self) -> DeviceCookie:
        """This browser's name; it gets one now if it had none."""
        known = self.device_cookie()
        if known is None:
            known = DeviceCookie.new(self.site.sessions.keys)
            came = self.presented
            self._presented = Cookies(came.session, known.value, came.cache)
            self.put("device", self.site.carrier.set_device(known.value))
        return known

    # ── the session ──────────────────────────────────────────────────────────────────────────

    async def session(self, *, sure: bool = False) -> Session | None:
        """The session, or None; `refusal` then says why, if one was presented.

        It may be a snapshot, which holds only the `data` that the policy names; so does the answer of
        the store then, or what works in one request would fail in the next. With *sure* it is all
        that the store says, as sensitive acts want it: of a snapshot that was used before, too.
        """
        try:
            if not self._loaded:
                self._take((None if sure else self._recalled()) or await self._load(sure), sure)
                self._loaded = True
            elif sure and self._session is not None and isinstance(self._session.data, Partial):
                found = self._record or await self._load(sure)
                self._take(found, sure)
                if found is None:
                    self._user = None
        except self.site.faults as fault:  # as `watched` has it: every request comes through here
            raise StoreAway(fault) from fault
        return self._session

    def _take(self, found: Session | None, sure: bool) -> None:
        self._session = found
        if found is None or found.data.__class__ is Partial:  # `isinstance` asks an ABC, which takes long
            return
        self._record = found
        if not sure and self.site.sessions.snapshots.on:
            self._session = partial(found, self.site.sessions.policy)

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
        try:
            self.site.sessions.require_fresh(session, max_age, aal=aal)
        except FreshnessRequired as refusal:
            if self.site.methods:
                refusal.facts["methods"] = self.site.methods
            raise
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

    @property
    def _is_snapshot(self) -> bool:
        return self._session is not None and self._record is None and isinstance(self._session.data, Partial)

    def _recalled(self) -> Session | None:
        """The session from a snapshot, without waiting for anything; None: `_load` can tell."""
        came, site = self.presented, self.site
        if self.bearer is not None:
            return bearer.recalled(self)
        if came.session is None or not site.sessions.snapshots.on:
            return None
        cached = came.cache if site.caches_in_cookies else None
        session = site.sessions.snapshots.recall(came.session, cached, name=self._name, passive=self.passive)
        return session if session is not None and self._same_agent(session) else None

    async def _load(self, sure: bool) -> Session | None:
        came, site = self.presented, self.site
        if self.bearer is not None:
            borne = await bearer.loaded(self, sure)
            if borne is not None or not self.in_passing:
                return borne
            self.cookie_alone()
            came = self.presented
        token = came.session
        if token is None:
            return None
        sessions, passive = site.sessions, self.passive or not self.private
        in_passing = self.navigates or self.in_passing
        cached = came.cache if site.caches_in_cookies else None
        try:
            found = await sessions.validate(
                token, passive=passive, rotating=not in_passing, cached=cached, sure=sure
            )
            session, reissued = found.session, found.token
            if in_passing and not passive and rotation_due(session, sessions.policy, sessions.clock()):
                issued = await sessions.refresh(reissued or token)
                session, reissued = _used(issued.session, session), issued.token
        except SessionError as refusal:
            self.refusal = refusal
            sessions.snapshots.drop(token)  # another process may have rotated: no snapshot knows of that
            return None
        if reissued is not None:
            self.hand_over(session, reissued)
        if self._same_agent(session):
            return session
        return _used(await noticed(self.site, session, self.headers, self.peer.ip), session)

    def _same_agent(self, session: Session) -> bool:
        before = session.device.user_agent
        if not before:
            return True
        agent = self._raw.get(b"user-agent")
        return not agent or agent.decode("latin-1") == before or self.passive

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
        device = self.name_device().id if cookie else None
        before = await self.session(sure=True) if cookie else None
        issued = await self.site.sessions.start(
            user_id,
            device=devices.describe(self.headers, id=device),
            ip=self.peer.ip,
            amr=amr,
            aal=aal,
            remember=remember,
            application_id=application_id,
            tenant_id=tenant_id,
            profile=profile,
            authenticated_at=authenticated_at,
            data=data,
            replacing=None if beside else before,
            bearer=not cookie,
        )
        if cookie:  # whoever acted as somebody here has left
            await parked.end(self, only=parked.ADMIN)
        return self.adopt(issued) if cookie else issued

    async def logout(self) -> bool:
        """End the presented session and clear its cookie; false if there was none to end.

        The cookie goes first: on a shared computer it must go even while the store is away.
        """
        token = self.presented.session
        if token is None and self.bearer is None:
            await parked.end(self)
            return False
        self._session, self._record, self._loaded, self._user = None, None, True, None
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
        return self.adopt(await self.site.sessions.refresh(token))

    @watched
    async def renew(self, *, amr: Iterable[str] | None = None, aal: int | None = None) -> Issued:
        """A new token after the user has proved again who they are; every earlier one is refused.

        A snapshot will do, because the store compares its generation: who was faster has won. But not
        that of an access token, which does not follow the rotations of the other one.
        """
        session = await self.require(sure=self.bearer is not None)
        self.require_https()
        sessions = self.site.sessions
        try:
            issued = await sessions.renew(
                session.id,
                generation=session.generation,
                authenticated=True,
                amr=amr,
                aal=aal,
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
        await self.require()
        sessions, token = self.site.sessions, self.presented.session
        if self.bearer is not None:
            session = await bearer.admitted(self, sure=True, idle=idle)
        else:
            session = (await sessions.validate(token or "", sure=True, idle=idle, rotating=False)).session
        self._take(session, sure=True)
        return session

    def clear(self) -> None:
        """Take the session cookie back, and what was cached of the session."""
        self.put("session", self.site.carrier.clear_session())
        if self.site.caches_in_cookies:
            self.put("cache", self.site.carrier.clear_cache())

    def take_back(self) -> None:
        """Do not hand over the token that this visit was about to: its session has ended again."""
        if "session" in self._set:
            self.clear()

    def require_https(self) -> None:
        """Refuse to hand a credential to a connection that others can read (ASVS 3.3.1, NIST N-07)."""
        if not self.private:
            raise HttpsRequired

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read the answer."""
        return not self.site.carrier.secure or self.scheme == "https"

    def adopt(self, issued: Issued) -> Issued:
        """Go on with the session *issued*, and hand its token over as the one before came."""
        self._session, self._record = issued.session, issued.session
        self._loaded, self.refusal, self._user = True, None, _UNKNOWN
        if self.bearer is None:
            self.hand_over(issued.session, issued.token)
        elif bearer.is_ours(self.bearer):
            self.tell(derive(issued.session, self.site.sessions.keys, "bearer"))
        return issued

    def hand_over(self, session: Session, token: str) -> None:
        """Have the browser use *token* from now on."""
        lasting = session.ends_at - self.site.sessions.clock() if session.remember else None
        came = self.presented
        self._presented, self._name = Cookies(token, came.device), None
        self.put("session", self.site.carrier.set_session(token, lasting=lasting))
        # The new token gets no snapshot yet: that it came back is for the store to see (`confirmed_at`).
        if came.cache is not None and self.site.caches_in_cookies:
            self.put("cache", self.site.carrier.clear_cache())

    def tell(self, token: str) -> None:
        """Send the bearer *token* with the answer, where Better Auth's client looks for it."""
        self._told = bearer.told(token)

    def put(self, name: str, cookie: str) -> None:
        """Send *cookie* with the answer, the last one of this *name*."""
        self._set = {**self._set, name: cookie}

    # ── what goes back ───────────────────────────────────────────────────────────────────────

    def answered(self, sent: Iterable[Raw]) -> list[Raw]:
        """The headers of the answer: those that the application *sent*, with ours.

        What the application says about caching stays, unless the answer carries a cookie of ours: a
        shared cache would hand that to everybody. Asked for when nothing can change any more.
        """
        headers = [*sent]
        if self.site.caches_in_cookies and self._session is not None:
            self._cache()
        if self._set:
            headers = [header for header in headers if header[0].lower() != b"cache-control"]
            headers += [(b"set-cookie", cookie.encode()) for cookie in self._set.values()]
        headers += self._told
        present = dict(headers)
        if self.looked:
            by_both = self.site.issuer or self.site.bearer_tokens
            headers.append(_VARY_BY_BOTH if by_both else _VARY)
            if b"cache-control" not in present:
                headers.append(_NO_STORE)
        if self.method not in SAFE:
            headers.append(_VARY_BY_SOURCE)
        if self.scheme == "https" and b"strict-transport-security" not in present:
            headers.append(_HSTS)
        return headers

    def _cache(self) -> None:
        """Hand out a cookie cache if the browser has none that is of use: once per its life (law 10).

        Not for a token that this answer replaces or takes back; `seal` refuses where the session
        ended or the token was refreshed meanwhile.
        """
        carrier, snapshots = self.site.carrier, self.site.sessions.snapshots
        if self._is_snapshot and carrier.cache_name.encode() in self._raw.get(b"cookie", b""):
            return  # nearly every request: it has one, and the store was not needed
        came = self.presented
        if came.session is None or self.passive or not self._set.keys().isdisjoint(("session", "cache")):
            return
        if came.cache is not None and snapshots.holds(came.session, came.cache):
            return
        sealed = snapshots.seal(came.session)
        if sealed is not None:
            self.put("cache", carrier.set_cache(sealed, self.site.sessions.policy.cookie_cache))

    @property
    def form_binding(self) -> str:
        """What the hidden field of a form is bound to: the session, or before signing in the browser.

        A renewal raises `void_below`, so that no form outlives one. (A snapshot has no salt.)
        """
        if self._session is not None:
            return f"session {self._session.id} {self._session.void_below}"
        return f"device {self.name_device().id}"


def _used(changed: Session, session: Session) -> Session:
    """*changed* as it was written, with the use of *session* that is not written yet."""
    return _replaced(
        changed,
        seen_at=max(changed.seen_at, session.seen_at),
        expires_at=max(changed.expires_at, session.expires_at),
    )


def _token_in(authorization: bytes) -> str | None:
    scheme, _, token = authorization.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


_VARY = (b"vary", b"Cookie")
_VARY_BY_BOTH = (b"vary", b"Cookie, Authorization")
_VARY_BY_SOURCE = (b"vary", b"Sec-Fetch-Site, Origin")
_NO_STORE = (b"cache-control", b"no-store")
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_ONLY_HERE = (
    "This browser is signed out, but the server could not be told yet. Until it can be, or the session "
    "reaches its end, whoever copied the cookie could use it: sign in and out once more later."
)
