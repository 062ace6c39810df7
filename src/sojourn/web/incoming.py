"""What came with a request: who asks, from where, with which of our cookies or with which token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sojourn.errors import CookieRejected, HttpsRequired
from sojourn.events import CookieDoubled
from sojourn.web import bearer, csrf
from sojourn.web.carrier import Cookies, DeviceCookie
from sojourn.web.csrf import SAFE
from sojourn.web.headers import Headers, named
from sojourn.web.proxy import Peer
from sojourn.web.site import Site
from sojourn.web.within import placed

__all__ = ["Incoming"]

_UNREAD: Any = object()
_SECURE = ("https", "wss")


class Incoming:
    """One request, of which each part is read when somebody asks for it, and then once.

    *scope*: as ASGI has it. A copy is kept: whoever routes changes it, and it holds the visit.
    """

    # Of the class until they differ: a request that does not look at its session costs next to nothing.
    unanswerable = False  # nothing will carry a cookie back
    by_program = False  # the route is none that a person's act calls
    _peer: Peer | None = None
    _named: dict[bytes, bytes] | None = None
    _bearer: str | None = _UNREAD
    # These two every request reads: of the class that takes 10 ns more in CPython 3.11 and 3.12.
    _presented: Cookies | None
    _more: bool  # must be thought of when the answer goes than that it may depend on the cookies

    def __init__(self, site: Site, scope: Mapping[str, Any]) -> None:
        self.site, self._asked, self._sent = site, dict(scope), tuple(scope["headers"])
        self._presented, self._more = None, False

    @property
    def _raw(self) -> dict[bytes, bytes]:
        """What was sent, by name: most requests are answered without, see `Finding.at_hand`."""
        if self._named is None:
            self._named = named(self._sent)
        return self._named

    @property
    def method(self) -> str:
        return self._asked.get("method", "GET")  # type: ignore[no-any-return]

    @property
    def base(self) -> str:
        """The prefix under which browsers find us: see `within`."""
        return placed(self._asked["path"], self._asked.get("root_path", ""))[0]

    @property
    def path(self) -> str:
        """What was asked for, below that prefix."""
        return placed(self._asked["path"], self._asked.get("root_path", ""))[1]

    @property
    def headers(self) -> Headers:
        return Headers(self._raw)

    @property
    def peer(self) -> Peer:
        """Who is really asking; worked out only when somebody wants to know."""
        if self._peer is None:
            self._peer = self.site.proxies.found(self._nearest, self._spoken, self._raw)
        return self._peer

    @property
    def ip(self) -> str | None:
        """The address of who is really asking, found as cheaply as can be."""
        if self.site.proxies.configured:
            return self.peer.ip
        client = self._asked.get("client")
        return client[0] if client else None

    @property
    def here(self) -> tuple[object, ...]:
        """Which browser asks and from where: while that is the same, so are `agent` and `ip`.

        By whichever proxy: one of several that balance the load is no other place.
        """
        who = self.peer if self.site.proxies.configured else self._nearest
        return self._raw.get(b"user-agent"), who

    @property
    def agent(self) -> str:
        """The User-Agent as it came."""
        return self._raw.get(b"user-agent", b"").decode("latin-1")

    @property
    def scheme(self) -> str:
        """`https` or `http`, as far as trusted hops tell."""
        return self.peer.scheme if self.site.proxies.configured else self._spoken

    @property
    def _nearest(self) -> str | None:
        """Whose connection it is: perhaps that of a proxy."""
        client = self._asked.get("client")
        return client[0] if client else None

    @property
    def _spoken(self) -> str:
        """The scheme on that connection."""
        return "https" if self._asked.get("scheme") in _SECURE else "http"

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

    @property
    def looked(self) -> bool:
        """Whether somebody looked at the cookies: then the answer depends on them."""
        return self._presented is not None and not self._cookieless

    @property
    def _cookieless(self) -> bool:
        asked = self._asked
        return self.site.ignores_cookies(self.method, asked["path"], asked.get("root_path", ""))

    @property
    def presented(self) -> Cookies:
        """Our cookies of this request, checked; none beside an access token: no request is two users'."""
        if self._presented is None:
            site, raw = self.site, self._raw
            if self._cookieless:
                self._presented, self._more = Cookies(), True
                return self._presented
            if b"authorization" in raw and self.bearer is not None:
                self._presented = Cookies()
                return self._presented
            try:
                self._presented = site.cookies_in(raw.get(b"cookie", b""))
            except CookieRejected as refusal:
                if refusal.facts.get("doubled"):
                    site.sessions.emit(CookieDoubled(at=site.sessions.clock(), ip=self.peer.ip))
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
        """Refuse what another site made this browser send. The answer says what that depends on."""
        self._more = True
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

    def require_https(self) -> None:
        """Refuse to hand a credential to a connection that others can read (ASVS 3.3.1, NIST N-07)."""
        if not self.private:
            raise HttpsRequired

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read the answer."""
        return not self.site.carrier.secure or self.scheme == "https"


def _token_in(authorization: bytes) -> str | None:
    scheme, _, token = authorization.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None
