"""What a refresh does: the next generation, the same answer once more, or the end of a replay."""

from __future__ import annotations

from datetime import datetime

from sojourn.errors import TokenInvalid, TokenReplayed
from sojourn.events import Event, Recovered, Refreshed, Replayed, Verdict
from sojourn.lifecycle.ends import admitted
from sojourn.lifecycle.outcome import Outcome
from sojourn.policy import Policy
from sojourn.session import Reason, Session
from sojourn.token import Keys, Token

__all__ = ["answer_was_lost", "recovery", "refresh", "repeated", "rotation_due", "within_grace"]


def refresh(
    session: Session | None,
    policy: Policy,
    now: datetime,
    *,
    token: Token,
    keys: Keys,
    bearer: bool = False,
    application_id: str | None = None,
) -> Outcome:
    """Rotate the token, repeat an answer that was lost, or end the session that is being replayed.

    Never moves `seen_at`, `authenticated_at` or an end: a refresh is not a person (RFC 9470 section 6.1).

    *bearer*: the token is presented nowhere else, so this is the use at which a renewal falls due;
    twins could not follow a new salt, and what a change of privilege voids are access tokens. Then it
    must be of a session of *application_id*, or nothing is ended and nothing is told.
    """
    session = admitted(session, policy, now, token, keys)
    if bearer and session.application_id != application_id:
        raise TokenInvalid
    policy = policy.of(session)
    behind = session.generation - token.generation
    if behind <= 0:
        return _rotate(session, token, now, keys, renew_due=session.renew_due and not bearer)
    if behind == 1 and within_grace(session, policy, now):
        return Outcome(session=session, events=(_refreshed(session, now, "twin"),))
    if behind == 1 and answer_was_lost(session, policy, now):
        return repeated(session, now)
    return _replay(session, token, now)


def _rotate(session: Session, token: Token, now: datetime, keys: Keys, *, renew_due: bool) -> Outcome:
    events: tuple[Event, ...] = (_refreshed(session, now, "rotated"),)
    if token.generation > session.generation:
        events = (recovery(session, token, now), *events)
    rotated = session.change(
        generation=token.generation + 1,
        key_id=keys.signing_id,
        rotated_at=now,
        confirmed_at=None,
        forgiven_at=None,
        renew_due=renew_due,
    )
    return Outcome(session=rotated, write=True, events=events)


def repeated(session: Session, now: datetime) -> Outcome:
    """The successor once more, and the grace begins anew."""
    again = session.change(forgiven_at=now)
    return Outcome(session=again, write=True, events=(_refreshed(session, now, "lost_answer"),))


def _replay(session: Session, token: Token, now: datetime) -> Outcome:
    over = session.change(revoked_at=now, reason=Reason.REPLAY)
    event = Replayed(
        at=now,
        session_id=session.id,
        user_id=session.user_id,
        generation=token.generation,
        current=session.generation,
    )
    return Outcome(session=over, write=True, refusal=TokenReplayed(), events=(event,))


def rotation_due(session: Session, policy: Policy, now: datetime) -> bool:
    """Whether the generation is older than `policy.rotate_every`."""
    every = policy.of(session).rotate_every
    return every is not None and now - (session.rotated_at or session.created_at) >= every


def within_grace(session: Session, policy: Policy, now: datetime) -> bool:
    began = session.forgiven_at or session.rotated_at
    return began is not None and now - began < policy.grace


def answer_was_lost(session: Session, policy: Policy, now: datetime) -> bool:
    """Nobody has shown the successor yet, so its answer may never have arrived."""
    made_at = session.rotated_at
    return session.confirmed_at is None and made_at is not None and now - made_at < policy.lost_answer


def _refreshed(session: Session, now: datetime, verdict: Verdict) -> Refreshed:
    return Refreshed(at=now, session_id=session.id, user_id=session.user_id, verdict=verdict)


def recovery(session: Session, token: Token, now: datetime) -> Recovered:
    return Recovered(
        at=now,
        session_id=session.id,
        user_id=session.user_id,
        generation=token.generation,
        stored=session.generation,
    )
