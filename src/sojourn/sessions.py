"""The verbs of sessions, each from load to event; `Sessions`, in `blocking`, has the same ones."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from sojourn import lifecycle
from sojourn.activity import Activity
from sojourn.addresses import Addresses, cut
from sojourn.clock import Clock, StoreClock, utc_now
from sojourn.commit import Commits
from sojourn.errors import (
    SessionChanged,
    SessionExpired,
    SessionNotFound,
    SessionRevoked,
    TokenInvalid,
    TooManySessions,
)
from sojourn.events import Event, Impersonated, Refreshed, Revoked, Started, Verdict
from sojourn.feed import Feed
from sojourn.lifecycle import Here, Outcome
from sojourn.own import OwnVerbs
from sojourn.policy import AtCap, Policy
from sojourn.session import Device, Discreet, Place, Reason, Seen, Session, began, new_id, new_salt
from sojourn.snapshot import Partial
from sojourn.snapshots import Snapshots, as_borne
from sojourn.stores.protocol import Action, Cap, CapRule, Query, Store, StoreBusy
from sojourn.token import Keys, Kind, Token, derive, genuine, parse

if TYPE_CHECKING:
    from sojourn.access import Claims
    from sojourn.custom import Custom, CustomSession
    from sojourn.place import Places

__all__ = ["ANYBODY", "Anybody", "AsyncSessions", "Issued", "Validated", "utc_now"]

T = TypeVar("T")
Rows = list[Session]  # both faces have a verb named `list`

_log = logging.getLogger("sojourn")
_NOT_AT_ALL = timedelta(0)
_BATCH = 1000  # rows that one statement may end
_ENDED = (SessionExpired, SessionRevoked, SessionNotFound)


class Anybody(Enum):
    """The owner in an administrator's word: whoever it is. A word of its own, because None is a visitor."""

    ANYBODY = "anybody"


ANYBODY = Anybody.ANYBODY


class Issued(Discreet, frozen=True):
    """A session with the token that its bearer is to have from now on; `verdict`: on what was refreshed."""

    session: Session
    token: str
    verdict: Verdict | None = None

    def __repr__(self) -> str:
        return f"<Issued {self.session!r}>"


class Validated(Discreet, frozen=True):
    """A session that may be used; `token`, if given, is to replace the one that was presented."""

    session: Session
    token: str | None = None

    def __repr__(self) -> str:
        return f"<Validated {self.session!r}>"


