"""Which snapshot may be used now: the near cache and the cookie cache, as far as the feed is current."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from sojourn import lifecycle, snapshot
from sojourn.activity import Activity
from sojourn.clock import Clock
from sojourn.feed import Feed
from sojourn.near import Kept, NearCache
from sojourn.policy import Policy
from sojourn.session import Session
from sojourn.snapshot import MARGIN, Bound, Snapshot, digest
from sojourn.token import Keys

__all__ = ["Snapshots", "as_borne"]

_COOKIES = 2_048  # cookie caches that were opened lately
_NOBODY = None, None


def as_borne(text: str) -> str:
    """How the snapshot of *text* in an Authorization header is called: as a cookie it must find nothing."""
    return f"Bearer {text}"


class Snapshots:
    """Sessions that need no question to the store.

    A snapshot is used while the feed is current and does not void it, while its own time lasts, and
    while the policy lets the session live. What it does not say yes to, the store is asked.
    """

    def __init__(
        self,
        feed: Feed,
        activity: Activity,
        *,
        policy: Policy,
        keys: Keys,
        clock: Clock,
        limit: int = 100_000,
    ) -> None:
        self.feed, self.activity = feed, activity
        self.policy, self.keys, self.clock = policy, keys, clock
        self.near = NearCache(policy, limit=limit)
        self.on = bool(policy.longest_snapshot)
        self.hits = self.misses = 0  # of questions after a session; plain numbers, for who measures
        self._world = "", snapshot.world("", policy.cached_data)  # of which epoch
        self._cookies: dict[bytes, tuple[str, str, Kept]] = {}  # opened lately, by the digest of the token
        # Of these, with their text, who answers because the near cache cannot.
        self._alone: dict[bytes, tuple[str, Kept]] = {}

    def recall(
        self, token: str, sealed: str | None = None, *, name: bytes | None = None, passive: bool = False
    ) -> Kept | None:
        """The snapshot of the session of *token*, without asking the store; None: ask it.

        *sealed*: the cookie cache that came with the token. *name*: the digest of the token, if it is
        to hand. Never waits; records the use. Every request comes through here.
        """
        name = name or digest(token)
        kept = self.near.ready.get(name)
        if sealed is not None:
            text, shown = self._alone.get(name, _NOBODY)
            if text == sealed:
                kept = shown
        if kept is not None and self.stands(kept):
            return kept
        return self._found(name, sealed, passive)

    def stands(self, kept: Kept) -> bool:
        """Whether *kept* is what `recall` would give, which gave it before; then this was a question, too."""
        holds = self.feed.holds(kept.good)
        if holds:
            self.hits += 1
        return holds

    def _found(self, name: bytes, sealed: str | None, passive: bool) -> Kept | None:
        """The same, of what was not found good just now."""
        now, kept = self.clock(), self.near.get(name)
        if kept is None or not self._good(kept, now):
            if sealed is None or not self.feed.current(now):
                return None
            kept = self._shown(name, sealed, now, kept)
            if kept is None:
                return None
        if now < kept.touch_at or passive:
            self.hits += 1
            return kept
        return self._used(name, kept, now)

    def _good(self, kept: Kept, now: datetime) -> bool:
        """Whether *kept* may be used; until something is due, that is remembered."""
        feed, made_at = self.feed, kept.made_at
        edition = feed.editions[kept.part]  # before it is asked: what others learn meanwhile voids it
        if not (made_at <= now < kept.stale_at and feed.trusts(kept.number, kept.version, made_at, now)):
            return False
        until, touch_at = kept.stale_at, kept.touch_at
        kept.good = feed.good(edition, until if until < touch_at else touch_at)
        if kept.gone:
            kept.leave()
        return True

    def known(self, token: str, sealed: str | None) -> bool:
        """Whether there is a snapshot at all, good or not."""
        return self.on and (sealed is not None or self.near.get(digest(token)) is not None)

    def in_need(self, token: str, sealed: str | None, *, passive: bool = False) -> Session | None:
        """The same while the store is away, seen or unseen: for the policy that goes on."""
        now, life = self.clock(), self.policy.longest_snapshot
        name = digest(token)
        kept = self.near.get(name)
        if kept is None or not self._lasts(kept, now, life):
            kept = self._opened(name, sealed, now)
            if kept is None or not self._lasts(kept, now, life):
                return None
        if now < kept.touch_at or passive:
            return kept.session
        seen, session = lifecycle.used(kept.session, self.policy, now)
        self.activity.note(session.id, seen)  # waits until the store is back
        return session

    def remember(self, token: str, session: Session, asked_at: datetime) -> None:
        """Keep what the store said of the session of *token*, as old as the question.

        Not of one that ends with another: the feed tells of each, not of both.
        """
        if self.on and not session.renew_due and session.parent_id is None:
            stale_at = self._stale_at(session, asked_at, self.policy.cache_for)
            self._keep(digest(token), snapshot.of(session, self.policy, asked_at, stale_at))

    def drop(self, token: str) -> None:
        """Forget the snapshot made for *token*, which has a successor."""
        if self.on:
            name = digest(token)
            self.near.drop(name)
            self._cookies.pop(name, None)
            self._replaced(name)

    def seal(self, token: str) -> str | None:
        """The value of a cookie cache for *token*; None without a snapshot young enough to be worth it."""
        life = self.policy.cookie_cache
        if life is None:
            return None
        name, now = digest(token), self.clock()
        kept = self.near.get(name)
        if kept is None or now - kept.made_at >= life / 2 or not self._lasts(kept, now, life):
            return None
        if not self.feed.current(now):  # perhaps it has ended, and perhaps our clock is wrong
            return None
        made = Snapshot(kept.session, kept.made_at, self._stale_at(kept.session, kept.made_at, life))
        form = self.policy.cookie_cache_form
        return snapshot.sealed(made, self._bound(name), self.keys, form=form, nonce=os.urandom(12))

    def holds(self, token: str, sealed: str) -> bool:
        """Whether *sealed* is a cookie cache of *token* that may still be used."""
        now = self.clock()
        opened = self._opened(digest(token), sealed, now)
        return opened is not None and self._lasts(opened, now, self.policy.longest_snapshot)

    def forget(self) -> None:
        """A forked child begins anew."""
        self.near.clear()
        self.forget_cookies()
        self.feed.forget()
        self.activity.forget()

    def forget_cookies(self) -> None:
        """Open each cookie cache again when it comes."""
        for _, kept in self._alone.values():
            kept.leave()
        self._alone.clear()
        self._cookies.clear()

    # ── whether ──────────────────────────────────────────────────────────────────────────────

    def _lasts(self, kept: Kept, now: datetime, life: timedelta) -> bool:
        """Whether *kept* may be used for *life*, whatever is due meanwhile."""
        ends = min(kept.made_at + life, lifecycle.end(kept.session, self.policy))
        return kept.made_at <= now < ends and self._unvoided(kept)

    def _unvoided(self, kept: Kept) -> bool:
        feed = self.feed
        if feed.voids(kept.id, kept.version):
            return False
        return feed.trusted_from is None or kept.made_at >= feed.trusted_from

    # ── from where ───────────────────────────────────────────────────────────────────────────

    def _stale_at(self, session: Session, made_at: datetime, life: timedelta) -> datetime:
        """When the store must be asked: it is too old, the session ends, or its token is to be rotated."""
        stale_at, ends = made_at + life, lifecycle.end(session, self.policy)
        if ends < stale_at:  # `min` takes three times as long, and every snapshot comes through here
            stale_at = ends
        every = self.policy.of(session).rotate_every
        if every is None:
            return stale_at
        return min(stale_at, (session.rotated_at or session.created_at) + every)

    def _bound(self, name: bytes) -> Bound:
        epoch = self.feed.epoch
        if self._world[0] != epoch:
            self._world = epoch, snapshot.world(epoch, self.policy.cached_data)
        return Bound(name, self._world[1])

    def _opened(self, name: bytes, sealed: str | None, now: datetime) -> Kept | None:
        """What a process sealed, this one or another, whose clock may be ahead of ours by the margin."""
        if sealed is None or self.policy.cookie_cache is None:
            return None
        found = snapshot.opened(sealed, self._bound(name), self.keys, self.policy, now)
        trusted_from = self.feed.trusted_from
        if found is None or (trusted_from is not None and found.made_at - MARGIN < trusted_from):
            return None
        if found.made_at > now:
            found = Snapshot(found.session, now, found.stale_at)
        return Kept(found, self.policy.of(found.session).touch_every)

    def _shown(self, name: bytes, sealed: str, now: datetime, known: Kept | None) -> Kept | None:
        """What the cookie cache *sealed* says; one that was opened lately is not opened again."""
        lately = self._cookies.get(name)
        if lately is not None and lately[:2] == (sealed, self.feed.epoch):
            lately[2].gone = False
            if self._good(lately[2], now):
                self._alone[name] = sealed, lately[2]
                return lately[2]
        opened = self._opened(name, sealed, now)
        if opened is None or not self._unvoided(opened):
            return None
        if known is not None and known.version == opened.version and known.touch_at > opened.touch_at:
            opened.session, opened.touch_at = known.session, known.touch_at  # the same, and seen later
        life = self.policy.cookie_cache or self.policy.cache_for
        opened.stale_at = min(opened.stale_at, self._stale_at(opened.session, opened.made_at, life))
        if now >= opened.stale_at:
            return None
        if len(self._cookies) >= _COOKIES:
            self.forget_cookies()
        self._cookies[name] = sealed, self.feed.epoch, opened
        stale_at = min(opened.stale_at, opened.made_at + self.policy.cache_for)
        if now < stale_at:  # there is more room in the near cache
            self._keep(name, Snapshot(opened.session, opened.made_at, stale_at))
        return opened

    def _keep(self, name: bytes, made: Snapshot) -> Kept:
        """Have the near cache answer for *name*."""
        self._replaced(name)
        return self.near.put(name, made)

    def _replaced(self, name: bytes) -> None:
        """No cookie cache answers alone for *name* any more."""
        if name in self._alone:
            self._alone.pop(name)[1].leave()

    def _used(self, name: bytes, kept: Kept, now: datetime) -> Kept | None:
        """Record the use with the next flush; without one the store is asked, which records it too."""
        touch_every = self.policy.of(kept.session).touch_every
        if not self.activity.waits or not touch_every:
            return None
        self.hits += 1
        seen, session = lifecycle.used(kept.session, self.policy, now)
        self.activity.follows(kept.session, seen)
        self.activity.note(session.id, seen)
        stale_at = self._stale_at(session, kept.made_at, self.policy.cache_for)
        kept.use(session, touch_every)
        if self.near.used(name, kept, stale_at):
            self._replaced(name)
            used = kept
        else:  # also if it is stale, and good for nothing else: it says when the next use is to be recorded
            used = self._keep(name, Snapshot(session, kept.made_at, stale_at))
            used.came_from = kept.came_from
        self._good(used, now)  # until the next
        return used
