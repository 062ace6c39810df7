"""The table of metrics: what each is called, what it counts, and by which labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, get_args

from msgspec import Struct

from sojourn.events import Verdict
from sojourn.observe.series.tally import BUCKETS
from sojourn.session import Reason

__all__ = ["BOUNDS", "DURATION", "STORE_TIME", "TABLE", "VERBS", "Key", "Metric", "Values", "from_totals"]

Key = tuple[str, ...]
"""A metric's name and the values of its labels, in their order; of a histogram the bucket behind them."""

Values = Mapping[Key, float]
Kind = Literal["counter", "gauge", "histogram"]

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of how long a verb of the store took, in seconds."""

VERBS = (
    "insert",
    "get",
    "replace",
    "touch",
    "select",
    "count",
    "revoke",
    "entries",
    "expire",
    "lease",
    "purge",
    "forget",
    "redact",
)


class Metric(Struct, frozen=True, kw_only=True):
    """A line of the table.

    `of`: which count of the journal it is, if it is one; `split` makes label values of that count's label.
    `known`: label values that are told from the beginning, as 0: what appears with 1 has no rate. Of a
    histogram `bounds` are the buckets but for the last. Without `own` it is the same whichever process
    answers; with it each process has its own, and the label `process` tells them apart.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()
    bounds: tuple[float, ...] = ()
    own: bool = False
    of: str | None = None
    split: Callable[[str], tuple[str, ...] | None] = lambda label: (label,)

    @property
    def full_name(self) -> str:
        """As it is written in a query; of a histogram without what is behind it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _all(label: str) -> tuple[str, ...]:
    return ()


def _verdict(label: str) -> tuple[str, ...]:
    verdict, _, code = label.partition(":")
    return verdict, code


def _expired(label: str) -> tuple[str, ...] | None:
    kind = label.removeprefix("expired-")
    return None if kind == label else (kind,)


def _counted(name: str, of: str, help: str, *labels: str, **more: object) -> Metric:
    """A counter of the journal; without *labels* it is one number."""
    if not labels:
        more = {"split": _all, "known": ((),)} | more
    return Metric(name=name, kind="counter", help=help, labels=labels, of=of, **more)  # type: ignore[arg-type]


def _own(name: str, kind: Kind, help: str, *labels: str, **more: object) -> Metric:
    return Metric(name=name, kind=kind, help=help, labels=labels, own=True, **more)  # type: ignore[arg-type]


_REASONS = tuple((reason.value,) for reason in Reason)
_VERDICTS = tuple((verdict, "") for verdict in (*get_args(Verdict), "replayed"))

TABLE: tuple[Metric, ...] = (
    # who is there
    Metric(
        name="sojourn_sessions_active",
        kind="gauge",
        help="Sessions that live now. Of many a store keeps the number, which may be a minute late.",
    ),
    Metric(name="sojourn_users_active", kind="gauge", help="Users who are signed in now."),
    Metric(
        name="sojourn_devices_per_user",
        kind="gauge",
        help="Live sessions of each user who is signed in, on average.",
    ),
    # what becomes of sessions
    _counted(
        "sojourn_sessions_started",
        "created",
        "Sessions that began, by how their user proved who they are.",
        "method",
        known=(("pwd",),),
    ),
    _counted(
        "sojourn_sessions_expired",
        "ended",
        "Sessions that ended by time: idle for too long, or at their absolute end.",
        "kind",
        known=(("idle",), ("absolute",)),
        split=_expired,
    ),
    _counted(
        "sojourn_sessions_revoked",
        "revoked",
        "Sessions that were ended on purpose, by the reason. signed_out: by their own user.",
        "reason",
        known=_REASONS,
    ),
    Metric(
        name="sojourn_session_duration_seconds",
        kind="histogram",
        help="How long sessions lasted that have ended, however they ended.",
        bounds=tuple(map(float, BUCKETS)),
        of="duration",
    ),
    _counted(
        "sojourn_refreshes",
        "refresh",
        "Refreshes by verdict: rotated, twin and lost_answer went well; code: why one was refused.",
        "verdict",
        "code",
        known=_VERDICTS,
        split=_verdict,
    ),
    _counted(
        "sojourn_sessions_seen",
        "requests",
        "Uses of sessions that were recorded, one in a minute or so of each: when people are active.",
    ),
    # what is worth a look
    _counted("sojourn_sign_ins_failed", "sign-in-failed", "Sign-ins with a wrong password or account."),
    _counted(
        "sojourn_tokens_refused", "refused", "Genuine-looking tokens that were turned away, by why.", "code"
    ),
    _counted(
        "sojourn_challenges",
        "challenged",
        "Sessions that want one more proof where they are used now, by what has changed.",
        "why",
    ),
    _counted(
        "sojourn_devices_changed", "device-changed", "Sessions in which the browser became another one."
    ),
    _counted("sojourn_new_devices", "new-device", "Sign-ins from a browser that is new to the user."),
    _counted("sojourn_new_countries", "new-country", "Sign-ins from a country that is new to the user."),
    _counted("sojourn_impossible_travels", "impossible-travel", "Sign-ins too far apart for the time."),
    _counted("sojourn_admin_acts", "admin", "What administrators did, by act.", "act"),
    Metric(
        name="sojourn_alerts_open", kind="gauge", help="Alerts that nobody has acknowledged.", known=((),)
    ),
    # what goes out
    Metric(
        name="sojourn_outbox_messages",
        kind="gauge",
        help="Messages that wait to be delivered, and those that were given up (dead) and are still kept.",
        labels=("state",),
    ),
    _counted(
        "sojourn_journal_lost",
        "lost",
        "Events that found no room while the journal could not be written; it says so too.",
    ),
    # how each process does
    _own("sojourn_feed_lag_seconds", "gauge", "How long ago the process began to read the feed to its end."),
    _own(
        "sojourn_feed_current",
        "gauge",
        "1: the process knows every revocation in time, and trusts snapshots; 0: it asks the store.",
    ),
    _own(
        "sojourn_snapshots",
        "counter",
        "Questions after a session, by what answered: a snapshot (kept here, or borne), or the store.",
        "by",
        known=(("snapshot",), ("store",)),
    ),
    _own("sojourn_near_cache_entries", "gauge", "Snapshots that the process keeps."),
    _own("sojourn_activity_waiting", "gauge", "Uses of sessions that wait to be written."),
    _own(
        "sojourn_store_seconds",
        "histogram",
        "How long each verb of the store took, round trip and all.",
        "verb",
        known=tuple((verb,) for verb in VERBS),
        bounds=BOUNDS,
    ),
    _own(
        "sojourn_store_faults",
        "counter",
        "Verbs of the store that failed: it was away, full or locked.",
        "verb",
        known=tuple((verb,) for verb in VERBS),
    ),
    _own("sojourn_journal_queued", "gauge", "Events that wait to be written to the journal."),
    _own("sojourn_journal_lag_seconds", "gauge", "How long the oldest of them has waited."),
    _own("sojourn_streams_open", "gauge", "Event streams that browsers keep open."),
    _own(
        "sojourn_unread",
        "gauge",
        "1: this part could not be read for this answer, so its metrics are missing here.",
        "part",
        known=(("store",), ("journal",), ("outbox",)),
    ),
    _own("sojourn_info", "gauge", "Always 1; which version this is.", "version"),
)

DURATION = "sojourn_session_duration_seconds"
STORE_TIME = "sojourn_store_seconds"


def from_totals(totals: Mapping[tuple[str, str], tuple[int, float]]) -> dict[Key, float]:
    """The metrics of what the journal has counted, or a process that heard the same events."""
    values: dict[Key, float] = {}
    for metric in TABLE:
        if metric.of is not None:
            counts = [(label, *sums) for (name, label), sums in totals.items() if name == metric.of]
            values |= _histogram(metric, counts) if metric.bounds else dict(_counter(metric, counts))
    return values


def _counter(metric: Metric, counts: Iterable[tuple[str, int, float]]) -> Iterator[tuple[Key, float]]:
    found: dict[Key, float] = {(metric.name, *labels): 0.0 for labels in metric.known}
    for label, count, _ in counts:
        labels = metric.split(label)
        if labels is not None:
            key = (metric.name, *labels)
            found[key] = found.get(key, 0.0) + count
    yield from found.items()


def _histogram(metric: Metric, counts: Iterable[tuple[str, int, float]]) -> dict[Key, float]:
    """Each bucket by itself; whoever tells them adds them up."""
    found: dict[Key, float] = {(metric.name, _bound(bound)): 0.0 for bound in metric.bounds}
    found |= {(metric.name, "+Inf"): 0.0, (metric.name, "sum"): 0.0}
    for label, count, total in counts:
        found[metric.name, "+Inf" if label == "inf" else _bound(float(label))] += count
        found[metric.name, "sum"] += total
    return found


def _bound(bound: float) -> str:
    return repr(bound)
