"""Every rule about time and number, as one frozen value that cannot be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.errors import SettingsError

if TYPE_CHECKING:
    from sojourn.session import Session

__all__ = ["LEAST_IDLE", "Exceptions", "Policy", "words"]

LEAST_IDLE = timedelta(minutes=5)  # the shortest idle timeout that a user may choose

_ZERO = timedelta(0)
_MOST_KNOWN = 1_000  # policies that were worked out lately
_YEARLY = timedelta(days=400)  # RFC 6265bis section 5.5: no cookie outlives this, so no session needs to

AtCap = Literal["end_oldest", "end_idle", "refuse", "ask"]  # "ask": refuse, and say which are there
WhenAway = Literal["refuse", "go_on"]
Carried = Literal["encrypted", "signed"]
KeptAs = Literal["full", "cut", "hashed"]  # of an address
Binding = Literal["off", "notice", "step_up", "end"]


class Exceptions(Protocol):
    """Rules of some sessions that are not those of the others: see `rules.Rulebook`."""

    def of(self, policy: Policy, session: Session) -> Policy:
        """*policy* as it is for *session*, without exceptions."""
        ...

    def caps(self, policy: Policy, session: Session) -> Sequence[Any]:
        """The caps for *session* beside the policy's own: each with `scope`, `limit` and `at_cap`."""
        ...

    def knows(self, profile: str) -> bool:
        """Whether there are rules for *profile*."""
        ...

    def longest(self, policy: Policy) -> timedelta:
        """The longest lifetime of any session."""
        ...

    def shortest_touch(self, policy: Policy) -> timedelta:
        """The shortest `touch_every` of any session."""
        ...


