"""What people read: times, counts, and why a session ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

from sojourn import lifecycle
from sojourn.errors import SessionError, SessionExpired, SessionRevoked, TokenReplayed
from sojourn.policy import Policy, words
from sojourn.session import Reason, Session
from sojourn.web.pages.language import ENGLISH, Words

__all__ = [
    "ago",
    "counted",
    "date",
    "done",
    "ending",
    "instant",
    "left",
    "number",
    "patience",
    "reason_code",
    "signed_out",
    "went_wrong",
]

_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_UNITS = (("days", _DAY), ("hours", _HOUR), ("minutes", _MINUTE))


# ── times and counts ─────────────────────────────────────────────────────────────────────────────


def instant(at: datetime) -> str:
    """For the `datetime` attribute."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def date(at: datetime, say: Words = ENGLISH) -> str:
    """ "8 Nov 2025, 17:45 UTC": the server knows no other zone of its reader."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC" if say is ENGLISH else f"{at:%Y-%m-%d %H:%M} UTC"


def ago(at: datetime, now: datetime, say: Words = ENGLISH) -> str:
    """ "2 hours ago". Activity is written at most once a minute, so below two it is now."""
    span = now - at
    if span < 2 * _MINUTE:
        return say("row.active")
    unit, size = next((unit, size) for unit, size in _UNITS if span >= size)
    return say(f"ago.{unit}", count=span // size)


def left(span: timedelta, say: Words = ENGLISH) -> str:
    """ "5 days, 23 hours": two units, so that a week does not read as six days a second after it began."""
    if span < _MINUTE:
        return say("time.moment")
    for (large, size), (small, part) in pairwise(_UNITS):
        if span >= size:
            whole, rest = say(f"time.{large}", count=span // size), span % size // part
            return say("time.two", large=whole, small=say(f"time.{small}", count=rest)) if rest else whole
    return say("time.minutes", count=span // _MINUTE)


def length(span: timedelta, say: Words = ENGLISH) -> str:
    """A rule's number as `policy.words` has it: "15 minutes", "30 days"."""
    for unit, size in _UNITS:
        if span >= size and (not span % size or span >= 2 * size):
            return say(f"time.{unit}", count=span // size)
    return say("time.seconds", count=int(span.total_seconds()))


def counted(count: int, noun: str) -> str:
    """ "1 device", "2 devices", "1 person", "9 people"."""
    plural = {"person": "people"}.get(noun, f"{noun}s")
    return f"{number(count)} {noun if count == 1 else plural}"


def number(count: int) -> str:
    """With separators: "1,284"."""
    return f"{count:,}"


def patience(seconds: int) -> str:
    """How long to wait before trying again; rounded up, so that it is long enough."""
    return words(timedelta(seconds=seconds if seconds < 120 else -(-seconds // 60) * 60))


# ── why somebody is at the sign-in page ──────────────────────────────────────────────────────────


def reason_code(refusal: SessionError) -> str:
    """The word that tells the sign-in page why: the limit, the reason of the revocation, or the code."""
    if isinstance(refusal, SessionExpired):
        return refusal.limit
    if isinstance(refusal, SessionRevoked) and refusal.reason is not None:
        return refusal.reason.value
    return "replay" if isinstance(refusal, TokenReplayed) else refusal.code


def signed_out(code: str, policy: Policy) -> str | None:
    """The sentence for *code*, or None for one that says nothing: the query is anybody's to write."""
    say = _SIGNED_OUT.get(code)
    return say(policy) if callable(say) else say


def _idle(policy: Policy) -> str:
    if policy.idle_timeout is None:
        return "You were signed out because you were inactive."
    return f"You were signed out because you were inactive for {words(policy.idle_timeout)}."


_SIGNED_OUT: dict[str, str | Callable[[Policy], str]] = {
    "idle": _idle,
    "absolute": lambda policy: f"For your security, sessions end after {words(policy.lifetime)}.",
    "signed_out": "You are signed out.",
    "user": "You signed this device out from another one.",
    "reported": "This device was signed out because somebody did not know it. Please sign in again.",
    "replaced": "You signed in again in this browser.",
    "cap": "You were signed out here because you signed in on another device.",
    "replay": "We noticed something unusual and signed you out to protect your account.",
    "password_changed": "Your password was changed. Please sign in with the new one.",
    "account_disabled": "Your account was disabled.",
    "account_deleted": "Your account was deleted.",
    "binding": "Your session was used from another browser or network, so we signed you out.",
    "admin": "An administrator signed you out.",
    "system": "Your session has ended.",
    "session_revoked": "Your session has ended.",
    "token_invalid": "Your session has ended.",
    "token_superseded": "Your session has ended.",
    "unauthenticated": "Please sign in to continue.",
}


# ── why nobody was signed in by another service ──────────────────────────────────────────────────


def went_wrong(code: str, service: str | None) -> str | None:
    """The sentence for *code*, of us or of a dialect; None for one that nobody writes."""
    say = _WENT_WRONG.get(code)
    return None if say is None else say.format(service=service or "the other service")


_TRY = "Try again, or sign in another way."
_REFUSED = "You cannot sign in with {service} here. An administrator may know more."
_LOST = "This sign-in took too long, or began in another browser. Please begin again."
_UNTRUSTED = f"The answer of {{service}} cannot be trusted, so nobody was signed in. {_TRY}"
_TAKEN = (
    "There is an account with this e-mail address already. Sign in with your password first, then connect "
    "{service} in your account."
)
_OTHER = (
    "That account of {service} is not the one that is connected here, or it is connected to somebody else."
)
_WENT_WRONG = {
    "provider_away": f"We cannot reach {{service}} just now. {_TRY}",
    "provider_denied": f"You were not signed in with {{service}}. {_TRY}",
    "provider_rejected": _UNTRUSTED,
    "flow_lost": _LOST,
    "account_exists": _TAKEN,
    "already_connected": "That account of {service} is connected to somebody else here.",
    "other_account": _OTHER,
    "last_way_in": "This is the only way in which you can sign in, so it stays. Connect another one first.",
    "not_possible": "That is not possible just now.",
    "email_rejected": "We need your e-mail address, and {service} did not tell it.",
    "forbidden": "New accounts are made by an administrator here.",
    "invalid_credentials": _REFUSED,
    "rate_limited": "Too many attempts. Please try again later.",
    "too_many_sessions": "You are signed in on too many devices already. Sign out one of them first.",
    "https_required": "Signing in needs https. Open this site with https://.",
    "not_found": "There is no such service to sign in with.",
    # Better Auth's
    "access_denied": f"You were not signed in. {_TRY}",
    "unable_to_get_user_info": f"We cannot reach {{service}} just now. {_TRY}",
    "invalid_code": _UNTRUSTED,
    "state_mismatch": _LOST,
    "account_not_linked": _TAKEN,
    "account_already_linked_to_different_user": _OTHER,
    "email_not_found": "We need your e-mail address, and {service} did not tell it.",
    "signup_disabled": "New accounts are made by an administrator here.",
    "banned": _REFUSED,
    # Auth.js'
    "OAuthCallbackError": f"You were not signed in. {_TRY}",
    "OAuthAccountNotLinked": _TAKEN,
    "AccessDenied": _REFUSED,
    "OAuthSignin": f"We cannot reach {{service}} just now. {_TRY}",
    "CredentialsSignin": "The e-mail address or the password is wrong.",
    "MissingCSRF": "This page is out of date. Please try again.",
    "Configuration": "The service is not available for a moment. Please try again.",
}


# ── why a session is among those that ended ──────────────────────────────────────────────────────


def ending(session: Session, policy: Policy, say: Words = ENGLISH) -> str:
    """Why and by whom, for its owner; an administrator's name is none of theirs."""
    reason = lifecycle.ending(session, policy).reason
    if reason is None:
        if session.expires_at >= session.ends_at:
            return say("ended.absolute", span=length(session.ends_at - session.created_at, say))
        return say("ended.idle")
    if reason is Reason.PASSWORD_CHANGED and session.revoked_by != session.user_id:
        return say("ended.password_by_admin")
    return say(f"ended.{reason}")


# ── what has been done, after the redirect ───────────────────────────────────────────────────────


def done(code: str, say: Words = ENGLISH) -> str | None:
    """The message for a code such as `2-others`; None for anything that no page of ours writes."""
    count, _, what = code.partition("-")
    if what not in _DONE or not count.isascii() or not count.isdigit() or len(count) > 6:
        return None
    return _DONE[what](say, int(count))


_DONE: dict[str, Callable[[Words, int], str]] = {
    "device": lambda say, n: say("tips.done", count=n),
    "others": lambda say, n: say("others.done", count=n),
    "password": lambda say, n: say("page.donePassword", count=n),
    "saved": lambda say, _: say("preferences.saved"),
    "gone": lambda say, _: say("sessions.gone"),
    "connected": lambda say, _: say("page.doneConnected"),
    "disconnected": lambda say, _: say("page.doneDisconnected"),
    # for administrators, whose pages are in English
    "revoked": lambda _, n: f"{counted(n, 'session')} revoked.",
    "ended": lambda *_: "That session had already ended.",
    "acknowledged": lambda *_: "Alert acknowledged.",
    "resolved": lambda *_: "Alert resolved.",
    "stopped": lambda *_: "You are yourself again.",
    "confirmed": lambda *_: "Confirmed. You can export now.",
}