class AsyncSessions(OwnVerbs):
    """Sessions over a store, under a policy. One instance serves a whole application.

    Every verb raises a `SessionError` for an expected "no" and lets the driver's exceptions pass
    (`faults`): a fault is not a sign-out.

    Without a *clock* it runs with the store's. *most_reads*: how many requests may wait for the
    store at once; the others get `StoreBusy`, which is answered 503, so that a store that was away
    is not trampled down when it comes back. *custom* adds fields to what clients see of a session:
    called with it, without its salt, at most once for each version and life of a snapshot. *places*
    tells where an address is thought to be, of sessions that are started without a place.
    """

    def __init__(
        self,
        store: Store,
        *,
        keys: Keys,
        policy: Policy | None = None,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
        near_cache: int = 100_000,
        most_reads: int = 1_000,
        custom: CustomSession | None = None,
        places: Places | None = None,
    ) -> None:
        self.store = store
        self.faults: tuple[type[Exception], ...] = (*store.faults, StoreBusy)
        self.keys = keys
        self.policy = policy or Policy()
        self.clock: Clock = clock or StoreClock()
        self.places = places
        self._addresses = Addresses(self.policy.addresses, keys)
        self.custom: Custom | None = None
        if custom is not None:
            from sojourn.custom import KEY, Custom

            self.policy = self.policy.changed(cached_data=(*self.policy.cached_data, KEY))
            self.custom = Custom(custom, self.policy, self.clock)
        self.feed = Feed(
            store,
            clock=self.clock,
            max_staleness=self.policy.max_staleness,
            poll_every=self.policy.poll_every,
            keep=self.policy.longest_snapshot,
        )
        self.activity = Activity(store, self.clock, policy=self.policy)
        self.snapshots = Snapshots(
            self.feed,
            self.activity,
            policy=self.policy,
            keys=keys,
            clock=self.clock,
            limit=near_cache,
        )
        self._commits = Commits(
            store,
            self.feed,
            policy=self.policy,
            clock=self.clock,
            emit=self.emit,
            used=self.activity.follows,
            most_reads=most_reads,
            cached=self.snapshots.on,
        )
        self._listeners = [on_event] if on_event else []
        self.forget()
        _forget_after_fork(self)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call *listener* with every event from now on. What it raises is logged and goes no further."""
        self._listeners.append(listener)

    def place_of(self, ip: str | None) -> Place | None:
        """Where *ip* is thought to be; None: nobody knows."""
        return None if self.places is None else self.places.place_of(ip)

    def kept(self, ip: str | None, since: datetime | None = None) -> str | None:
        """*ip* as the policy lets it be stored, in a session that began at *since* or now."""
        ip, longest = self._addresses.of(ip), self.policy.keep_addresses
        if since is not None and longest is not None and self.clock() - since >= longest:
            return cut(ip)
        return ip

    def forget(self) -> None:
        """Trust nothing that was followed, write nothing that waits: a forked child begins anew."""
        self._commits.forget()
        self.snapshots.forget()
        if self.custom is not None:
            self.custom.forget()

    # ── begin ────────────────────────────────────────────────────────────────────────────────

    async def start(
        self,
        user_id: str | None,
        *,
        device: Device | None = None,
        place: Place | None = None,
        ip: str | None = None,
        amr: Iterable[str] = (),
        aal: int = 1,
        remember: bool = False,
        application_id: str | None = None,
        tenant_id: str | None = None,
        profile: str | None = None,
        authenticated_at: datetime | None = None,
        idle_timeout: timedelta | None = None,
        data: Mapping[str, Any] | None = None,
        replacing: Session | None = None,
        bearer: bool = False,
    ) -> Issued:
        """Begin a session, after the application has proved who *user_id* is; None for a visitor.

        *profile* names the rules that hold for it beside those of its application and tenant.
        *authenticated_at*: when that was, if not now. *idle_timeout*: the user's own, in whole seconds.
        *bearer*: its token is one that refreshes, and opens nothing; what opens is an access token.

        *replacing* is the session that this browser presented. Of the same user in the same
        application and tenant, who has proved it now, it is renewed: its id and its absolute end
        stay, and *data* is a patch. A visitor's hands its data on. Any other is revoked.
        """
        place = place or self.place_of(ip)
        # One that goes on becomes fresh, which a proof of some time ago is not.
        if (
            replacing is not None
            and authenticated_at is None
            and _continues(replacing, user_id, application_id, tenant_id)
        ):
            try:
                return await self._sign_in_again(
                    replacing,
                    data,
                    amr=tuple(amr),
                    aal=aal,
                    remember=remember,
                    device=device,
                    place=place,
                    ip=self.kept(ip, replacing.created_at),
                )
            except _ENDED:
                replacing = None
        if replacing is not None:
            replacing = await self._whole_or_none(replacing)
        await self._commits.tell_time()
        now = self.clock()
        carried = dict(replacing.data) if replacing is not None and replacing.user_id is None else {}
        session = lifecycle.start(
            self.policy,
            now,
            id=new_id(now, user_id),
            salt=new_salt(),
            key_id=self.keys.signing_id,
            user_id=user_id,
            device=device or Device(),
            place=place,
            ip=self.kept(ip, now),
            amr=amr,
            aal=aal,
            remember=remember,
            application_id=application_id,
            tenant_id=tenant_id,
            profile=profile,
            authenticated_at=authenticated_at,
            idle_timeout=idle_timeout,
            data=carried | dict(data or {}),
        )
        await self._insert(session, now)
        if replacing is not None:
            query = Query(id=replacing.id, user_id=replacing.user_id)
            await self._revoke(query, reason=Reason.REPLACED, by=replacing.actor)
        return Issued(session, derive(session, self.keys, _kind(bearer)))

    async def impersonate(
        self,
        parent: Session,
        user_id: str,
        *,
        device: Device | None = None,
        ip: str | None = None,
        data: Mapping[str, Any] | None = None,
        lasting: timedelta | None = None,
        note: str | None = None,
    ) -> Issued:
        """Let who has *parent*, which stays, act as *user_id*. Whether they may, the caller knows.

        The new session is never fresh, and takes no room from the user's own. It ends after
        `Policy.impersonate_for`, and with *parent*: at its next use if that has ended, however, or was
        renewed, as after a change of role. Each use of it asks the store for both, and counts as one of
        *parent*. *device* and *ip*: those of *parent*, if not given. *lasting*: how long at most, if that
        is shorter; *note*: why, for administrators only.
        """
        await self._commits.tell_time()
        decide = partial(
            lifecycle.impersonate,
            by=parent.user_id,
            user_id=user_id,
            id=new_id(self.clock(), user_id),
            salt=new_salt(),
            key_id=self.keys.signing_id,
            device=device,
            ip=self.kept(ip, self.clock()),
            place=self.place_of(ip),
            data=data,
            lasting=lasting,
            note=note and note.replace("\0", "")[:255],
        )
        outcome, _ = await self._commits.change(parent.id, decide, carrying=True)
        session = outcome.session
        if not (await self.store.insert(session)).done:
            raise SessionChanged
        self.emit(
            Impersonated(
                at=session.created_at,
                session_id=session.id,
                user_id=user_id,
                ip=session.ip,
                by=session.actor or "",
                parent_id=parent.id,
            )
        )
        return Issued(session, derive(session, self.keys))

    async def carried(self, session: Session) -> bool:
        """Whether the session with which *session* ends lets it live; true for all that end by themselves."""
        return await self._commits.carried(session)

    async def _sign_in_again(self, session: Session, data: Mapping[str, Any] | None, **now: Any) -> Issued:
        if data:  # first, because after a refused patch the old token must still be good
            await self.update(session.id, set=data)
        return await self._renew(session.id, generation=session.generation, authenticated=True, **now)

    async def _insert(self, session: Session, now: datetime) -> None:
        inserted = await self.store.insert(session, cap=self._cap(session, now))
        if inserted.refused_by is not None:
            raise TooManySessions(inserted.refused_by.limit, inserted.in_the_way, asks=self._asks(session))
        if not inserted.done:
            raise SessionChanged
        for id, reason in inserted.ended:
            self.feed.ended(id, now, reason)
            self.emit(Revoked(at=now, session_id=id, user_id=session.user_id, reason=reason))
        self.emit(
            Started(
                at=now,
                session_id=session.id,
                user_id=session.user_id,
                ip=session.ip,
                device=session.device.name,
                amr=session.amr,
                kind=session.device.kind,
                device_id=session.device.id,
                place=session.place,
                remember=session.remember,
                application_id=session.application_id,
                tenant_id=session.tenant_id,
                profile=session.profile,
            )
        )

    def _cap(self, session: Session, now: datetime) -> Cap:
        """What must give way for *session*: by rules of its application, tenant and profile, and by ours."""
        policy = self.policy
        own = policy.exceptions.caps(policy, session) if policy.exceptions else ()
        rules = [CapRule(limit=cap.limit, action=_action(cap.at_cap), same=(cap.scope,)) for cap in own]
        return Cap(
            at=now,
            created_since=self._oldest(now),
            rules=tuple(rules),
            limit=policy.max_sessions,
            action=_action(policy.at_cap),
        )

    def _asks(self, session: Session) -> bool:
        """Whether the user may choose which session gives way."""
        return self.policy.of(session).at_cap == "ask"

    def _oldest(self, now: datetime) -> datetime:
        """Nothing that began before this lives: a store need not look there. (A day for clocks.)"""
        return now - self.policy.longest - timedelta(days=1)

    # ── use ──────────────────────────────────────────────────────────────────────────────────

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
            known = self.snapshots.recall(token, cached, passive=passive)
            if known is None and self._poll_is_due(token, cached):
                known = await self._polled(token, cached, passive)
            if known is not None:
                return Validated(known)
            self.snapshots.misses += 1
        try:
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
        token = _parsed(text, self.keys, "bearer")
        decide = partial(lifecycle.bear, token=token, keys=self.keys, passive=passive, idle=idle)
        return await self._borne(text, token.session_id, decide, passive, sure)

    async def _borne(
        self, text: str, id: UUID, decide: Callable[..., Outcome], passive: bool, sure: bool
    ) -> Session:
        name = as_borne(text)
        if self.snapshots.on and not sure:
            known = self.snapshots.recall(name, passive=passive)
            if known is None and self._poll_is_due(name, None):
                known = await self._polled(name, None, passive)
            if known is not None:
                return known
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

    def _poll_is_due(self, token: str, cached: str | None) -> bool:
        """Whether there is a snapshot to be trusted, and nobody has polled the feed of late."""
        return self.snapshots.known(token, cached) and self.feed.due(self.clock())

    async def _polled(self, token: str, cached: str | None, passive: bool) -> Session | None:
        """What a snapshot says once the feed was polled."""
        polled = await self._commits.try_poll()
        return self.snapshots.recall(token, cached, passive=passive) if polled else None

    def _in_need(self, token: str, cached: str | None, passive: bool, sure: bool) -> Session | None:
        """What a snapshot says while the store is away, if `when_away` has it so."""
        going_on = self.policy.when_away == "go_on" and not sure
        return self.snapshots.in_need(token, cached, passive=passive) if going_on else None

    async def _validated(self, text: str, passive: bool, rotating: bool, idle: timedelta) -> Validated:
        keys = self.keys
        token = _parsed(text, keys, "session")

        def decide(session: Session | None, policy: Policy, now: datetime) -> Outcome:
            return lifecycle.validate(
                session, policy, now, token=token, keys=keys, passive=passive, rotating=rotating, idle=idle
            )

        outcome, asked_at = await self._commits.change(token.session_id, decide, telling=True)
        session = outcome.session
        if outcome.seen is not None:
            await self._record(session, outcome.seen)
        if outcome.renew:
            return await self._renew_in_passing(session)
        if self.custom is not None:
            session = await self.customised(session)
        if outcome.reissue:
            return Validated(session, derive(session, self.keys))
        if self.snapshots.on:
            # A token that is to be replaced by the next answer that can carry a new one is left to the store.
            current = (token.generation, token.key_id) == (session.generation, session.key_id)
            if current and not self.keys.retired(session.key_id):
                self.snapshots.remember(text, session, asked_at)
        return Validated(session)

    async def whole(self, session: Session) -> Session:
        """*session* with all of its data: a snapshot holds only what `Policy.cached_data` names."""
        if not isinstance(session.data, Partial):
            return session
        found = await self._whole_or_none(session)
        if found is None:
            raise SessionNotFound
        return found

    async def _whole_or_none(self, session: Session) -> Session | None:
        if not isinstance(session.data, Partial):
            return session
        found = await self.store.get(session.id)
        living = found is not None and lifecycle.ended(found, self.policy, self.clock()) is None
        return found if living else None

    async def _renew_in_passing(self, session: Session) -> Validated:
        try:
            issued = await self.renew(session.id, generation=session.generation)
        except SessionChanged:
            # A request that came at the same moment renews it, and hands the new token to the browser.
            return Validated(session)
        return Validated(issued.session, issued.token)

    async def refresh(self, token: str, *, bearer: bool = False, application_id: str | None = None) -> Issued:
        """Rotate *token*. The same one gets the same successor; an old one ends the session.

        *bearer*: it is used for nothing else, because access tokens are what its bearer shows; then it
        must be of a session of *application_id*.
        """
        claimed = _parsed(token, self.keys, _kind(bearer))
        decide = partial(
            lifecycle.refresh, token=claimed, keys=self.keys, bearer=bearer, application_id=application_id
        )
        outcome, _ = await self._commits.change(claimed.session_id, decide, telling=True, refreshing=True)
        self.snapshots.drop(token)
        verdicts = [event.verdict for event in outcome.events if isinstance(event, Refreshed)]
        return Issued(outcome.session, derive(outcome.session, self.keys, _kind(bearer)), verdicts[-1])

    async def renew(
        self,
        id: UUID,
        *,
        generation: int | None = None,
        authenticated: bool = False,
        amr: Iterable[str] | None = None,
        aal: int | None = None,
        remember: bool | None = None,
        device: Device | None = None,
        ip: str | None = None,
        bearer: bool = False,
    ) -> Issued:
        """A new token after step-up or a change of privilege; every earlier one is refused from now on.

        Give the *generation* of the session that the request validated: then of two requests that
        renew at the same moment one is `SessionChanged`, where it would kill the other's token. For
        the same reason a lost race is not decided again. *device* and *ip*: where that was proved, if
        it is another browser or network by now; the session is bound to them from here on.
        """
        return await self._renew(
            id,
            generation=generation,
            authenticated=authenticated,
            amr=None if amr is None else tuple(amr),
            aal=aal,
            remember=remember,
            device=device,
            place=self.place_of(ip),
            ip=self.kept(ip, began(id)),
            bearer=bearer,
        )

    async def _renew(self, id: UUID, *, bearer: bool = False, **facts: Any) -> Issued:
        decide = partial(lifecycle.renew, salt=new_salt(), key_id=self.keys.signing_id, **facts)
        outcome, _ = await self._commits.change(id, decide, tries=1)
        return Issued(outcome.session, derive(outcome.session, self.keys, _kind(bearer)))

    async def renew_all(self, user_id: str, *, profile: str | None = None) -> int:
        """Have every live session of a user renewed at its next use: for a change of role. How many.

        From now on the rules of *profile* hold for them.
        """
        return await self._change_all_of(user_id, partial(lifecycle.mark_for_renewal, profile=profile))

    async def update(
        self,
        id: UUID,
        *,
        set: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        device: Device | None = None,
    ) -> Session:
        """Patch the data of a session: keys that are not named keep what others wrote meanwhile."""
        decide = partial(lifecycle.update, set=set, remove=tuple(remove), device=device)
        outcome, _ = await self._commits.change(id, decide)
        return outcome.session

    async def bind(self, id: UUID, *, here: Here) -> Session:
        """Do what `Policy.binding` has follow from a use *here*: tell it, or end the session.

        The web layer calls it when it sees that something became another one.
        """
        outcome, _ = await self._commits.change(id, partial(lifecycle.bind, here=here))
        return outcome.session

    # ── end ──────────────────────────────────────────────────────────────────────────────────

    async def revoke(
        self,
        id: UUID,
        *,
        owner: str | Anybody | None,
        reason: Reason = Reason.USER,
        by: str | None = None,
        note: str | None = None,
    ) -> None:
        """End one session for good. *owner* is whose it must be: somebody else's is `SessionNotFound`.

        `ANYBODY` is an administrator's word. None, the user id of a visitor, owns nothing.
        """
        query = Query(id=id, user_id=owner if isinstance(owner, str) else None)
        if owner is None or not await self._revoke(query, reason=reason, by=by, note=note):
            raise SessionNotFound

    async def end(self, token: str, *, reason: Reason = Reason.SIGNED_OUT) -> bool:
        """Sign out: end the session of *token*, whatever its generation. False if there was none."""
        session = await self.of(token)
        if session is None:
            return False
        query = Query(id=session.id, user_id=session.user_id)
        return await self._revoke(query, reason=reason, by=session.actor) > 0

    async def of(self, token: str) -> Session | None:
        """The session that *token* was made for, in whatever generation, live or ended; else None.

        Nothing is decided, recorded or told: for who asks about a token, not with it.
        """
        presented = parse(token, self.keys)
        session = await self.store.get(presented.session_id)
        return session if session is not None and genuine(presented, session, self.keys) else None

    async def revoke_all(
        self,
        user_id: str,
        *,
        keep: UUID | None = None,
        reason: Reason = Reason.USER,
        by: str | None = None,
        note: str | None = None,
        application_id: str | None = None,
        tenant_id: str | None = None,
    ) -> int:
        """End every session of a user, perhaps sparing one; how many ended."""
        query = Query(
            user_id=user_id,
            except_id=keep,
            application_id=application_id,
            tenant_id=tenant_id,
            limit=_BATCH,
        )
        return await self._revoke_every(query, reason=reason, by=by, note=note)

    async def purge(self) -> int:
        """Forget the sessions that ended longer than `keep_ended` ago, in batches; how many."""
        before = self.clock() - self.policy.keep_ended
        total = 0
        while count := await self.store.purge(before=before, limit=_BATCH):
            total += count
        return total

    # ── look ─────────────────────────────────────────────────────────────────────────────────

    async def list(
        self,
        user_id: str | None,
        *,
        application_id: str | None = None,
        tenant_id: str | None = None,
        limit: int = 100,
    ) -> Rows:
        """The live sessions of a user, most recently active first; a visitor (None) has no list."""
        if user_id is None:
            return []
        now = self.clock()
        query = Query(
            user_id=user_id,
            application_id=application_id,
            tenant_id=tenant_id,
            live_at=now,
            created_since=self._oldest(now),
            limit=limit,
        )
        # A tightened policy holds at once, also for rows that were written under the old one.
        live = [s for s in await self.store.select(query) if lifecycle.ended(s, self.policy, now) is None]
        live = [s for s in live if s.parent_id is None or await self._commits.carried(s)]
        return sorted(live, key=lambda s: (s.seen_at, s.id), reverse=True)

    async def history(self, user_id: str, *, limit: int = 100) -> Rows:
        """The sessions of a user that ended within `show_ended`, latest end first."""
        now = self.clock()
        since = now - self.policy.show_ended
        found = await self.store.select(Query(user_id=user_id, ended_since=since, ended_by=now, limit=limit))
        return sorted(found, key=lambda s: s.revoked_at or s.expires_at, reverse=True)

    async def select(self, query: Query) -> Rows:
        """One page of sessions of anybody: for administrators."""
        return await self.store.select(query)

    async def count(self, query: Query | None = None) -> int:
        """How many sessions match; without a query, how many signed-in ones live now.

        One that is held is counted until the hold has run out: the store knows it only as short-lived.
        """
        return await self.store.count(query or Query(live_at=self.clock(), signed_in=True))

    def require_fresh(self, session: Session, max_age: timedelta | None = None, *, aal: int = 0) -> None:
        """Raise `FreshnessRequired` unless *session* was authenticated recently, and strongly, enough."""
        lifecycle.require_fresh(session, self.policy, self.clock(), max_age, aal=aal)

    def require_bound(self, session: Session, here: Here) -> None:
        """Raise `FreshnessRequired` if by `Policy.binding` a use *here* wants one more proof first."""
        lifecycle.require_bound(session, self.policy, here=here)

    # ── follow ───────────────────────────────────────────────────────────────────────────────

    def following(self) -> AbstractAsyncContextManager[None]:
        """Follow the feed in the background, and write activity in batches: `async with` around serving.

        Without it requests poll the feed themselves, and write each use at once.
        """
        from sojourn.following import following

        return following(self)

    async def flush(self) -> int:
        """Write the activity that waits in this process; how many sessions were used."""
        return await self.activity.flush()

    async def close(self) -> None:
        """Write what waits, and let go of the store."""
        try:
            await self.activity.try_flush()
        finally:
            await self.store.close()


def _kind(bearer: bool) -> Kind:
    return "refresh" if bearer else "session"


def _parsed(text: str, keys: Keys, kind: Kind) -> Token:
    """What *text* claims, if it is a token of that *kind*."""
    token = parse(text, keys)
    if token.kind != kind:
        raise TokenInvalid
    return token


def _action(at_cap: AtCap) -> Action:
    return "refuse" if at_cap == "ask" else at_cap


def _continues(
    session: Session, user_id: str | None, application_id: str | None, tenant_id: str | None
) -> bool:
    """Whether signing in as *user_id* goes on with *session* instead of starting another one."""
    if session.parent_id is not None:  # somebody else acted as the user
        return False
    return user_id is not None and (session.user_id, session.application_id, session.tenant_id) == (
        user_id,
        application_id,
        tenant_id,
    )


def _forget_after_fork(sessions: AsyncSessions) -> None:
    """A child trusts nothing that its parent followed, and writes nothing that its parent will."""
    alive = weakref.ref(sessions)

    def forget() -> None:
        if (found := alive()) is not None:
            found.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