class Policy(Struct, frozen=True, kw_only=True):
    """The rules of sessions. Without arguments: the consumer preset (NIST SP 800-63B-4, AAL1).

    Both limits are enforced on the server. A tightened policy holds at once for sessions that live
    already; a loosened one holds for the sessions that start after it.
    """

    lifetime: timedelta = timedelta(days=30)  # absolute end, from signing in (ASVS 7.3.2)
    idle_timeout: timedelta | None = timedelta(days=14)  # None: only the lifetime ends it (ASVS 7.3.1)
    touch_every: timedelta = timedelta(minutes=1)  # at most one write of activity per session and this long
    activity_every: timedelta = timedelta(minutes=5)  # how often a client reports that a person was active
    fresh_for: timedelta = timedelta(minutes=10)  # how long a sign-in suffices for a sensitive act
    rotate_every: timedelta | None = None  # how old a generation may get in cookie mode; None: any age

    grace: timedelta = timedelta(seconds=10)  # how long the previous generation is forgiven; 0: strict
    lost_answer: timedelta = timedelta(minutes=10)  # … while its successor was never seen in use; 0: strict

    max_sessions: int | None = 100  # live sessions of one user (ASVS 7.1.2); None: any number
    at_cap: AtCap = "end_idle"
    visitor_lifetime: timedelta = timedelta(days=1)  # of who has not signed in; `lifetime` if that is shorter
    max_data: int = 16_384  # bytes of JSON that a session may carry

    cache_for: timedelta = timedelta(minutes=5)  # how long a process may use a snapshot; 0: ask the store
    cookie_cache: timedelta | None = None  # … and how long one in a second cookie; None: no such cookie
    cookie_cache_form: Carried = "encrypted"  # "signed": the browser's owner can read it
    cached_data: tuple[
        str, ...
    ] = ()  # the keys of `data` that snapshots hold; the others are read when asked for
    max_staleness: timedelta = timedelta(seconds=1)  # how late a revocation may be felt (law 5)
    poll_every: timedelta = timedelta(milliseconds=250)  # how often the feed is asked; a push may come before
    flush_every: timedelta = timedelta(seconds=1)  # how long activity may wait in memory
    when_away: WhenAway = (
        "refuse"  # "go_on": while the store is away snapshots are used unseen, and law 5 waits
    )

    keep_ended: timedelta = timedelta(days=90)  # then `purge` removes the record
    show_ended: timedelta = timedelta(days=28)  # how far back "recently signed out" goes

    undo_for: timedelta = timedelta(
        seconds=10
    )  # how long the sign-out of another device can be undone; 0: no undo
    quarantine_for: timedelta = (
        _ZERO  # how long a session may end older ones of its user only after one more proof
    )

    impersonate_for: timedelta = timedelta(hours=1)  # how long an administrator may act as somebody else

    binding: Binding = "notice"  # what follows when browser, system or network change within a session
    addresses: KeptAs = "full"  # "cut": a /24 or /48; "hashed": under a key of the server
    keep_addresses: timedelta | None = timedelta(days=30)  # of a session, since it began; then they are cut

    exceptions: Exceptions | None = None  # other rules for an application, a tenant, a profile

    def __post_init__(self) -> None:
        for wrong, remedy in _impossible(self):
            if wrong:
                raise SettingsError(remedy)

    @property
    def allowance(self) -> timedelta:
        """How long the stored idle end may lie behind the idle limit.

        Activity is written at most once per `touch_every`, and waits up to `flush_every` for it, so
        the record may be that much older than the person's last act. Nobody is refused before the
        idle limit, nobody is accepted later than the limit plus this; `touch_every=0` writes each
        use at once and makes the limit exact.
        """
        return self.touch_every + self.flush_every if self.touch_every else _ZERO

    @property
    def longest_snapshot(self) -> timedelta:
        """How long any snapshot may be used: whoever follows the feed remembers its lines that long."""
        return max(self.cache_for, self.cookie_cache or _ZERO)

    @property
    def log_kept(self) -> timedelta:
        """How long the lines of the log are kept: who starts with old snapshots in cookies reads it all."""
        return max(timedelta(hours=1), 2 * self.longest_snapshot)

    def lifetime_of(self, user_id: str | None) -> timedelta:
        """How long a session may last; a visitor's never longer than that of somebody who signed in."""
        return self.lifetime if user_id is not None else min(self.visitor_lifetime, self.lifetime)

    def of(self, session: Session) -> Policy:
        """The policy as it is for *session*: every decision about one begins with this."""
        policy = self if self.exceptions is None else self.exceptions.of(self, session)
        own = session.idle_timeout
        return policy if own is None else _within(policy, own)

    def profile(self, role: str) -> str | None:
        """What a session of somebody with *role* records: the role, if there are rules for it."""
        return role if self.exceptions is not None and self.exceptions.knows(role) else None

    @property
    def longest(self) -> timedelta:
        """No session that is older than this lives."""
        return self.lifetime if self.exceptions is None else self.exceptions.longest(self)

    @property
    def shortest_touch(self) -> timedelta:
        """How far apart the uses of one session may be that have to be written both."""
        shortest = self.touch_every if self.exceptions is None else self.exceptions.shortest_touch(self)
        return min(shortest, LEAST_IDLE / 4)  # as `_within` has it

    def changed(self, **fields: Any) -> Policy:
        """The same policy with *fields* set, checked again."""
        return _replaced(self, **fields)

    @classmethod
    def workforce(cls, **fields: Any) -> Policy:
        """AAL2: 24 hours, 1 hour idle, fresh for 5 minutes (NIST SP 800-63B-4 section 2.2.3)."""
        return cls(**_WORKFORCE | fields)

    @classmethod
    def high(cls, **fields: Any) -> Policy:
        """AAL3: at most 12 hours (that is a *shall*), 15 minutes idle, fresh for the next act only.

        "Re-authenticate every time" is kept as one minute: long enough to act on, too short to
        act on twice unnoticed.
        """
        policy = cls(**_HIGH | fields)
        if policy.lifetime > timedelta(hours=12):
            raise SettingsError(
                "the high preset allows at most 12 hours (NIST SP 800-63B-4 section 2.3.3); "
                "lower lifetime or build on Policy.workforce()"
            )
        return policy

    @classmethod
    def bank(cls, **fields: Any) -> Policy:
        """A bank or an administrators' console: 4 hours, 5 minutes idle, no kindness to lost answers."""
        return cls(**_BANK | fields)


