"""The blocking face: the same verbs for Django, Flask and scripts, where no event loop runs."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from sojourn.clock import Clock
from sojourn.events import Event
from sojourn.policy import Policy
from sojourn.session import Device, Place, Reason, Session
from sojourn.sessions import Anybody, AsyncSessions, Issued, Validated
from sojourn.stores.protocol import Query, Store
from sojourn.token import Keys
from sojourn.verbs.base import Rows
from sojourn.verbs.own import Instead

if TYPE_CHECKING:
    from sojourn.access import Claims
    from sojourn.custom import CustomSession
    from sojourn.lifecycle import Here
    from sojourn.place import Places

__all__ = ["Sessions", "drive"]

T = TypeVar("T")


def drive(awaited: Awaitable[T]) -> T:
    """Run *awaited*, a coroutine that never suspends, to its end without an event loop."""
    coroutine = cast("Coroutine[Any, Any, T]", awaited)
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        coroutine.close()
    raise RuntimeError(
        "a blocking store suspended; give Sessions a store whose blocking() never waits for a loop"
    )


class Sessions:
    """The blocking face of `AsyncSessions`: the same verbs, the same laws, for Django, Flask and scripts."""

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
        self._sessions = AsyncSessions(
            store.blocking(),
            keys=keys,
            policy=policy,
            clock=clock,
            on_event=on_event,
            near_cache=near_cache,
            most_reads=most_reads,
            custom=custom,
            places=places,
        )
        self.policy = self._sessions.policy
        self.store = self._sessions.store
        self.listen = self._sessions.listen
        self.feed = self._sessions.feed
        self.require_fresh = self._sessions.require_fresh
        self.require_settled = self._sessions.require_settled
        self.require_bound = self._sessions.require_bound
        self.place_of = self._sessions.place_of
        self.kept = self._sessions.kept

    def start(
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
        return _run(
            self._sessions.start(
                user_id,
                device=device,
                place=place,
                ip=ip,
                amr=amr,
                aal=aal,
                remember=remember,
                application_id=application_id,
                tenant_id=tenant_id,
                profile=profile,
                authenticated_at=authenticated_at,
                idle_timeout=idle_timeout,
                data=data,
                replacing=replacing,
                bearer=bearer,
            )
        )

    def impersonate(
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
        return _run(
            self._sessions.impersonate(
                parent, user_id, device=device, ip=ip, data=data, lasting=lasting, note=note
            )
        )

    def carried(self, session: Session) -> bool:
        return _run(self._sessions.carried(session))

    def validate(
        self,
        token: str,
        *,
        passive: bool = False,
        rotating: bool = True,
        cached: str | None = None,
        sure: bool = False,
        idle: timedelta = timedelta(0),
    ) -> Validated:
        return _run(
            self._sessions.validate(
                token, passive=passive, rotating=rotating, cached=cached, sure=sure, idle=idle
            )
        )

    def admit(
        self,
        text: str,
        claims: Claims,
        *,
        passive: bool = False,
        sure: bool = False,
        idle: timedelta = timedelta(0),
    ) -> Session:
        return _run(self._sessions.admit(text, claims, passive=passive, sure=sure, idle=idle))

    def borne(
        self, text: str, *, passive: bool = False, sure: bool = False, idle: timedelta = timedelta(0)
    ) -> Session:
        return _run(self._sessions.borne(text, passive=passive, sure=sure, idle=idle))

    def customised(self, session: Session) -> Session:
        return _run(self._sessions.customised(session))

    def whole(self, session: Session) -> Session:
        return _run(self._sessions.whole(session))

    def refresh(self, token: str, *, bearer: bool = False, application_id: str | None = None) -> Issued:
        return _run(self._sessions.refresh(token, bearer=bearer, application_id=application_id))

    def renew(
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
        return _run(
            self._sessions.renew(
                id,
                generation=generation,
                authenticated=authenticated,
                amr=amr,
                aal=aal,
                remember=remember,
                device=device,
                ip=ip,
                bearer=bearer,
            )
        )

    def renew_all(self, user_id: str, *, profile: str | None = None) -> int:
        return _run(self._sessions.renew_all(user_id, profile=profile))

    def update(
        self,
        id: UUID,
        *,
        set: Mapping[str, Any] | None = None,
        remove: Iterable[str] = (),
        device: Device | None = None,
    ) -> Session:
        return _run(self._sessions.update(id, set=set, remove=remove, device=device))

    def bind(self, id: UUID, *, here: Here) -> Session:
        return _run(self._sessions.bind(id, here=here))

    def revoke(
        self,
        id: UUID,
        *,
        owner: str | Anybody | None,
        reason: Reason = Reason.USER,
        by: str | None = None,
        note: str | None = None,
    ) -> None:
        _run(self._sessions.revoke(id, owner=owner, reason=reason, by=by, note=note))

    def end(self, token: str, *, reason: Reason = Reason.SIGNED_OUT) -> bool:
        return _run(self._sessions.end(token, reason=reason))

    def of(self, token: str) -> Session | None:
        return _run(self._sessions.of(token))

    def revoke_all(
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
        return _run(
            self._sessions.revoke_all(
                user_id,
                keep=keep,
                reason=reason,
                by=by,
                note=note,
                application_id=application_id,
                tenant_id=tenant_id,
            )
        )

    def hold(self, id: UUID, *, owner: str | None, by: Session) -> Session:
        return _run(self._sessions.hold(id, owner=owner, by=by))

    def undo(self, id: UUID, *, by: Session) -> Session:
        return _run(self._sessions.undo(id, by=by))

    def hold_for(
        self, id: UUID, *, by: UUID, actor: str | None, until: datetime, note: str | None
    ) -> Session:
        return _run(self._sessions.hold_for(id, by=by, actor=actor, until=until, note=note))

    def lift_for(self, id: UUID, *, by: UUID, note: str | None) -> Session:
        return _run(self._sessions.lift_for(id, by=by, note=note))

    def report(self, id: UUID, *, by: Session, others: bool = False) -> int:
        return _run(self._sessions.report(id, by=by, others=others))

    def disown(self, id: UUID, *, instead: Instead | None = None) -> int:
        return _run(self._sessions.disown(id, instead=instead))

    def require_proof(self, user_id: str) -> int:
        return _run(self._sessions.require_proof(user_id))

    def rename(self, id: UUID, *, by: Session, name: str | None) -> Session:
        return _run(self._sessions.rename(id, by=by, name=name))

    def limit_idle(self, user_id: str, idle_timeout: timedelta | None) -> int:
        return _run(self._sessions.limit_idle(user_id, idle_timeout))

    def list(
        self,
        user_id: str | None,
        *,
        application_id: str | None = None,
        tenant_id: str | None = None,
        limit: int = 100,
    ) -> Rows:
        return _run(
            self._sessions.list(user_id, application_id=application_id, tenant_id=tenant_id, limit=limit)
        )

    def history(self, user_id: str, *, limit: int = 100) -> Rows:
        return _run(self._sessions.history(user_id, limit=limit))

    def select(self, query: Query) -> Rows:
        return _run(self._sessions.select(query))

    def count(self, query: Query | None = None) -> int:
        return _run(self._sessions.count(query))

    def purge(self) -> int:
        return _run(self._sessions.purge())

    def flush(self) -> int:
        return _run(self._sessions.flush())

    def close(self) -> None:
        _run(self._sessions.close())


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a verb, unless an event loop runs here: blocking it would stop every other request."""
    # A loop can only run where asyncio was imported; importing it here would cost every script 80 ms.
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        coroutine.close()
        raise RuntimeError("Sessions blocks, and an event loop is running here; use AsyncSessions")
    return drive(coroutine)
