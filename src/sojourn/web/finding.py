"""How the session of a request is found: at hand, read ahead, from a snapshot, or by asking the store."""

from __future__ import annotations

from typing import Any, Self

from msgspec.structs import replace as _replaced

from sojourn.errors import SessionError
from sojourn.lifecycle import Standing, rotation_due
from sojourn.near import Kept
from sojourn.session import Session
from sojourn.snapshot import Partial, partial
from sojourn.web import bearer, bound
from sojourn.web.ahead import FRESH
from sojourn.web.away import StoreAway
from sojourn.web.carrier import Cookies
from sojourn.web.outgoing import Outgoing

__all__ = ["UNKNOWN", "Finding"]

UNKNOWN: Any = object()


class Finding(Outgoing):
    """The session of one request. It is found when somebody asks for it, and then once."""

    in_passing = False  # the client knows no refresh, and a bad Authorization header hides no cookie
    refusal: SessionError | None = None  # why the presented session may not be used
    _loaded = False
    _answered: Kept | Standing | None = None  # who asked the same way, and is not `at_hand`
    # What was read before anybody asked, upon which decision, and since when: until somebody asks.
    ahead: tuple[Standing, Session | None, float] | None = None
    away: Exception | None = None  # or the fault that came of it
    _user: Any = UNKNOWN

    def begun(self) -> Self:
        """This visit: see `Arrival.begun`."""
        return self

    def go_on_with(self, session: Session) -> None:
        """Have *session*, which a snapshot gave before this visit began."""
        self._presented, self._loaded, self._session = self.presented, True, session

    def cookie_alone(self) -> None:
        """Go on as if no Authorization header had come."""
        self._bearer, self._presented = None, None
        self._session, self._record, self._loaded, self.refusal = None, None, False, None
        self.check_csrf()

    async def session(self, *, sure: bool = False) -> Session | None:
        """The session, or None; `refusal` then says why, if one was presented.

        It may be a snapshot, which holds only the `data` that the policy names; so does the answer of
        the store then, or what works in one request would fail in the next. With *sure* it is all
        that the store says, as sensitive acts want it: of a snapshot that was used before, too.
        """
        return (None if sure else self.at_hand()) or await self.asked(sure=sure)

    def at_hand(self) -> Session | None:
        """The session, if it was found already or who asks the same way had it a moment ago.

        None: `asked` can tell. With snapshots most are answered before there is a visit: see `Arrival`.
        """
        came = self._presented
        if came is not None:
            ahead = self.ahead
            if ahead is not None:
                return self._read_ahead(came, ahead)
            if self._loaded:
                return self._session
        site, cookie, agent = self.site, None, None
        if site.looks_closer:
            if b"authorization" in self._raw or self._cookieless:
                return None
            cookie = self._raw.get(b"cookie")
        else:
            for name, value in self._sent:
                if name == b"cookie":
                    cookie = value if cookie is None else self._raw[name]
                elif name == b"user-agent":
                    agent = value if agent is None else self._raw[name]
        try:
            known, client = site.lately[cookie], self._asked["client"]
        except KeyError:
            return None
        found = known.answered
        if found is None:
            return None
        if found.came_from != (self.here if site.looks_closer else (agent, client and client[0])):
            return None
        if came is not None and came is not known:  # another one was handed over by now
            return None
        self._presented = known
        if found.good[0].live and site.feed.holds(found.good):  # a record read each time never is: no clock
            site.snapshots.hits += 1
            self._session, self._loaded = found.session, True
            return self._session
        self._answered = found
        return None

    async def asked(self, *, sure: bool = False) -> Session | None:
        """What `session` says, if there is none `at_hand`."""
        try:
            if sure and self.ahead is not None:  # this must be what the store says now
                self.note_unread()
            if self.away is not None:
                fault, self.away = self.away, None
                raise fault
            if not self._loaded:
                came, standing = self._presented, self._answered
                if standing.__class__ is Standing and came is not None and came.answered is standing:
                    if self.site.reads_ahead and not sure:
                        self.site.asking.learn(self._asked["path"])
                    known = await self.site.standings.again(standing)
                    if known is not None:
                        self._session, self._record, self._loaded = known, known, True
                        return known
                await self._find(sure)
                self._loaded = True
            elif sure and self._session is not None and isinstance(self._session.data, Partial):
                found = self._record or await self._load(sure)
                self._take(found, sure)
                if found is None:
                    self._user = None
        except self.site.faults as fault:  # as `watched` has it
            raise StoreAway(fault) from fault
        return self._session

    async def read_ahead(self) -> None:
        """Read the record that was decided about, if that stands unless the record differs: see `ahead`."""
        self.at_hand()
        standing, site = self._answered, self.site
        if standing.__class__ is not Standing or not standing.plain[0].live:
            return
        feed, places, store = site.feed, site.standings.places, site.sessions.store
        monotonic = feed.monotonic
        at = monotonic()
        if at >= feed.awake_until:
            return
        try:  # `Commits.read`, spelt out
            places.pop()
        except IndexError:
            return  # who asks is told
        try:
            self.ahead = standing, await store.get(standing.session.id), at
        except site.faults as fault:
            self.away = fault.with_traceback(None)
        finally:
            places.append(True)

    def note_unread(self) -> None:
        """What was read ahead was no use: next time nothing is, at this path."""
        self.ahead = None
        self.site.asking.discard(self._asked["path"])

    def _read_ahead(self, came: Cookies, ahead: tuple[Standing, Session | None, float]) -> Session | None:
        """What was read, if that was just now, is what was decided about, and nothing was learnt since."""
        (standing, found, at), site, feed = ahead, self.site, self.site.feed
        self.ahead = None
        edition, awake, until = standing.plain
        wall, monotonic = feed.wall, feed.monotonic
        now, ticks = wall(), monotonic()
        if found is not standing.session or now >= until or ticks >= awake:
            standing.end()
        elif (  # as `Commits.again` has it
            edition.live
            and feed.wall_since <= now < feed.wall_until
            and ticks < feed.awake_until
            and ticks <= at + FRESH
            and came.answered is standing  # nothing else was handed over
            and (site.alike or site.sessions.policy.of(standing.session) is standing.policy)
        ):
            self._loaded = True
            self._session = self._record = found
            return found
        return None

    def _take(self, found: Session | None, sure: bool) -> None:
        self._session = found
        if found is None or found.data.__class__ is Partial:  # `isinstance` asks an ABC, which takes long
            return
        self._record = found
        if not sure and self.site.sessions.snapshots.on:
            self._session = partial(found, self.site.sessions.policy)

    async def _find(self, sure: bool) -> None:
        """Have the session, if there is one that may be used."""
        sessions = self.site.sessions
        self._session = None if sure else self._recalled()
        if self._session is None:
            found = await self._load(sure)
            if sessions.snapshots.on:
                self._take(found, sure)
            else:
                self._session = self._record = found

    def _recalled(self) -> Session | None:
        """The session from a snapshot, without waiting for anything; None: `_load` can tell."""
        site, snapshots = self.site, self.site.sessions.snapshots
        if not snapshots.on:
            return None
        came = self.presented
        if came.session is None:
            return None if self.bearer is None else bearer.recalled(self)
        cached = came.cache if site.caches_in_cookies else None
        kept = snapshots.recall(came.session, cached, name=came.name, passive=self.passive)
        if kept is None or not self._as_before(kept):
            return None
        if not site.caches_in_cookies or came.cache is not None:  # or else it may be given one
            came.answered = kept
        else:
            self._more = True
        return kept.session

    def _as_before(self, found: Kept | Standing) -> bool:
        """Whether there is nothing to notice about where *found* is used; if not, that is remembered."""
        here = self.here
        if found.came_from != here:
            if not bound.as_before(self, found.session):
                return False
            if not self.passive:
                found.came_from = here
        return True

    async def _load(self, sure: bool) -> Session | None:
        came, site = self.presented, self.site
        if site.caches_in_cookies:
            self._more = True
        if came.session is None and self.bearer is not None:
            borne = await bearer.loaded(self, sure)
            if borne is not None or not self.in_passing:
                return borne
            self.cookie_alone()
            came = self.presented
        token = came.session
        if token is None:
            return None
        sessions, passive = site.sessions, self.passive
        in_passing = self.in_passing or (not passive and self.navigates)
        passive = passive or (site.carrier.secure and self.scheme != "https")  # see `private`
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
        if not bound.as_before(self, session):
            return await bound.noted(self, session, token)
        standing = sessions.standings.of(token)
        if standing is not None and self._as_before(standing):
            came.answered = standing
        return session


def _used(changed: Session, session: Session) -> Session:
    """*changed* as it was written, with the use of *session* that is not written yet."""
    return _replaced(
        changed,
        seen_at=max(changed.seen_at, session.seen_at),
        expires_at=max(changed.expires_at, session.expires_at),
    )