_WORKFORCE: dict[str, Any] = {
    "lifetime": timedelta(hours=24),
    "idle_timeout": timedelta(hours=1),
    "fresh_for": timedelta(minutes=5),
    "rotate_every": timedelta(minutes=15),
    "max_sessions": 20,
    "visitor_lifetime": timedelta(hours=1),
}
_HIGH: dict[str, Any] = _WORKFORCE | {
    "lifetime": timedelta(hours=12),
    "idle_timeout": timedelta(minutes=15),
    "fresh_for": timedelta(minutes=1),
    "max_sessions": 5,
}
_BANK: dict[str, Any] = _HIGH | {
    "lifetime": timedelta(hours=4),
    "idle_timeout": timedelta(minutes=5),
    "activity_every": timedelta(minutes=1),
    "rotate_every": timedelta(minutes=5),
    "lost_answer": _ZERO,
    "max_sessions": 3,
    "undo_for": _ZERO,
    "quarantine_for": timedelta(hours=24),
}


def _within(policy: Policy, own: timedelta) -> Policy:
    """*policy* with the idle timeout *own*, which a user chose, if that is the shorter one."""
    known = _known.get((id(policy), own))
    if known is None or known[0] is not policy:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[id(policy), own] = policy, _shorter(policy, max(own, LEAST_IDLE))
    return known[1]


def _shorter(policy: Policy, idle: timedelta) -> Policy:
    limit = policy.idle_timeout
    if limit is not None and idle >= limit:
        return policy
    idle = min(idle, policy.lifetime)
    return policy.changed(
        idle_timeout=idle,
        touch_every=min(policy.touch_every, idle / 4),
        activity_every=min(policy.activity_every, idle / 2),
    )


_known: dict[
    tuple[int, timedelta], tuple[Policy, Policy]
] = {}  # it keeps the first one, so its id stays its own


def words(span: timedelta) -> str:
    """*span* as people say it: "15 minutes", "30 days", "1 day". Rounded down to its largest whole unit."""
    for unit, size in _UNITS:
        if span >= size and (span % size == _ZERO or span >= 2 * size):
            count = span // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    seconds = int(span.total_seconds())
    return f"{seconds} second" if seconds == 1 else f"{seconds} seconds"


