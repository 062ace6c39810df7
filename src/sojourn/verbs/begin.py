"""How a session begins: by signing in, as a visitor, or as somebody else's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sojourn import lifecycle
from sojourn.errors import SessionChanged, TooManySessions
from sojourn.events import Impersonated, Revoked, Started
from sojourn.policy import AtCap
from sojourn.session import Device, Place, Reason, Session, new_id, new_salt
from sojourn.stores.protocol import Action, Cap, CapRule, Query
from sojourn.token import derive
from sojourn.verbs.base import ENDED, Issued, kind_of, shortened
from sojourn.verbs.change import ChangeVerbs

__all__ = ["BeginVerbs"]


class BeginVerbs(ChangeVerbs):
    """To begin a session."""

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
            except ENDED:
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
        return Issued(session, derive(session, self.keys, kind_of(bearer)))

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
            note=shortened(note),
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
