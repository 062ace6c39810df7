"""What a server measures of itself, as its settings have it: for Prometheus, and for OpenTelemetry."""

from __future__ import annotations

from urllib.parse import urlsplit

from sojourn.api.admin.stats import living
from sojourn.api.metrics import Exposed
from sojourn.directory import Directory
from sojourn.observe.journal.writer import Journal
from sojourn.observe.metrics import otel
from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.heard import Heard
from sojourn.observe.metrics.scrape import Metrics
from sojourn.observe.metrics.table import Key
from sojourn.observe.metrics.timed import StoreTimes, timed
from sojourn.settings import Settings
from sojourn.stores.protocol import Store
from sojourn.web.carrier import is_loopback
from sojourn.web.site import Site

__all__ = ["Meter"]


class Meter:
    """One application's. First its store is handed over to be timed; when all of it is there, `begin`."""

    def __init__(self, settings: Settings) -> None:
        local = is_loopback(urlsplit(settings.origin).hostname or "")
        self._to = "off" if settings.metrics == "local" and not local else settings.metrics
        tracer, self._meter = otel.tracer(), otel.meter()
        self._span = None if tracer is None else otel.span_of(tracer)
        self._times = StoreTimes()

    def timed(self, store: Store) -> Store:
        """*store*, timed if anybody is told of it."""
        if self._to == "off" and self._meter is None and self._span is None:
            return store
        return timed(store, self._times, span=self._span)

    def begin(self, site: Site, directory: Directory, journal: Journal | None) -> Exposed | None:
        """What `/metrics` tells; None: nobody may read it."""
        sessions, ledger = site.sessions, journal.ledger if journal else None
        if self._span is not None:
            otel.trace_refreshes(sessions, self._span)
        heard = None
        if self._meter is not None or ledger is None:
            heard = Heard()
            sessions.listen(heard.hear)
        if self._meter is not None:
            otel.observe(self._process(site, journal, heard), self._meter)
        if self._to == "off":
            return None

        async def there() -> dict[Key, float]:
            found = await living(sessions, ledger)
            each = found.sessions / found.users if found.users else 0.0
            return {
                ("sojourn_sessions_active",): found.sessions,
                ("sojourn_users_active",): found.users,
                ("sojourn_devices_per_user",): each,
            }

        async def outbox() -> dict[Key, float]:
            count = directory.store.count_messages
            return {
                ("sojourn_outbox_messages", "waiting"): await count("waiting"),
                ("sojourn_outbox_messages", "dead"): await count("dead"),
            }

        process = self._process(site, journal, None if ledger else heard)
        parts = {"store": there, "outbox": outbox}
        return Exposed(Metrics(process, parts=parts, ledger=ledger, faults=site.faults), self._to)

    def _process(self, site: Site, journal: Journal | None, heard: Heard | None) -> Process:
        return Process(
            site.sessions,
            times=self._times,
            journal=journal,
            heard=heard,
            streams=lambda: site.streams.open,
        )