_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def _impossible(p: Policy) -> list[tuple[bool, str]]:
    """Each combination that cannot work, with its remedy."""
    idle = p.idle_timeout
    return [
        (p.lifetime <= _ZERO, "lifetime must be positive; give a timedelta such as timedelta(days=30)"),
        (
            p.lifetime > _YEARLY,
            "lifetime must be at most 400 days, because browsers keep no cookie longer; lower lifetime",
        ),
        (
            idle is not None and idle <= _ZERO,
            "idle_timeout must be positive; use None for a session that only its lifetime ends",
        ),
        (
            idle is not None and idle > p.lifetime,
            "idle_timeout must not be longer than lifetime; lower idle_timeout or raise lifetime",
        ),
        (p.touch_every < _ZERO, "touch_every must not be negative; 0 writes every use"),
        (
            idle is not None and p.touch_every * 4 > idle,
            "touch_every must be at most a quarter of idle_timeout; raise idle_timeout or lower touch_every",
        ),
        (
            idle is not None and p.activity_every >= idle,
            "activity_every must be shorter than idle_timeout, or active people are signed out; "
            "raise idle_timeout or lower activity_every",
        ),
        (p.activity_every <= _ZERO, "activity_every must be positive; a usual value is 5 minutes"),
        (
            p.fresh_for <= _ZERO,
            "fresh_for must be positive, or no sensitive act is possible; raise fresh_for",
        ),
        (
            p.fresh_for > p.lifetime,
            "fresh_for must not be longer than lifetime; lower fresh_for or raise lifetime",
        ),
        (
            p.rotate_every is not None and p.rotate_every < timedelta(minutes=1),
            "rotate_every must be at least 1 minute, or clients do nothing but refresh; "
            "raise it, or use None to rotate only on demand",
        ),
        (
            p.rotate_every is not None and p.rotate_every > p.lifetime,
            "rotate_every must not be longer than lifetime; lower it, or use None to rotate only on demand",
        ),
        (p.grace < _ZERO, "grace must not be negative; 0 forgives nothing"),
        (
            p.grace > timedelta(minutes=1),
            "grace must be at most 1 minute, because a thief profits from it too; lower grace",
        ),
        (p.lost_answer < _ZERO, "lost_answer must not be negative; 0 forgives nothing"),
        (
            p.lost_answer > timedelta(hours=1),
            "lost_answer must be at most 1 hour, because a thief profits from it too; lower lost_answer",
        ),
        (
            p.max_sessions is not None and p.max_sessions < 1,
            "max_sessions must be at least 1; use None for any number",
        ),
        (
            p.at_cap not in get_args(AtCap),
            "at_cap must be 'end_oldest', 'end_idle', 'refuse' or 'ask'",
        ),
        (
            p.visitor_lifetime <= _ZERO,
            "visitor_lifetime must be positive; give a timedelta such as timedelta(days=1)",
        ),
        (p.cache_for < _ZERO, "cache_for must not be negative; 0 asks the store each time"),
        (
            p.cookie_cache is not None and not _ZERO < p.cookie_cache <= timedelta(days=1),
            "cookie_cache must be positive and at most 1 day; usual are 5 minutes, None switches it off",
        ),
        (p.cache_for > timedelta(days=1), "cache_for must be at most 1 day; lower cache_for"),
        (
            p.cookie_cache_form not in ("encrypted", "signed"),
            "cookie_cache_form must be 'encrypted' or 'signed'",
        ),
        (p.when_away not in ("refuse", "go_on"), "when_away must be 'refuse' or 'go_on'"),
        (p.poll_every <= _ZERO, "poll_every must be positive; a usual value is 250 milliseconds"),
        (
            p.max_staleness < 2 * p.poll_every,
            "max_staleness must be at least twice poll_every, or one late poll makes every request ask the "
            "store; raise max_staleness or lower poll_every",
        ),
        (p.max_staleness > timedelta(minutes=5), "max_staleness must be at most 5 minutes; lower it"),
        (p.flush_every < _ZERO, "flush_every must not be negative; 0 writes activity at once"),
        (
            p.flush_every > timedelta(minutes=1),
            "flush_every must be at most 1 minute: what waits is lost when the process is killed; lower it",
        ),
        (p.max_data < 0, "max_data must not be negative; 0 allows no data"),
        (
            p.keep_ended < p.show_ended,
            "keep_ended must not be shorter than show_ended; raise keep_ended or lower show_ended",
        ),
        (p.show_ended < _ZERO, "show_ended must not be negative; 0 shows nothing"),
        (p.undo_for < _ZERO, "undo_for must not be negative; 0 signs out for good at once"),
        (
            p.undo_for > timedelta(minutes=1),
            "undo_for must be at most 1 minute, because until then nothing is final; lower undo_for",
        ),
        (p.quarantine_for < _ZERO, "quarantine_for must not be negative; 0 trusts new sessions at once"),
        (
            not _ZERO < p.impersonate_for <= timedelta(hours=12),
            "impersonate_for must be positive and at most 12 hours; a usual value is 1 hour",
        ),
        (
            p.binding not in get_args(Binding),
            "binding must be 'off', 'notice', 'step_up' or 'end'",
        ),
        (p.addresses not in get_args(KeptAs), "addresses must be 'full', 'cut' or 'hashed'"),
        (
            p.keep_addresses is not None and p.keep_addresses < _ZERO,
            "keep_addresses must not be negative; 0 cuts addresses at once, None keeps them",
        ),
    ]
