"""What was read, as Prometheus is told it: in its text format, or through its client's registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.table import TABLE, Key, Metric, Values

__all__ = ["ProcessCollector", "Read", "exposed", "families"]


class Read(Struct, frozen=True):
    """What was read for one answer: what is the same whoever answers, and by process what is its own."""

    shared: Values
    own: Mapping[str, Values]


def exposed(read: Read, accept: str) -> tuple[bytes, str]:
    """*read* in the text format that a scraper takes best, by its Accept header, and that format's name."""
    encode, kind = choose_encoder(accept)
    return encode(_Once(families(read))), kind


def families(read: Read) -> Iterator[Family]:
    """One family for each line of the table, in its order, also of what has no values yet."""
    for metric in TABLE:
        family = Family(metric.name, metric.help, metric.kind)
        for values, process in [
            (read.shared, None),
            *((own, name) for name, own in sorted(read.own.items())),
        ]:
            _add(family, metric, values, process)
        yield family


class ProcessCollector(Collector):
    """The metrics of one process, for the registry of an application that has its own `/metrics`.

        REGISTRY.register(ProcessCollector(Process(sessions, heard=heard)))

    It asks no store: nobody is counted who lives, only what this process has seen to happen.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

    def collect(self) -> Iterable[Family]:
        # Without the label `process`: whoever scrapes this one process names it by its instance.
        return [family for family in families(Read(self._process.values(), {})) if family.samples]


class _Once(Collector):
    def __init__(self, found: Iterable[Family]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Family]:
        return self._found


def _add(family: Family, metric: Metric, values: Values, process: str | None) -> None:
    beside = {} if process is None else {"process": process}
    if metric.kind == "histogram":
        _add_histogram(family, metric, values, beside)
        return
    for key, value in _of(metric.name, values):
        labels = dict(zip(metric.labels, key[1:], strict=True)) | beside
        family.add_sample(metric.full_name, labels, value)


def _add_histogram(family: Family, metric: Metric, values: Values, beside: Mapping[str, str]) -> None:
    found: dict[Sequence[str], dict[str, float]] = {}
    for key, value in _of(metric.name, values):
        found.setdefault(key[1:-1], {})[key[-1]] = value
    for labelled, buckets in found.items():
        labels = dict(zip(metric.labels, labelled, strict=True)) | dict(beside)
        count = 0.0
        for bound in (*map(repr, metric.bounds), "+Inf"):
            count += buckets[bound]
            family.add_sample(f"{metric.name}_bucket", labels | {"le": bound}, count)
        family.add_sample(f"{metric.name}_count", labels, count)
        family.add_sample(f"{metric.name}_sum", labels, buckets["sum"])


def _of(name: str, values: Values) -> Iterator[tuple[Key, float]]:
    return ((key, value) for key, value in values.items() if key[0] == name)
