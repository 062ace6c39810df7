"""A request of which nobody has asked more than whose session it has: nearly all never do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from sojourn.session import Session
from sojourn.web.headers import Raw, named
from sojourn.web.outgoing import by_https
from sojourn.web.proxy import Peer
from sojourn.web.site import Site
from sojourn.web.visit import Visit

__all__ = ["Arrival"]


class Arrival(Struct, eq=False):
    """What came, as ASGI has it, until a `Visit` begins. Whoever routes may change the scope, but not this.

    Where a snapshot answers for who asked the same way a moment ago, that is all there ever is: to make a
    visit would be a quarter of what the session costs.
    """

    site: Site
    method: str
    path: str
    root_path: str
    scheme: str
    client: Any
    headers: tuple[Raw, ...]
    peer: Peer | None = None  # behind a proxy
    session: Session | None = None  # that was at hand
    visit: Visit | None = None
    left: bool = False  # the headers of the answer are on their way

    def __repr__(self) -> str:
        return f"<Arrival {self.method} {self.path}>"

    @classmethod
    def of(cls, site: Site, scope: Mapping[str, Any]) -> Arrival:
        """Of a server that leaves out what ASGI lets it leave out."""
        root_path, scheme = scope.get("root_path", ""), scope.get("scheme", "http")
        client, headers = scope.get("client"), tuple(scope["headers"])
        return cls(site, scope["method"], scope["path"], root_path, scheme, client, headers)

    def at_hand(self) -> Session | None:
        """The session, if who asks the same way had it a moment ago; see `Finding.at_hand`."""
        if self.visit is not None:
            return self.visit.at_hand()
        if self.session is not None:
            return self.session
        site, client, cookie, agent = self.site, self.client, None, None
        who: object = client and client[0]
        if site.looks_closer:
            raw = named(self.headers)
            if b"authorization" in raw or site.ignores_cookies(self.method, self.path, self.root_path):
                return None
            cookie, agent = raw.get(b"cookie"), raw.get(b"user-agent")
            if site.proxies.configured and cookie in site.lately:
                who = self.who_asks(raw)
        else:
            for name, value in self.headers:
                if name == b"cookie":
                    if cookie is not None:
                        return self.begun().at_hand()  # which joins them
                    cookie = value
                elif name == b"user-agent":
                    if agent is not None:
                        return self.begun().at_hand()
                    agent = value
        try:
            found = site.lately[cookie].answered
        except KeyError:
            return None
        if found is None or found.came_from != (agent, who):
            return None
        edition, awake, until = found.good
        if edition.live:  # `Feed.holds`, spelt out
            feed = site.feed
            wall, monotonic = feed.wall, feed.monotonic  # to call an attribute that is no method takes longer
            now, ticks = wall(), monotonic()
            if (
                now < until
                and ticks < awake
                and feed.wall_since <= now < feed.wall_until
                and ticks < feed.awake_until
            ):
                site.snapshots.hits += 1
                self.session = session = found.session
                return session
        return None

    def who_asks(self, raw: Mapping[bytes, bytes] | None = None) -> Peer:
        """As far as trusted hops tell; *raw*: the headers by name, if somebody named them."""
        peer, client = self.peer, self.client
        if peer is None:
            raw, nearest = raw or named(self.headers), client[0] if client else None
            peer = self.peer = self.site.proxies.found(nearest, self.scheme, raw)
        return peer

    def begun(self) -> Visit:
        """The visit, which begins where this one is."""
        visit = self.visit
        if visit is None:
            came = {
                "method": self.method,
                "path": self.path,
                "root_path": self.root_path,
                "scheme": self.scheme,
                "client": self.client,
                "headers": self.headers,
            }
            visit = self.visit = Visit(self.site, came)  # without the scope, which holds us
            visit.left = self.left
            if self.session is not None:
                visit.go_on_with(self.session)
        return visit

    async def require(self) -> Session:
        """The session of a signed-in user, or the refusal that fits."""
        session = self.at_hand()
        if session is not None and session.user_id is not None:
            return session
        return await self.begun().require()

    def answered(self, sent: Iterable[Raw]) -> list[Raw]:
        """The headers of the answer; see `Outgoing.answered`."""
        self.left, site = True, self.site
        if self.visit is not None:
            return self.visit.answered(sent)
        headers = sent if sent.__class__ is list else [*sent]
        if self.session is not None:
            for name, _ in headers:  # as `Outgoing.answered` has it
                if name == b"cache-control":
                    headers = [*headers, site.vary]
                    break
            else:
                headers = headers + site.unkept
        if not site.guards:
            return headers
        return by_https(headers, self.who_asks().scheme if site.proxies.configured else self.scheme)
