"""OpenTelemetry: the same metrics by the same names, and spans, where its SDK has been set up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.table import TABLE, Key, Metric
from sojourn.sessions import AsyncSessions, Issued

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, Observation
    from opentelemetry.trace import Tracer

__all__ = ["meter", "observe", "span_of", "trace_refreshes", "tracer"]

Span = Callable[[str], AbstractContextManager[Any]]


def tracer() -> Tracer | None:
    """The tracer of the SDK that is set up; None: no span is to be made, not even one that does nothing."""
    api = _set_up("opentelemetry.trace", "get_tracer_provider")
    found: Tracer | None = None if api is None else api.get_tracer("sojourn")
    return found


def meter() -> Meter | None:
    """The meter of the SDK that is set up."""
    api = _set_up("opentelemetry.metrics", "get_meter_provider")
    found: Meter | None = None if api is None else api.get_meter("sojourn")
    return found


def _set_up(name: str, provider: str) -> ModuleType | None:
    """The API's module, if behind it is more than the API, whose own providers do nothing.

    Nobody has set up what nobody has imported: so without it nothing is loaded here.
    """
    api = sys.modules.get(name)
    if api is None or type(getattr(api, provider)()).__module__.startswith(name):
        return None
    return api


# ── spans ─────────────────────────────────────────────────────────────────────────────────────


def span_of(tracer: Tracer) -> Span:
    """A span by name. Of a failure it has the kind alone: the message may name an address or a person."""
    from opentelemetry.trace import Status, StatusCode

    @contextmanager
    def span(name: str) -> Iterator[Any]:
        with tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        ) as current:
            try:
                yield current
            except BaseException as error:
                current.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    return span


def trace_refreshes(sessions: AsyncSessions, span: Span) -> None:
    """Have each refresh of *sessions* be a span, with its verdict; those of the store's verbs are inside."""
    refresh = sessions.refresh

    async def traced(token: str, **named: Any) -> Issued:
        with span("sojourn.refresh") as current:
            issued = await refresh(token, **named)
            current.set_attribute("sojourn.verdict", issued.verdict or "")
            return issued

    sessions.refresh = traced  # type: ignore[method-assign]


# ── metrics ───────────────────────────────────────────────────────────────────────────────────


def observe(process: Process, meter: Meter) -> None:
    """Have *meter* tell what *process* says of itself: each process its own, to be added up elsewhere.

    It is asked when the SDK exports, and asks no store. A histogram is told as Prometheus has it: its
    buckets, its count and its sum as counters.
    """
    for metric in TABLE:
        if metric.own or metric.of is not None:
            for name, read in _series(metric):
                add = meter.create_observable_counter
                if metric.kind == "gauge":
                    add = meter.create_observable_gauge  # type: ignore[assignment]
                add(name, callbacks=[_asked(process, metric, read)], description=metric.help)


Labelled = tuple[dict[str, str], float]
Read = Callable[[Metric, dict[Key, float]], Iterable[Labelled]]


def _asked(process: Process, metric: Metric, read: Read) -> Callable[[Any], Iterable[Observation]]:
    from opentelemetry.metrics import Observation

    def asked(_: Any) -> Iterable[Observation]:
        values = {key: value for key, value in process.values().items() if key[0] == metric.name}
        return [Observation(value, labels) for labels, value in read(metric, values)]

    return asked


def _series(metric: Metric) -> list[tuple[str, Read]]:
    if metric.kind != "histogram":
        return [(metric.full_name, _plain)]
    return [
        (f"{metric.name}_bucket", _buckets),
        (f"{metric.name}_count", _counts),
        (f"{metric.name}_sum", _sums),
    ]


def _plain(metric: Metric, values: dict[Key, float]) -> Iterator[Labelled]:
    for key, value in values.items():
        yield dict(zip(metric.labels, key[1:], strict=True)), value


def _buckets(metric: Metric, values: dict[Key, float]) -> Iterator[Labelled]:
    for labelled in dict.fromkeys(key[1:-1] for key in values):
        labels, count = dict(zip(metric.labels, labelled, strict=True)), 0.0
        for bound in (*map(repr, metric.bounds), "+Inf"):
            count += values[metric.name, *labelled, bound]
            yield labels | {"le": bound}, count


def _counts(metric: Metric, values: dict[Key, float]) -> Iterator[Labelled]:
    for labels, count in _buckets(metric, values):
        if labels.pop("le") == "+Inf":
            yield labels, count


def _sums(metric: Metric, values: dict[Key, float]) -> Iterator[Labelled]:
    for key, value in values.items():
        if key[-1] == "sum":
            yield dict(zip(metric.labels, key[1:-1], strict=True)), value
