"""The rules: small pure functions that say what is unusual in a window, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Literal

from sojourn.observe.alerts.alert import Raised, Severity
from sojourn.observe.alerts.travel import journey
from sojourn.observe.alerts.window import AlertRules, Attempt, SignIn, Window, said
from sojourn.observe.journal.line import OTHER
from sojourn.observe.journal.line import family as well_known
from sojourn.policy import words
from sojourn.session import Reason, Session

__all__ = [
    "RULES",
    "Rule",
    "countries_before",
    "country_of",
    "family",
    "is_new_device",
    "judged",
]

Rule = Callable[[Window], Iterable[Raised]]


_MOST_SUBJECTS = 20  # of one rule in one look


def judged(window: Window) -> list[Raised]:
    """What the rules that are not switched off say of *window*."""
    return [raised for name, rule in RULES.items() if name not in window.rules.off for raised in rule(window)]


# ── failed sign-ins ───────────────────────────────────────────────────────────────────────────


def failed_for_account(window: Window) -> Iterator[Raised]:
    """Somebody keeps guessing at one account, from wherever."""
    limit = window.rules.failed_per_account
    repeated = _repeated(window, lambda attempt: attempt.account, limit)
    if len(repeated) > _MOST_SUBJECTS:
        yield _everywhere(window, "failed-sign-ins", "account", repeated)
        return
    for account, mine, fresh in repeated:
        around = {a.around for a in mine if a.around}
        yield Raised(
            rule="failed-sign-ins",
            severity="medium",
            subject=account,
            title="Many failed sign-ins for one account",
            factors=(
                _within(len(mine), "failed sign-in", window.rules.failed_over),
                _counted(len(around), "network") + " they came from",
                _limit(limit),
            ),
            at=window.now,
            count=fresh,
        )


def failed_from_address(window: Window) -> Iterator[Raised]:
    """Somebody tries many passwords or many accounts from one address."""
    limit = window.rules.failed_per_address
    repeated = _repeated(window, lambda attempt: attempt.origin, limit)
    if len(repeated) > _MOST_SUBJECTS:
        yield _everywhere(window, "failed-sign-ins-from-address", "origin", repeated)
        return
    for origin, mine, fresh in repeated:
        accounts = len({a.account for a in mine})
        yield Raised(
            rule="failed-sign-ins-from-address",
            severity="high" if accounts >= limit / 2 else "medium",
            subject=origin,
            title="Many failed sign-ins from one address",
            factors=(
                _within(len(mine), "failed sign-in", window.rules.failed_over),
                f"{_counted(accounts, 'account')} tried",
                f"from {mine[-1].around or 'an address that is not kept'}",
                _limit(limit),
            ),
            at=window.now,
            count=fresh,
        )


def _repeated(
    window: Window, of: Callable[[Attempt], str | None], limit: int
) -> list[tuple[str, list[Attempt], int]]:
    """Subjects of new attempts with *limit* or more in all: which, and how many were not told before."""
    mine: dict[str | None, list[Attempt]] = {}
    for attempt in window.attempts:
        mine.setdefault(of(attempt), []).append(attempt)
    fresh = Counter(of(attempt) for attempt in window.attempts[len(window.attempts) - window.fresh :])
    return [
        (subject, mine[subject], new if len(mine[subject]) - new >= limit else len(mine[subject]))
        for subject, new in fresh.items()
        if subject is not None and len(mine[subject]) >= limit
    ]


def _everywhere(
    window: Window,
    rule: str,
    what: Literal["account", "origin"],
    repeated: Sequence[tuple[str, list[Attempt], int]],
) -> Raised:
    """One alert instead of very many: whoever can make them up would flood those who read them."""
    return Raised(
        rule=rule,
        severity="high",
        subject="many",
        title=f"Many failed sign-ins at many {what}s",
        factors=(
            _within(sum(len(mine) for _, mine, _ in repeated), "failed sign-in", window.rules.failed_over),
            f"{_counted(len(repeated), what)} with too many each",
        ),
        at=window.now,
        count=sum(new for _, _, new in repeated),
    )


# ── where and with what somebody signs in ─────────────────────────────────────────────────────


def new_device(window: Window) -> Iterator[Raised]:
    """A user whom we know signs in with a device that we do not."""
    for sign_in in window.sign_ins:
        if is_new_device(sign_in):
            yield _about(
                sign_in.session,
                rule="new-device",
                severity="low",
                title="Sign-in on a new device",
                factors=(
                    family(sign_in.session),
                    f"{_counted(len(sign_in.before), 'earlier session')} of this user, none on this device",
                ),
            )


def new_country(window: Window) -> Iterator[Raised]:
    """A user signs in from a country from which they never did, as far as sessions are kept."""
    for sign_in in window.sign_ins:
        if earlier := countries_before(sign_in, window.rules):
            country = country_of(sign_in.session)
            yield _about(
                sign_in.session,
                rule="new-country",
                severity="low",
                title=f"Sign-in from a new country: {country}",
                factors=(f"about {country}", f"before: {', '.join(earlier)}", family(sign_in.session)),
            )


def impossible_travel(window: Window) -> Iterator[Raised]:
    """Nobody gets from there to here in that time."""
    for sign_in in window.sign_ins:
        if way := journey(sign_in, window.rules):
            yield _about(
                sign_in.session,
                rule="impossible-travel",
                severity="high",
                title="Sign-in from too far away",
                factors=(
                    f"about {_place(way.last)}, and {words(way.span)} later about {_place(sign_in.session)}",
                    f"about {way.kilometres:,.0f} km apart, which takes {way.speed:,.0f} km/h",
                    f"usual limit: {window.rules.travel_speed:,.0f} km/h",
                    family(sign_in.session),
                ),
            )


def countries_before(sign_in: SignIn, rules: AlertRules) -> list[str]:
    """From where the user came before, if *sign_in* is from another country; else nothing."""
    country = country_of(sign_in.session)
    earlier = sorted({found for session in sign_in.before if (found := country_of(session))})
    foreign = country is not None and country not in earlier and not rules.knows(sign_in.session.ip)
    return earlier if foreign else []


def is_new_device(sign_in: SignIn) -> bool:
    """Not at the first sign-in ever, and not where somebody else acts as the user."""
    return not sign_in.first and not sign_in.knows_device and sign_in.session.parent_id is None


def family(session: Session, unknown: str = "an unknown program") -> str:
    """The device of *session* in words, without version, model or the name that its user gave it.

    Of software only what is well known: what a program calls itself, a stranger wrote for us to read.
    """
    known = well_known(f"{session.device.browser} on {session.device.os}")
    software, _, system = known.partition(" on ")
    if software != OTHER:
        return known
    return f"{unknown} ({system})" if system else unknown


def country_of(session: Session) -> str | None:
    return session.place.country if session.place else None


def _place(session: Session) -> str:
    place = session.place
    named = [part for part in ((place.city, place.country) if place else ()) if part]
    return ", ".join(named) or "an unnamed place"


# ── what must never happen, or not so often ───────────────────────────────────────────────────


def refresh_replay(window: Window) -> Iterator[Raised]:
    """An old refresh token came back: somebody has a copy."""
    for line in window.lines:
        if line.name == "token-reused":
            yield Raised(
                rule="refresh-replay",
                severity="high",
                subject=said(line, "user_id") or str(line.session_id),
                title="An old refresh token was used",
                factors=(
                    f"generation {said(line, 'generation')} came, the session was at {said(line, 'current')}",
                    "the session was ended",
                ),
                at=line.at,
                user_id=said(line, "user_id"),
                session_id=line.session_id,
            )


def not_me(window: Window) -> Iterator[Raised]:
    """A user says that a session is somebody else's."""
    for line in window.lines:
        if line.name == "session-reported":
            yield Raised(
                rule="not-me",
                severity="high",
                subject=said(line, "user_id") or str(line.session_id),
                title="A user reported a session that is not theirs",
                factors=("somebody else may know the password", "the session was ended"),
                at=line.at,
                user_id=said(line, "user_id"),
                session_id=line.session_id,
            )


