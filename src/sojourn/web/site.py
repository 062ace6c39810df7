"""What all visits of one application share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from threading import Lock
from typing import Any
from uuid import UUID

from sojourn.errors import Refusal
from sojourn.issuer import Issuer
from sojourn.sessions import AsyncSessions
from sojourn.snapshot import digest
from sojourn.stores.protocol import Entry
from sojourn.web.carrier import Carrier, Cookies
from sojourn.web.proxy import Proxies
from sojourn.web.reply import Answer

__all__ = ["LoadUser", "Says", "Site", "Wake"]

LoadUser = Callable[[str], Awaitable[Any]]
Says = Callable[[Any, Refusal], Answer]  # of a visit
Wake = Callable[[], object]

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
    ) -> None:
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
        self.proxies = Proxies(trusted_proxies)
        self.caches_in_cookies = sessions.policy.cookie_cache is not None
        self._headers: dict[bytes, tuple[Cookies, bytes | None]] = {}
        self._told: OrderedDict[tuple[UUID, str], None] = OrderedDict()
        self._followers: dict[Any, _Followers] = {}
        self._lock = Lock()
        self._waiting: dict[UUID, list[Wake]] = {}
        sessions.feed.listen(self._heard)

    def cookies_in(self, header: bytes) -> tuple[Cookies, bytes | None]:
        """Our cookies in the Cookie *header*, and the digest of the session's token.

        A browser sends the same header again and again, so what was read lately is not read again.
        """
        known = self._headers.get(header)
        if known is None:
            cookies = self.carrier.found(header)
            known = cookies, None if cookies.session is None else digest(cookies.session)
            if known[1] is not None and len(header) <= _LONG:
                if len(self._headers) >= _HEADERS:
                    self._headers.clear()
                self._headers[header] = known
        return known

    def tell_once(self, session_id: UUID, agent: str) -> bool:
        """Whether this is the first time that *agent* was seen in that session, by this process, lately."""
        slot = (session_id, agent[:512])
        first = slot not in self._told
        self._told[slot] = None
        self._told.move_to_end(slot)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return first

    @contextmanager
    def waiting(self, id: UUID, wake: Wake) -> Iterator[None]:
        """Call *wake*, on whatever thread, if the session *id* ends while the block lasts."""
        with self._lock:
            self._waiting.setdefault(id, []).append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[id].remove(wake)
                if not self._waiting[id]:
                    del self._waiting[id]

    def _heard(self, entry: Entry) -> None:
        if entry.revoked_at is not None:
            with self._lock:
                wakes = [*self._waiting.get(entry.id, ())]
            for wake in wakes:
                wake()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the feed while the block lasts; blocks of one event loop that overlap share one follower."""
        import asyncio  # a site under WSGI does without

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another kind of loop: requests poll for themselves
            yield
            return
        followers = self._followers.setdefault(loop, _Followers())
        followers.blocks += 1
        try:
            if followers.blocks == 1:
                await followers.stack.enter_async_context(self.sessions.following())
            yield
        finally:
            followers.blocks -= 1
            if not followers.blocks:
                del self._followers[loop]
                await followers.stack.aclose()


class _Followers:
    def __init__(self) -> None:
        self.blocks = 0
        self.stack = AsyncExitStack()
