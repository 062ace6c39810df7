"""What people read: times, counts, and why a session ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sojourn.errors import SessionError, SessionExpired, SessionRevoked, TokenReplayed
from sojourn.policy import Policy, words
from sojourn.session import Reason, Session

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


# ── times and counts ─────────────────────────────────────────────────────────────────────────────


def instant(at: datetime) -> str:
    """For the `datetime` attribute."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def date(at: datetime) -> str:
    """ "8 Nov 2025, 17:45 UTC": the server knows no other zone of its reader."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def ago(at: datetime, now: datetime) -> str:
    """ "2 hours ago". Activity is written at most once a minute, so below two it is now."""
    span = now - at
    if span < 2 * _MINUTE:
        return "Active now"
    for unit, size in (("day", _DAY), ("hour", _HOUR), ("minute", _MINUTE)):
        if span >= size:
            return f"{counted(span // size, unit)} ago"
    raise AssertionError("a span of two minutes has minutes")


def left(span: timedelta) -> str:
    """ "5 days, 23 hours": two units, so that a week does not read as six days a second after it began."""
    if span < _MINUTE:
        return "less than a minute"
    for (large, size), (small, part) in (
        (("day", _DAY), ("hour", _HOUR)),
        (("hour", _HOUR), ("minute", _MINUTE)),
    ):
        if span >= size:
            rest = span % size // part
            return counted(span // size, large) + (f", {counted(rest, small)}" if rest else "")
    return counted(span // _MINUTE, "minute")


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
    "replaced": "You signed in again in this browser.",
    "cap": "You were signed out here because you signed in on another device.",
    "replay": "We noticed something unusual and signed you out to protect your account.",
    "password_changed": "Your password was changed. Please sign in with the new one.",
    "account_disabled": "Your account was disabled.",
    "account_deleted": "Your account was deleted.",
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


def ending(session: Session, policy: Policy) -> str:
    """Why and by whom, for its owner; an administrator's name is none of theirs."""
    if session.reason is None:
        if session.expires_at >= session.ends_at:
            return f"Ended after {words(session.ends_at - session.created_at)}"
        return "Ended because it was not used"
    if session.reason is Reason.PASSWORD_CHANGED and session.revoked_by != session.user_id:
        return "Your password was changed by an administrator"
    return _ENDINGS[session.reason]


_ENDINGS = {
    Reason.SIGNED_OUT: "Signed out by you, on that device",
    Reason.USER: "Signed out by you, from another device",
    Reason.REPLACED: "Replaced when you signed in again in the same browser",
    Reason.CAP: "Ended to make room for a newer sign-in",
    Reason.REPLAY: "Ended to protect your account: something unusual was noticed",
    Reason.PASSWORD_CHANGED: "Signed out because you changed your password",
    Reason.ACCOUNT_DISABLED: "Signed out because your account was disabled",
    Reason.ACCOUNT_DELETED: "Signed out because your account was deleted",
    Reason.ADMIN: "Signed out by an administrator",
    Reason.SYSTEM: "Signed out by the system",
}


# ── what has been done, after the redirect ───────────────────────────────────────────────────────


def done(code: str) -> str | None:
    """The message for a code such as `2-others`; None for anything that no page of ours writes."""
    count, _, what = code.partition("-")
    if what not in _DONE or not count.isascii() or not count.isdigit() or len(count) > 6:
        return None
    return _DONE[what](int(count))


_DONE: dict[str, Callable[[int], str]] = {
    "device": lambda n: f"Signed out of {counted(n, 'device')}.",
    "others": lambda n: f"Signed out of {counted(n, 'other device')}.",
    "password": lambda n: f"Your password was changed. {counted(n, 'other device')} signed out.",
    "gone": lambda _: "That device was already signed out.",
    "connected": lambda _: "Connected. You can sign in with it from now on.",
    "disconnected": lambda _: "Disconnected. Nobody can sign in with it any more.",
    "revoked": lambda n: f"{counted(n, 'session')} revoked.",
    "ended": lambda _: "That session had already ended.",
}