def mass_revocation(window: Window) -> Iterator[Raised]:
    """Many sessions were ended at once, by whatever hand."""
    rules, by_reason = window.rules, window.tallied.revoked if window.tallied else {}
    counts = {reason: count for reason, count in by_reason.items() if reason not in _ORDINARY and count}
    total = sum(counts.values())
    if total >= rules.revoked:
        listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        yield Raised(
            rule="mass-revocation",
            severity="medium",
            subject="everybody",
            title="Many sessions were ended",
            factors=(
                _within(total, "session", rules.revoked_over),
                ", ".join(f"{count} for {reason.replace('_', ' ')}" for reason, count in listed),
                _limit(rules.revoked),
            ),
            at=window.now,
            count=total,
            adds=False,
        )


_ORDINARY = frozenset({Reason.SIGNED_OUT.value, Reason.REPLACED.value, Reason.CAP.value, Reason.USER.value})


# ── rates ─────────────────────────────────────────────────────────────────────────────────────


def refresh_failures(window: Window) -> Iterator[Raised]:
    """More refreshes than usual fail: a client that was broken, keys that differ, or somebody who tries."""
    if window.tallied is None:
        return
    rules, refreshes = window.rules, window.tallied.refreshes
    failed, total = _failed(refreshes), sum(refreshes.values())
    usually = _rate(window.tallied.refreshes_usually)
    rate = failed / total if total else 0.0
    if failed < rules.refresh_least or rate < max(
        rules.refresh_failures, rules.refresh_times_usual * (usually or 0.0)
    ):
        return
    why = sorted(((n, v) for v, n in refreshes.items() if n and v not in _SUCCEEDED), reverse=True)[:3]
    yield Raised(
        rule="refresh-failures",
        severity="high" if rate >= 0.5 else "medium",
        subject="everybody",
        title=f"Refresh failures {rate:.0%}",
        factors=(
            f"{failed:,} of {total:,} refreshes within {words(rules.refresh_over)}",
            "usually unknown" if usually is None else f"usually {usually:.1%}",
            ", ".join(f"{count} {verdict.removeprefix('refused:')}" for count, verdict in why),
        ),
        at=window.now,
        count=failed,
        adds=False,
    )


