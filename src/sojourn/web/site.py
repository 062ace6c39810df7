"""What all visits of one application share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.errors import FreshnessRequired, Refusal
from sojourn.events import Event, Started
from sojourn.issuer import Issuer
from sojourn.session import Session, bucket_in, bucket_of
from sojourn.sessions import AsyncSessions
from sojourn.snapshot import digest
from sojourn.stores.protocol import Entry
from sojourn.web.ahead import Asking
from sojourn.web.carrier import Carrier, Cookies
from sojourn.web.proxy import Proxies
from sojourn.web.reply import Answer
from sojourn.web.streams import Streams
from sojourn.web.wakes import Wake, Wakes
from sojourn.web.within import placed

__all__ = ["LoadUser", "Says", "Site"]

LoadUser = Callable[[str], Awaitable[Any]]
Says = Callable[[Any, Refusal], Answer]  # of a visit

_NO_STORE = (b"cache-control", b"no-store")
_VARY = (b"vary", b"Cookie")
_VARY_BY_BOTH = (b"vary", b"Cookie, Authorization")
_REMEMBERED = 10_000  # browsers that have told of a change
_HEADERS = 4_096  # Cookie headers that were read lately ...
_LONG = 4_096  # ... of at most so many bytes


class Site:
    """What all visits of one application share.

    *origin* is what people type, such as `https://example.org`; names and attributes of the
    cookies follow from it. *load_user* makes `current_user` and `require_role` work: it takes a
    user id and gives whatever the application's users are, or None if that user may no longer
    sign in. An object with `role` or `roles` can be asked for roles. *faults* are exceptions that
    mean 503, besides those of the session store. *issuer*: then access tokens in the Authorization
    header are taken as well as cookies, and a request that has one is answered by it alone.
    *methods*: how people can prove again who they are, such as `password`: for whom that is asked.
    *cookieless*: methods and paths at which cookies are not looked at, so that any page may ask there.
    *says*: methods and paths at which a refusal is said in another way than as problem details.
    *bearer_tokens*: then those of clients that know no refresh are taken in the Authorization header, too.
    *streams*: how many event streams there may be. *country_header*: in which trusted proxies say a country.
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
        issuer: Issuer | None = None,
        methods: Iterable[str] = (),
        cookieless: Iterable[tuple[str, str]] = (),
        says: Mapping[tuple[str, str], Says] | None = None,
        bearer_tokens: bool = False,
        streams: Streams | None = None,
        country_header: str | None = None,
    ) -> None:
        # Every request looks here: with 30 attributes CPython would look into a dictionary for each.
        self.sessions = sessions
        self.origin = origin.rstrip("/")
        self.load_user = load_user
        self.faults = (*sessions.faults, *faults)
        self.demo = demo
        self.issuer = issuer
        self.methods = list(methods)
        self.cookieless = frozenset(cookieless)
        self.says = dict(says or {})
        self.bearer_tokens = bearer_tokens
        self.carrier = Carrier.of(origin, development=development)
        self.binds = sessions.policy.binding != "off" or not sessions.standings.alike
        self.vary = _VARY_BY_BOTH if issuer or bearer_tokens else _VARY
        self.unkept = [_NO_STORE, self.vary]  # of an answer that says nothing about caches itself
        self.proxies = Proxies(trusted_proxies, country_header=country_header)
        tokens = issuer is not None or bearer_tokens
        # Than at browser, neighbour and cookies.
        self.looks_closer = self.proxies.configured or tokens or bool(self.cookieless)
        self.guards = self.carrier.secure  # browsers are to come by https
        self.caches_in_cookies = sessions.policy.cookie_cache is not None
        self.lately: dict[bytes | None, Cookies] = {}  # what `cookies_in` has read
        # To hand: every request asks.
        self.feed, self.snapshots, self.standings = sessions.feed, sessions.snapshots, sessions.standings
        self.alike = sessions.standings.alike
        self._told: OrderedDict[tuple[UUID, str], None] = OrderedDict()
        self.wakes = Wakes()
        self.reads_ahead = not sessions.snapshots.on and sessions.store.remote
        self.asking = Asking()
        self.streams = streams or Streams()
        sessions.feed.listen(self._heard)
        sessions.listen(self._happened)

    def cookies_in(self, header: bytes) -> Cookies:
        """Our cookies in the Cookie *header*.

        A browser sends the same header again and again, so what was read lately is not read again.
        """
        known = self.lately.get(header)
        if known is None:
            known = self.carrier.found(header)
            if known.session is not None and len(header) <= _LONG:
                known = _replaced(known, name=digest(known.session))
                if len(self.lately) >= _HEADERS:
                    self.lately.clear()
                self.lately[header] = known
        return known

    def ignores_cookies(self, method: str, path: str, root_path: str) -> bool:
        """Whether no cookie counts in such a request, whose path and prefix are as ASGI has them."""
        cookieless = self.cookieless
        return bool(cookieless) and (method, placed(path, root_path)[1]) in cookieless

    @contextmanager
    def telling_how(self) -> Iterator[None]:
        """Whoever is asked, in this block, for one more proof of who they are is told what will do."""
        try:
            yield
        except FreshnessRequired as refusal:
            if self.methods:
                refusal.facts["methods"] = self.methods
            raise

    def tell_once(self, session_id: UUID, agent: str) -> bool:
        """Whether this is the first time that *agent* or a network was seen in that session, here, lately."""
        slot = (session_id, agent[:512])
        first = slot not in self._told
        self._told[slot] = None
        self._told.move_to_end(slot)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return first

    def is_strict(self, session: Session) -> bool:
        """Whether a change of browser or network ends it: then each request is looked at."""
        return self.binds and self.sessions.policy.of(session).binding == "end"

    def was_told(self, session_id: UUID, what: str) -> bool:
        """Whether `tell_once` has said so of late."""
        return (session_id, what[:512]) in self._told

    def overhearing(self, user_id: str, wake: Wake) -> AbstractContextManager[None]:
        """Call *wake*, on whatever thread, if something may have happened to the sessions of a user.

        The log names no users, but the id of a session its user's bucket: one in some 4,000 others
        is taken for this one. That a session began is heard of in this process alone.
        """
        return self.wakes.waiting(bucket_of(user_id), wake)

    def _heard(self, entry: Entry) -> None:
        self.wakes.tell(entry.id, bucket_in(entry.id))

    def _happened(self, event: Event) -> None:
        if isinstance(event, Started) and event.user_id is not None:
            self.wakes.tell(bucket_of(event.user_id))

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the feed while the block lasts; see `AsyncSessions.following`."""
        import asyncio  # a site under WSGI does without

        try:
            asyncio.get_running_loop()
        except RuntimeError:  # another kind of loop: requests poll for themselves
            yield
            return
        async with self.sessions.following():
            yield
