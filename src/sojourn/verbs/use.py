"""Whether what was presented may use a session now, from a snapshot or by the store's word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from sojourn import lifecycle
from sojourn.errors import SessionChanged, TokenInvalid
from sojourn.lifecycle import Outcome
from sojourn.session import Seen, Session
from sojourn.snapshot import Partial
from sojourn.snapshots import as_borne
from sojourn.token import derive
from sojourn.verbs.base import Validated, parsed
from sojourn.verbs.change import ChangeVerbs

if TYPE_CHECKING:
    from sojourn.access import Claims
    from sojourn.near import Kept

__all__ = ["UseVerbs"]

_NOT_AT_ALL = timedelta(0)


class UseVerbs(ChangeVerbs):
    """To use a session."""

    async def validate(
        self,
        token: str,
        *,
        passive: bool = False,
        rotating: bool = True,
        cached: str | None = None,
        sure: bool = False,
        idle: timedelta = _NOT_AT_ALL,
    ) -> Validated:
        """The session that *token* may use now; records the use, at most once per `touch_every`.

        Answered from a snapshot where one may be trusted, perhaps from the cookie cache *cached*; with
        *sure* the store is asked in any case, as sensitive acts want it. *idle*: the person was active
        that long ago, says a client that reports it.
        """
        if self.snapshots.on and not sure:
            kept = self.snapshots.recall(token, cached, passive=passive)
            if kept is None and self._poll_is_due(token, cached):
                kept = await self._polled(token, cached, passive)
            if kept is not None:
                return Validated(kept.session)
            self.snapshots.misses += 1
        standing = self.standings.of(token)
        try:
            if standing is not None:
                known = await self.standings.again(standing)
                if known is not None:
                    return Validated(known)
            return await self._validated(token, passive, rotating, idle)
        except self.faults:
            known = self._in_need(token, cached, passive, sure)
            if known is None:
                raise
            return Validated(known)

    async def admit(
        self,
        text: str,
        claims: Claims,
        *,
        passive: bool = False,
        sure: bool = False,
        idle: timedelta = _NOT_AT_ALL,
    ) -> Session:
        """The session that the access token *text* may use now, which says *claims*; else as `validate`.

        To us too it is a snapshot: what it says is believed as far as the feed lets it be.
        """
        if claims.sid is None:
            raise TokenInvalid
        decide = partial(
            lifecycle.admit,
            user_id=claims.sub,
            version=claims.ver,
            generation=claims.gen,
            passive=passive,
            idle=idle,
        )
        return await self._borne(text, claims.sid, decide, passive, sure)

    async def borne(
        self, text: str, *, passive: bool = False, sure: bool = False, idle: timedelta = _NOT_AT_ALL
    ) -> Session:
        """The session that the bearer token *text* may use now; else as `validate`.

        Whoever bears it knows no refresh, so it stays as it is until the session is renewed or ends.
        """
        token = parsed(text, self.keys, "bearer")
        decide = partial(lifecycle.bear, token=token, keys=self.keys, passive=passive, idle=idle)
        return await self._borne(text, token.session_id, decide, passive, sure)

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    async def _borne(
        self, text: str, id: UUID, decide: Callable[..., Outcome], passive: bool, sure: bool
    ) -> Session:
        name = as_borne(text)
        if self.snapshots.on and not sure:
            kept = self.snapshots.recall(name, passive=passive)
            if kept is None and self._poll_is_due(name, None):
                kept = await self._polled(name, None, passive)
            if kept is not None:
                return kept.session
            self.snapshots.misses += 1
        try:
            return await self._admitted(name, id, decide)
        except self.faults:
            known = self._in_need(name, None, passive, sure)
            if known is None:
                raise
            return known

    async def _admitted(self, name: str, id: UUID, decide: Callable[..., Outcome]) -> Session:
        outcome, asked_at = await self._commits.change(id, decide, telling=True)
        if outcome.seen is not None:
            await self._record(outcome.session, outcome.seen)
        session = await self.customised(outcome.session)
        self.snapshots.remember(name, session, asked_at)
        return session

    async def _validated(self, text: str, passive: bool, rotating: bool, idle: timedelta) -> Validated:
        token, keys = parsed(text, self.keys, "session"), self.keys
        decide = partial(
            lifecycle.validate, token=token, keys=keys, passive=passive, rotating=rotating, idle=idle
        )
        outcome, asked_at = await self._commits.change(token.session_id, decide, telling=True)
        session = outcome.session
        if outcome.seen is not None:
            await self._record(session, outcome.seen)
        if outcome.renew:
            return await self._renew_in_passing(session)
        if not (passive or self.snapshots.on or self.custom):
            self.standings.remember(text, token, outcome)
        if self.custom is not None:
            session = await self.customised(session)
        if outcome.reissue:
            return Validated(session, derive(session, self.keys))
        if self.snapshots.on:
            # A token that is to be replaced by the next answer that can carry a new one is left to the store.
            current = (token.generation, token.key_id) == (session.generation, session.key_id)
            if current and not keys.retired(session.key_id):
                self.snapshots.remember(text, session, asked_at)
        return Validated(session)

    async def _record(self, session: Session, seen: Seen) -> None:
        if session.parent_id is not None:  # whoever uses it is the user of its parent, who is not idle
            parent = await self.store.get(session.parent_id)
            if parent is not None:
                also, _ = lifecycle.used(parent, self.policy, seen.seen_at)
                await self.activity.record(parent.id, also)
        await self.activity.record(session.id, seen)

    async def customised(self, session: Session) -> Session:
        """*session* with the fields of `custom` in its data, if there are any to add."""
        if self.custom is None or session.user_id is None or isinstance(session.data, Partial):
            return session
        return await self.custom.added(session)

    async def _renew_in_passing(self, session: Session) -> Validated:
        try:
            issued = await self.renew(session.id, generation=session.generation)
        except SessionChanged:
            # A request that came at the same moment renews it, and hands the new token to the browser.
            return Validated(session)
        return Validated(issued.session, issued.token)

    def _poll_is_due(self, token: str, cached: str | None) -> bool:
        """Whether there is a snapshot to be trusted, and nobody has polled the feed of late."""
        return self.snapshots.known(token, cached) and self.feed.due(self.clock())

    async def _polled(self, token: str, cached: str | None, passive: bool) -> Kept | None:
        """What a snapshot says once the feed was polled."""
        polled = await self._commits.try_poll()
        return self.snapshots.recall(token, cached, passive=passive) if polled else None

    def _in_need(self, token: str, cached: str | None, passive: bool, sure: bool) -> Session | None:
        """What a snapshot says while the store is away, if `when_away` has it so."""
        going_on = self.policy.when_away == "go_on" and not sure
        return self.snapshots.in_need(token, cached, passive=passive) if going_on else None
