"""What goes back with an answer: cookies, the token of a bearer, and what caches may make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from sojourn.session import Session
from sojourn.snapshot import Partial
from sojourn.web import bearer
from sojourn.web.carrier import Cookies, DeviceCookie
from sojourn.web.csrf import SAFE
from sojourn.web.headers import Raw
from sojourn.web.hint import hint
from sojourn.web.incoming import Incoming

__all__ = ["Outgoing", "by_https"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Outgoing(Incoming):
    """A request, and what its answer says of the session to the browser that asked."""

    _session: Session | None = None
    _record: Session | None = None  # all that the store said of it in this request
    _set: Mapping[str, str] = _NOTHING
    _told: Sequence[Raw] = ()
    left = False  # the headers of the answer are on their way

    def name_device(self) -> DeviceCookie:
        """This browser's name; it gets one now if it had none."""
        known = self.device_cookie()
        if known is None:
            known = DeviceCookie.new(self.site.sessions.keys)
            came = self.presented
            self._presented = Cookies(came.session, known.value, came.cache)
            self.put("device", self.site.carrier.set_device(known.value))
        return known

    def clear(self) -> None:
        """Take the session cookie back, and what was cached of the session."""
        self.put("session", self.site.carrier.clear_session())
        self.put("hint", self.site.carrier.clear_hint())
        if self.site.caches_in_cookies:
            self.put("cache", self.site.carrier.clear_cache())

    def take_back(self) -> None:
        """Do not hand over the token that this visit was about to: its session has ended again."""
        if "session" in self._set:
            self.clear()

    def hand_over(self, session: Session, token: str) -> None:
        """Have the browser use *token* from now on."""
        came = self.presented
        self._presented = Cookies(token, came.device)
        self.put("session", self.site.carrier.set_session(token, lasting=self._lasting(session)))
        self._hint(session)
        # The new token gets no snapshot yet: that it came back is for the store to see (`confirmed_at`).
        if came.cache is not None and self.site.caches_in_cookies:
            self.put("cache", self.site.carrier.clear_cache())

    def hint_if_missing(self) -> None:
        """Give the hint to a page whose browser has none: its session began before there were hints."""
        came = self.site.carrier.hint_name.encode() in self._raw.get(b"cookie", b"")
        if self._session is not None and self.bearer is None and not self.passive and not came:
            self._hint(self._session)

    def _hint(self, session: Session) -> None:
        """Tell the page's script that the token moved, or when the session ends now."""
        sessions = self.site.sessions
        value = hint(session, sessions.policy, sessions.keys, sessions.clock())
        self.put("hint", self.site.carrier.set_hint(value, lasting=self._lasting(session)))

    def _lasting(self, session: Session) -> timedelta | None:
        return session.ends_at - self.site.sessions.clock() if session.remember else None

    def tell(self, token: str) -> None:
        """Send the bearer *token* with the answer, where Better Auth's client looks for it."""
        self._told, self._more = bearer.told(token), True

    def put(self, name: str, cookie: str) -> None:
        """Send *cookie* with the answer, the last one of this *name*."""
        self._set, self._more = {**self._set, name: cookie}, True

    def answered(self, sent: Iterable[Raw]) -> list[Raw]:
        """The headers of the answer: those that the application *sent*, with ours.

        What the application says about caching stays, unless the answer carries a cookie of ours: a
        shared cache would hand that to everybody. Asked for when nothing can change any more.
        """
        site, self.left = self.site, True
        headers = sent if sent.__class__ is list else [*sent]
        if self._more:
            headers = self._with_more([*headers])
        elif self._presented is not None:
            for name, _ in headers:  # a dictionary of the two or three that there are takes longer
                if name == b"cache-control":
                    headers = [*headers, site.vary]
                    break
            else:
                headers = headers + site.unkept  # made once, of the right size
        return by_https(headers, self.scheme) if site.guards else headers

    def _with_more(self, headers: list[Raw]) -> list[Raw]:
        """With our cookies, which nobody may keep, the token of a bearer, and all that it depends on."""
        if self.site.caches_in_cookies and self._session is not None:
            self._cache()
        if self._set:
            headers = [header for header in headers if header[0].lower() != b"cache-control"]
            headers += [(b"set-cookie", cookie.encode()) for cookie in self._set.values()]
        headers += self._told
        if self.looked:
            headers += [self.site.vary] if b"cache-control" in dict(headers) else self.site.unkept
        if self.method not in SAFE:
            headers.append(_VARY_BY_SOURCE)
        return headers

    def _cache(self) -> None:
        """Hand out a cookie cache if the browser has none that is of use: once per its life (law 10).

        Not for a token that this answer replaces or takes back; `seal` refuses where the session
        ended or the token was refreshed meanwhile.
        """
        came, carrier = self._presented or self.presented, self.site.carrier
        if self._is_snapshot and (
            came.cache is not None or carrier.names[2] in self._raw.get(b"cookie", b"")
        ):
            return  # nearly every request: it has one, and the store was not needed
        snapshots = self.site.sessions.snapshots
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

    @property
    def _is_snapshot(self) -> bool:
        session = self._session
        return session is not None and self._record is None and session.data.__class__ is Partial


def by_https(headers: list[Raw], scheme: str) -> list[Raw]:
    """With the word that has browsers come by https from now on, if this one did."""
    if scheme == "https" and b"strict-transport-security" not in dict(headers):
        return [*headers, _HSTS]
    return headers


_VARY_BY_SOURCE = (b"vary", b"Sec-Fetch-Site, Origin")
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
