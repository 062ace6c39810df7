"""Another service that accepts our sessions: decided here, as long as the feed of the server is current."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Literal, cast

from sojourn.access import LEEWAY, LONGEST, Claims, verified
from sojourn.client.credential import Credential, credential_of
from sojourn.client.errors import ClientError
from sojourn.client.faces import AsyncClient, Client
from sojourn.client.following import Reader, following
from sojourn.client.jwks import KeySet
from sojourn.client.log import RemoteLog
from sojourn.client.seams import forget_after_fork, run
from sojourn.client.snapshots import Near, RemoteSession, of_claims, of_introspection
from sojourn.client.tokens import AsyncTokenVerbs
from sojourn.client.wire import Wire
from sojourn.clock import Clock, StoreClock
from sojourn.errors import FreshnessRequired, SessionError, SessionRevoked, SettingsError, TokenInvalid
from sojourn.feed import Feed
from sojourn.stores.protocol import Store

__all__ = ["BlockingRemote", "Remote", "RemoteSession", "WhenAway"]

WhenAway = Literal["refuse", "go_on"]


class Remote:
    """Says whose request it is, mostly without asking the server.

    An access token is verified here; of a cookie the server is asked once, and again after
    *cache_for*. Either is believed only while the server's log of revocations is known up to
    *max_staleness* ago, so a revoked session is refused here that soon. Where the log is not
    current the server is asked each time. While it is away: a `ClientError` (answer 503), or
    with ``when_away="go_on"`` what was known last, until it is stale; then nobody vouches for the bound.

    *audience*: who the access tokens must be for; by default the application of the client. Within
    *keys_every* the server's keys are fetched at most once, whatever tokens come.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        audience: str | None = None,
        max_staleness: timedelta = timedelta(seconds=1),
        poll_every: timedelta = timedelta(milliseconds=250),
        cache_for: timedelta = timedelta(minutes=5),
        fresh_for: timedelta = timedelta(minutes=5),
        when_away: WhenAway = "refuse",
        near_cache: int = 10_000,
        keys_every: timedelta = timedelta(seconds=30),
        clock: Clock | None = None,
    ) -> None:
        wire = client.wire
        _check(wire, max_staleness, poll_every)
        self.origin, self.carrier = wire.origin, wire.carrier
        self.clock: Clock = clock or StoreClock()
        self.fresh_for = fresh_for
        self.poll_every = poll_every
        self._audience = audience or cast(Any, wire.application).id
        self._verbs = AsyncTokenVerbs(wire)
        self._keys = KeySet(wire, every=keys_every)
        self._withdrawn = 0
        self._near = Near(near_cache)
        self._cache_for, self._when_away = cache_for, when_away
        self.log = RemoteLog(self._verbs)
        self.feed = Feed(
            cast(Store, self.log),
            clock=self.clock,
            max_staleness=max_staleness,
            poll_every=poll_every,
            keep=max(LONGEST + LEEWAY, cache_for),
            monotonic=wire.monotonic,
        )
        self.reader = Reader(self.feed, self.log.faults)
        self.followed = False  # by `following`; where nobody follows, requests poll
        forget_after_fork(self)

    def forget(self) -> None:
        """Trust nothing that was followed: a forked child begins anew."""
        self.followed = False
        self.feed.forget()
        self._near.forget()

    # ── who ──────────────────────────────────────────────────────────────────────────────────

    async def require(self, who: Any, *, sure: bool = False) -> RemoteSession:
        """The session of *who*, or the refusal that fits. With *sure* the server is asked in any case."""
        credential = credential_of(who, self.carrier)
        await self._poll()
        known = await self._known(credential)
        if known is not None:
            self._refuse_ended(known)
            if not sure and self._trusted(known):
                return known
        try:
            return await self._asked(credential)
        except ClientError:
            if known is None or sure or self._when_away != "go_on" or not self._lasts(known):
                raise
            return known

    async def session_of(self, who: Any) -> RemoteSession | None:
        """The session of *who*, or None. A fault is raised: nobody is signed out by it."""
        try:
            return await self.require(who)
        except SessionError:
            return None

    async def require_fresh(
        self, who: Any, max_age: timedelta | None = None, *, aal: int = 0
    ) -> RemoteSession:
        """The session of *who*, authenticated within *max_age* (`fresh_for`); the server is asked.

        Else `FreshnessRequired`, which the middlewares answer with the challenge of RFC 9470.
        """
        session = await self.require(who, sure=True)
        limit, at = max_age or self.fresh_for, session.authenticated_at
        if at is None or self.clock() - at > limit or session.aal < aal:
            raise FreshnessRequired(limit, aal=aal)
        return session

    async def machine(self, who: Any) -> Claims:
        """What the machine token of any application says. A session's is refused.

        It is for every service of the server: what its bearer may do, `client_id` and `scope` tell.
        """
        credential = credential_of(who, self.carrier)
        if credential.kind != "access":
            raise TokenInvalid
        await self._renew_keys()
        claims = await self._verified(credential.token, self.origin)
        if claims.sid is not None:
            raise TokenInvalid
        return claims

    def following(self) -> AbstractAsyncContextManager[None]:
        """Keep the log known while the block lasts: the middleware does while the application serves."""
        return following(self)

    # ── decided here ─────────────────────────────────────────────────────────────────────────

    async def _known(self, credential: Credential) -> RemoteSession | None:
        """What is known here of the token, believed or not."""
        await self._renew_keys()
        known = self._near.get(credential.token)
        now = self.clock()
        if credential.kind == "session" or (known is not None and now < known.stale_at):
            return known
        claims = await self._verified(credential.token, self._audience)
        session = of_claims(claims, now, LEEWAY)
        if session is None:  # a machine has no session
            raise TokenInvalid
        if claims.exp - claims.iat > LONGEST.total_seconds():
            return None  # the feed does not look back as far
        self._near.put(credential.token, session)
        return session

    async def _renew_keys(self) -> None:
        await self._keys.renew()
        if self._keys.withdrawn != self._withdrawn:  # what it had signed must not be believed any longer
            self._withdrawn = self._keys.withdrawn
            self._near.forget()

    async def _verified(self, token: str, audience: str) -> Claims:
        missing: list[tuple[str, str]] = []

        def find(kid: str, algorithm: str) -> Any:
            found = self._keys.find(kid, algorithm)
            if found is None:
                missing.append((kid, algorithm))
            return found

        now = self.clock()
        try:
            return verified(token, find, now, issuer=self.origin, audience=audience)
        except TokenInvalid:
            if not missing or not await self._keys.look_for(*missing[0]):
                raise
        return verified(token, self._keys.find, now, issuer=self.origin, audience=audience)

    def _trusted(self, session: RemoteSession) -> bool:
        now = self.clock()
        return session.made_at <= now < session.stale_at and self.feed.trusts(
            session.id.int, session.version, session.made_at, now
        )

    def _lasts(self, session: RemoteSession) -> bool:
        """Whether it would be believed if the feed were current."""
        start = self.feed.trusted_from
        return (
            session.made_at <= self.clock() < session.stale_at
            and not self.feed.voids(session.id, session.version)
            and (start is None or session.made_at >= start)
        )

    def _refuse_ended(self, session: RemoteSession) -> None:
        """An ending is final: whoever has seen it need not ask, nor have a current feed."""
        line = self.feed.line(session.id)
        if line is not None and line.revoked_at is not None:
            raise SessionRevoked(session.id, line.reason)

    # ── asked ────────────────────────────────────────────────────────────────────────────────

    async def _asked(self, credential: Credential) -> RemoteSession:
        asked_at = self.clock()
        said = await self._verbs.introspect(credential.token)
        session = of_introspection(said, asked_at, self._cache_for) if said.active else None
        if session is None:
            self._near.drop(credential.token)
            raise TokenInvalid
        self._near.put(credential.token, session)
        return session

    async def _poll(self) -> None:
        """Where nobody follows, a request does, as often as a follower would."""
        if not self.followed and self.feed.due(self.clock()):
            await self.reader.read()  # if it fails, the server is asked, which may say more


