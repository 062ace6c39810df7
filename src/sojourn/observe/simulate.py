"""What another policy would have done to the sessions that the journal knows: pure, from lines to numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from msgspec import Struct, field

from sojourn.activity import LEAST_PAUSE, SHARE
from sojourn.observe.journal.line import Line
from sojourn.policy import Policy, words
from sojourn.session import Session, began

__all__ = ["COHORTS", "NAMES", "Counts", "Effect", "Life", "lives", "simulate"]

Why = Literal["lifetime", "idle", "cap", "replay", "binding"]

NAMES = (
    "session-established",
    "session-presented",
    "session-refreshed",
    "session-renewed",
    "device-changed",
    "network-changed",
    "session-expired",
    "session-revoked",
    "token-reused",
)
"""The lines that are read."""

COHORTS = ("kind", "country", "application", "tenant", "profile", "method", "remember")

_CHANGES = ("device-changed", "network-changed")
_NEVER = timedelta.max


class Life(Struct, kw_only=True):
    """What the journal knows of one session.

    `pauses`: from when to when nobody used it, as far as they were long enough to be written down.
    `again`: of refreshes with a token that had a successor, when, how old that was, and the verdict.
    `uses`: when it was certainly in use. `changes`: when browser or network became another one.
    """

    id: UUID
    started_at: datetime
    person: bytes | None = None
    kind: str = "not known"
    country: str = "not known"
    application_id: str | None = None
    tenant_id: str | None = None
    profile: str | None = None
    remember: bool = False
    method: str = "not known"
    idle_timeout: timedelta | None = None  # a user's own is not in the journal
    pauses: list[tuple[datetime, datetime]] = field(default_factory=list)
    again: list[tuple[datetime, timedelta, str]] = field(default_factory=list)
    uses: list[datetime] = field(default_factory=list)
    changes: list[datetime] = field(default_factory=list)
    rotated_at: datetime | None = None
    ended_at: datetime | None = None
    ended_idle: bool = False

    def cohort(self, name: str) -> str:
        """In which part of *name* it is counted."""
        if name == "remember":
            return "yes" if self.remember else "no"
        found = getattr(self, f"{name}_id" if name in ("application", "tenant") else name)
        return found or "none"


class Counts(Struct):
    """Of how many `sessions` how many would have `ended` earlier; `noticed`: while somebody still used them.

    `challenged`: who would have been asked for one more proof, and had not to end.
    """

    sessions: int = 0
    ended: int = 0
    noticed: int = 0
    challenged: int = 0


class Effect(Struct, frozen=True, kw_only=True):
    """What a policy would have done. `why`: what would have ended them; `by`: the same for each cohort."""

    since: datetime
    until: datetime
    all: Counts
    why: Mapping[Why, int]
    by: Mapping[str, Mapping[str, Counts]]
    assumptions: list[str]


# ── from lines to lives ───────────────────────────────────────────────────────────────────────


def lives(lines: Iterable[Line], *, into: dict[UUID, Life] | None = None) -> dict[UUID, Life]:
    """The sessions of *lines*, which are in order; *into*: those of the lines before.

    Of one that began before all of them only its age is known.
    """
    found = {} if into is None else into
    for line in lines:
        id = line.session_id
        if id is not None and id.version == 7 and line.name in NAMES:
            life = found.get(id)
            if life is None:
                life = found[id] = Life(id=id, started_at=began(id))
            _learn(life, line)
    return found


def _learn(life: Life, line: Line) -> None:
    at, facts = line.at, line.facts
    life.person = life.person or line.person
    match line.name:
        case "session-established":
            _begin(life, line)
        case "session-presented":
            life.pauses.append((at - timedelta(seconds=facts["pause"]), at))
            life.uses.append(at)
        case "session-refreshed":
            if facts["verdict"] == "rotated":
                life.rotated_at = at
            elif life.rotated_at is not None:
                life.again.append((at, at - life.rotated_at, facts["verdict"]))
            life.uses.append(at)
        case "session-expired":
            life.ended_at = life.started_at + timedelta(seconds=facts["duration"])
            life.ended_idle = facts["kind"] == "idle"
        case "session-revoked" | "token-reused":
            life.ended_at = life.ended_at or at
        case _:
            life.uses.append(at)
            if line.name in _CHANGES:
                life.changes.append(at)


def _begin(life: Life, line: Line) -> None:
    facts = line.facts
    life.started_at = line.at
    life.kind, life.country = facts.get("kind", "not known"), facts.get("country", "not known")
    life.application_id, life.tenant_id = facts.get("application_id"), facts.get("tenant_id")
    life.profile, life.remember = facts.get("profile"), facts.get("remember", False)
    life.method = next(iter(facts.get("amr", ())), "none")


# ── from lives to ends ────────────────────────────────────────────────────────────────────────


class _End(Struct, frozen=True):
    at: datetime
    why: Why


def _of(policy: Policy, life: Life) -> Policy:
    """*policy* as it is for the session: it looks at fields that a life has too."""
    return policy.of(cast(Session, life))


def _ends(life: Life, policy: Policy, recorded: Policy) -> Iterator[_End]:
    """When and why *policy* would have ended it, each rule by itself."""
    lifetime = policy.lifetime_of(None if life.person is None else "somebody")
    yield _End(_after(life.started_at, lifetime), "lifetime")
    if policy.idle_timeout is not None:
        longest = policy.idle_timeout + policy.allowance
        for since, until in _pauses(life, recorded):
            if until - since >= longest:
                yield _End(since + longest, "idle")
    for at, age, verdict in life.again:
        forgiven = policy.grace if verdict == "twin" else max(policy.grace, policy.lost_answer)
        if age > forgiven:
            yield _End(at, "replay")
    if policy.binding == "end":
        yield from (_End(at, "binding") for at in life.changes)


def _pauses(life: Life, recorded: Policy) -> Iterator[tuple[datetime, datetime]]:
    """Those that were written down; and the last one, of who ended for want of use."""
    yield from life.pauses
    idle = recorded.idle_timeout
    if life.ended_idle and life.ended_at is not None and idle is not None:
        since = max(life.ended_at - idle - recorded.allowance, life.started_at)
        yield since, life.ended_at


def _after(at: datetime, span: timedelta) -> datetime:
    try:
        return at + span
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)


def _first(life: Life, policy: Policy, recorded: Policy) -> _End:
    ends = _ends(life, _of(policy, life), _of(recorded, life))
    return min(ends, key=lambda end: end.at)


# ── from ends to numbers ──────────────────────────────────────────────────────────────────────


def simulate(
    known: Mapping[UUID, Life], *, proposed: Policy, recorded: Policy, since: datetime, until: datetime
) -> Effect:
    """What *proposed* would have done to *known* from *since* until *until*, in place of *recorded*.

    A session counts as ended earlier if *proposed* ends it before it really ended, and before *recorded*
    would have by the same reckoning. So what the reckoning cannot see does not count as an effect.
    """
    ends = _all_ends(known, proposed, recorded, until)
    usual = _all_ends(known, recorded, recorded, until)
    total, why = Counts(), dict[Why, int]()
    by: dict[str, dict[str, Counts]] = {cohort: {} for cohort in COHORTS}
    for id, life in known.items():
        end = ends[id]
        really = min(life.ended_at or until, usual[id].at)
        early = end if since <= end.at < really else None
        groups = [total, *(by[cohort].setdefault(life.cohort(cohort), Counts()) for cohort in COHORTS)]
        if early is not None:
            why[early.why] = why.get(early.why, 0) + 1
        for counts in groups:
            _count(counts, life, early, proposed, recorded)
    return Effect(
        since=since,
        until=until,
        all=total,
        why=why,
        by=by,
        assumptions=_assumptions(proposed, recorded, since),
    )


def _count(counts: Counts, life: Life, early: _End | None, proposed: Policy, recorded: Policy) -> None:
    counts.sessions += 1
    if early is not None:
        counts.ended += 1
        counts.noticed += _is_noticed(life, early)
    elif life.changes and _challenges(proposed, life) and not _challenges(recorded, life):
        counts.challenged += 1


def _is_noticed(life: Life, end: _End) -> bool:
    """Whether somebody used it afterwards, so that they would have had to sign in again."""
    later = [use for use in life.uses if use >= end.at]
    signed_out = life.ended_at is not None and not life.ended_idle and life.ended_at > end.at
    return bool(later) or signed_out


def _challenges(policy: Policy, life: Life) -> bool:
    return _of(policy, life).binding == "step_up"


def _all_ends(
    known: Mapping[UUID, Life], policy: Policy, recorded: Policy, until: datetime
) -> dict[UUID, _End]:
    """When each would have ended: by itself, or because its user signed in on one device too many."""
    ends = {id: _first(life, policy, recorded) for id, life in known.items()}
    living: dict[bytes, list[Life]] = {}
    for life in sorted(known.values(), key=lambda life: (life.started_at, life.id)):
        if life.person is None:
            continue
        mine = [
            other
            for other in living.get(life.person, ())
            if min(ends[other.id].at, other.ended_at or until) > life.started_at
        ]
        limit = _of(policy, life).max_sessions
        while limit is not None and len(mine) >= limit:
            oldest = mine.pop(0)
            ends[oldest.id] = _End(life.started_at, "cap")
        living[life.person] = [*mine, life]
    return ends


# ── what it cannot know ───────────────────────────────────────────────────────────────────────


def _assumptions(proposed: Policy, recorded: Policy, since: datetime) -> list[str]:
    least = max(LEAST_PAUSE, recorded.longest_snapshot)
    said = [
        f"Pauses are known from {words(least)} on, and only if they were at least 1/{SHARE} as long as the "
        "session had lasted: shorter ones end nobody here.",
        "What was in force is taken to have been the policy of today, all the time.",
        "People would have done the same: who is signed out earlier signs in again, and that is not counted.",
        f"Of sessions that began before {since:%Y-%m-%d %H:%M} UTC only the age is known, and no cohort.",
    ]
    if proposed.idle_timeout is not None and proposed.idle_timeout < least:
        said.append(
            f"The idle timeout is shorter than what is known: at least so many end, and by pauses of "
            f"{words(proposed.idle_timeout)} to {words(least)} more."
        )
    if proposed.binding in ("step_up", "end") and recorded.binding == "off":
        said.append("No change of browser or network was written down while binding was off.")
    if proposed.max_sessions != recorded.max_sessions:
        said.append("On one device too many the oldest session ends here, whatever at_cap says.")
    if proposed.fresh_for < recorded.fresh_for:
        said.append("Which acts wanted a fresh sign-in is not in the journal: more people would be asked.")
    return said
