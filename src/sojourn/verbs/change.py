"""What changes a session that goes on: a new token, other data, another browser or network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sojourn import lifecycle
from sojourn.errors import SessionNotFound
from sojourn.events import Refreshed
from sojourn.lifecycle import Here
from sojourn.session import Device, Session, began, new_salt
from sojourn.snapshot import Partial
from sojourn.token import derive
from sojourn.verbs.base import Issued, Verbs, kind_of, parsed

__all__ = ["ChangeVerbs"]


class ChangeVerbs(Verbs):
    """To change a session that goes on."""

    async def refresh(self, token: str, *, bearer: bool = False, application_id: str | None = None) -> Issued:
        """Rotate *token*. The same one gets the same successor; an old one ends the session.

        *bearer*: it is used for nothing else, because access tokens are what its bearer shows; then it
        must be of a session of *application_id*.
        """
        claimed = parsed(token, self.keys, kind_of(bearer))
        decide = partial(
            lifecycle.refresh, token=claimed, keys=self.keys, bearer=bearer, application_id=application_id
        )
        outcome, _ = await self._commits.change(claimed.session_id, decide, telling=True, refreshing=True)
        self.snapshots.drop(token)
        verdicts = [event.verdict for event in outcome.events if isinstance(event, Refreshed)]
        return Issued(outcome.session, derive(outcome.session, self.keys, kind_of(bearer)), verdicts[-1])

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
        return Issued(outcome.session, derive(outcome.session, self.keys, kind_of(bearer)))

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