class BlockingRemote:
    """`Remote` for Django, Flask and every WSGI application; requests themselves poll the log."""

    def __init__(self, client: Client, **rules: Any) -> None:
        """*rules*: the keywords of `Remote`."""
        self._remote = Remote(cast(AsyncClient, client), **rules)
        self.origin, self.carrier = self._remote.origin, self._remote.carrier
        self.feed = self._remote.feed

    def require(self, who: Any, *, sure: bool = False) -> RemoteSession:
        return run(self._remote.require(who, sure=sure))

    def session_of(self, who: Any) -> RemoteSession | None:
        return run(self._remote.session_of(who))

    def require_fresh(self, who: Any, max_age: timedelta | None = None, *, aal: int = 0) -> RemoteSession:
        return run(self._remote.require_fresh(who, max_age, aal=aal))

    def machine(self, who: Any) -> Claims:
        return run(self._remote.machine(who))


def _check(wire: Wire, max_staleness: timedelta, poll_every: timedelta) -> None:
    if wire.application is None or wire.application.secret is None:
        raise SettingsError(
            "a service that accepts sessions is an application that the server knows; "
            "give connect() application=... and secret=..., as `sojourn applications create` printed them"
        )
    if not timedelta(0) < 2 * poll_every <= max_staleness:
        raise SettingsError(
            "max_staleness must be at least twice poll_every, or one late poll makes every request ask the "
            "server; raise max_staleness or lower poll_every"
        )
