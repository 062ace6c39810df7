"""Whether a token may use a session."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace as _replaced

from sojourn.errors import AccessExpired, TokenInvalid, TokenSuperseded
from sojourn.lifecycle.ends import admitted, end, living, noted
from sojourn.lifecycle.outcome import NOT_AT_ALL, Outcome, Standing
from sojourn.lifecycle.rotation import (
    answer_was_lost,
    recovery,
    repeated,
    rotation_due,
    within_grace,
)
from sojourn.policy import Policy
from sojourn.session import Session
from sojourn.token import Keys, Token

__all__ = ["admit", "bear", "standing", "validate"]


def validate(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    token: Token,
    keys: Keys,
    passive: bool = False,
    rotating: bool = True,
    idle: timedelta = NOT_AT_ALL,
) -> Outcome:
    """Say whether *token* may use *session* at *now*, and what must be written if so; else raise.

    *passive* requests come from a program, not from a person: they never slide the session. *idle*:
    how long ago the person was active, as their client says; what is longer ago than known slides nothing.
    With *rotating*, a generation older than `policy.rotate_every` is answered `AccessExpired`;
    without, the caller rotates in passing.
    """
    session = admitted(session, policy, now, token, keys)
    policy = policy.of(session)
    behind = session.generation - token.generation
    if behind < 0:
        return _recover(session, token, now)
    if behind == 0:
        if rotating and rotation_due(session, policy, now):
            raise AccessExpired
        return _accept(session, policy, now, token, keys, used_at=None if passive else now - idle)
    if behind == 1 and within_grace(session, policy, now):
        return Outcome(session=session)
    if behind == 1 and answer_was_lost(session, policy, now):
        return _remind(session, policy, now, passive=passive, rotating=rotating)
    raise TokenSuperseded


def standing(outcome: Outcome, policy: Policy, now: datetime, token: Token) -> Standing | None:
    """Until when `validate` says *outcome* again of that record and *token*, as it did at *now* of a person.

    Until then it says so of a program, too. None: that it did is no reason to think so.
    """
    session, whole = outcome.session, policy
    if not outcome.plain or (token.generation, token.key_id) != (session.generation, session.key_id):
        return None
    policy = policy.of(session)
    until = min(end(session, whole), session.seen_at + policy.touch_every)
    if policy.rotate_every is not None:
        until = min(until, (session.rotated_at or session.created_at) + policy.rotate_every)
    return Standing(session, policy, now, until) if now < until else None


def admit(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    user_id: str,
    version: int,
    generation: int | None = None,
    passive: bool = False,
    idle: timedelta = NOT_AT_ALL,
) -> Outcome:
    """Say whether an access token of *user_id*, made of the session's *version*, may use it at *now*.

    A renewal since then voids it: its bearer has to refresh, and gets one that knows of the change.
    *generation*: of the refresh token that came with it, which has arrived as well.
    """
    if session is None or session.user_id != user_id:
        raise TokenInvalid
    session = living(session, policy, now)
    policy = policy.of(session)
    if version < session.void_below:
        raise AccessExpired
    seen, session = noted(session, policy, now, None if passive else now - idle, generation)
    return Outcome(session=session, seen=seen)


def bear(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    token: Token,
    keys: Keys,
    passive: bool = False,
    idle: timedelta = NOT_AT_ALL,
) -> Outcome:
    """Say whether the bearer *token* may use *session* at *now*, whatever its generation.

    Rotations pass it by, because whoever has it knows no refresh. It dies with the salt, at a renewal.
    """
    session = admitted(session, policy, now, token, keys)
    seen, session = noted(session, policy.of(session), now, None if passive else now - idle, None)
    return Outcome(session=session, seen=seen)


def _accept(
    session: Session, policy: Policy, now: datetime, token: Token, keys: Keys, *, used_at: datetime | None
) -> Outcome:
    """*used_at*: when a person last was active; None: a program asks."""
    seen, session = noted(session, policy, now, used_at, token.generation)
    passive = used_at is None
    if passive:
        return Outcome(session=session, seen=seen)
    if keys.retired(session.key_id):
        moved = session.change(key_id=keys.signing_id)
        return Outcome(session=moved, write=True, reissue=True, renew=session.renew_due)
    return Outcome(
        session=session, seen=seen, reissue=token.key_id != session.key_id, renew=session.renew_due
    )


def _recover(session: Session, token: Token, now: datetime) -> Outcome:
    """The record is older than a token that we made: the store was rolled back, so move it forward."""
    ahead = session.change(
        generation=token.generation, key_id=token.key_id, rotated_at=now, confirmed_at=now, forgiven_at=None
    )
    return Outcome(session=ahead, write=True, events=(recovery(session, token, now),))


def _remind(session: Session, policy: Policy, now: datetime, *, passive: bool, rotating: bool) -> Outcome:
    """Have the bearer get the successor that never arrived.

    Who rotates by age goes on with the old token unless told, until it is too late to ask.
    """
    if policy.rotate_every is None:
        return Outcome(session=session)
    if rotating:
        raise AccessExpired
    return Outcome(session=session) if passive else _replaced(repeated(session, now), reissue=True)