def unusual_creation(window: Window) -> Iterator[Raised]:
    """Far more sign-ins than in the same hour of earlier weeks, or far fewer."""
    rules, tallied = window.rules, window.tallied
    if tallied is None or len(tallied.created_before) < rules.created_weeks:
        return
    usual, now = median(tallied.created_before), tallied.created
    more = now >= rules.created_least and now > rules.created_times_usual * usual
    fewer = usual >= rules.created_least and now * rules.created_times_usual < usual
    if more or fewer:
        yield Raised(
            rule="creation-rate",
            severity="medium",
            subject="more" if more else "fewer",
            title="Many more sign-ins than usual" if more else "Far fewer sign-ins than usual",
            factors=(
                f"{now:,} within an hour",
                f"usually {usual:,.0f}, by the same hour of {len(tallied.created_before)} earlier weeks",
            ),
            at=window.now,
            count=now,
            adds=False,
        )


_SUCCEEDED = frozenset({"rotated", "twin", "lost_answer"})
# Not failures: who comes back too late, or after signing out elsewhere, is told so, and that is all.
_EXPECTED = frozenset({"refused:session_expired", "refused:session_revoked", "refused:unauthenticated"})


def _failed(refreshes: Mapping[str, int]) -> int:
    return sum(n for verdict, n in refreshes.items() if verdict not in _SUCCEEDED | _EXPECTED)


def _rate(refreshes: Mapping[str, int]) -> float | None:
    total = sum(refreshes.values())
    return _failed(refreshes) / total if total else None


# ── words ─────────────────────────────────────────────────────────────────────────────────────


def _about(
    session: Session, *, rule: str, severity: Severity, title: str, factors: tuple[str, ...]
) -> Raised:
    return Raised(
        rule=rule,
        severity=severity,
        subject=str(session.user_id),
        title=title,
        factors=factors,
        at=session.created_at,
        user_id=session.user_id,
        session_id=session.id,
    )


def _within(count: int, noun: str, span: timedelta) -> str:
    return f"{_counted(count, noun)} within {words(span)}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _limit(limit: int) -> str:
    return f"limit: {limit:,}"


RULES: Mapping[str, Rule] = {
    "failed-sign-ins": failed_for_account,
    "failed-sign-ins-from-address": failed_from_address,
    "new-device": new_device,
    "new-country": new_country,
    "impossible-travel": impossible_travel,
    "refresh-replay": refresh_replay,
    "not-me": not_me,
    "mass-revocation": mass_revocation,
    "refresh-failures": refresh_failures,
    "creation-rate": unusual_creation,
}
