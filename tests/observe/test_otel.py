"""OpenTelemetry is told the same numbers by the same names, and nothing is made for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sojourn.errors import TokenInvalid
from sojourn.observe.metrics import otel
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from tests.observe.test_metrics import at_work, scraped
from tests.web.kit import Guests


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    """The SDK of metrics is set up, for this test."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    return reader


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The SDK of traces is set up, for this test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def points(reader: InMemoryMetricReader) -> dict[tuple[str, frozenset[Any]], float]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        (metric.name, frozenset((point.attributes or {}).items())): point.value  # type: ignore[union-attr]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


def test_the_same_numbers_by_the_same_names(clock: FakeClock, reader: InMemoryMetricReader) -> None:
    with at_work(clock) as server:
        browser = server.browser()
        browser.sign_up()
        browser.post("/api/auth/sign-out")
        told, exported = scraped(server), points(reader)
    lives = {(name, labels): value for (name, labels), value in told.items() if _is_of_events(name, labels)}
    assert lives[("sojourn_sessions_revoked_total", frozenset({("reason", "signed_out")}))] == 1
    assert len(lives) > 30
    assert {key: exported[key] for key in lives} == lives


def _is_of_events(name: str, labels: frozenset[tuple[str, str]]) -> bool:
    only_told = ("sojourn_sessions_active", "sojourn_users_active", "sojourn_devices_per_user")
    others = (*only_told, "sojourn_alerts_open", "sojourn_outbox_messages", "sojourn_journal_lost_total")
    return name not in others and "process" not in dict(labels)


def test_a_process_tells_how_it_does(clock: FakeClock, reader: InMemoryMetricReader) -> None:
    with at_work(clock, metrics="off") as server:
        server.browser().sign_up()
        exported = points(reader)
    assert exported[("sojourn_feed_current", frozenset())] == 1
    assert exported[("sojourn_store_seconds_count", frozenset({("verb", "insert")}))] == 1
    bucket = frozenset({("verb", "insert"), ("le", "+Inf")})
    assert exported[("sojourn_store_seconds_bucket", bucket)] == 1


def names(spans: InMemorySpanExporter) -> list[str]:
    return [span.name for span in spans.get_finished_spans()]


@pytest.fixture
def traced(clock: FakeClock, spans: InMemorySpanExporter) -> Iterator[Guests]:
    with at_work(clock, metrics="off") as server:
        spans.clear()
        yield server


def test_a_refresh_is_a_span_and_what_it_asks_is_inside(traced: Guests, spans: InMemorySpanExporter) -> None:
    issued = traced.start("ada")
    spans.clear()
    traced.run(traced.sessions.refresh, issued.token)
    found = {span.name: span for span in spans.get_finished_spans() if span.name != "sojourn.store.entries"}
    assert found.keys() == {"sojourn.store.get", "sojourn.store.replace", "sojourn.refresh"}
    refresh = found["sojourn.refresh"]
    assert dict(refresh.attributes or {}) == {"sojourn.verdict": "rotated"}
    assert found["sojourn.store.get"].parent == refresh.context


def test_a_span_of_a_failure_says_no_more_than_its_kind(traced: Guests, spans: InMemorySpanExporter) -> None:
    with pytest.raises(TokenInvalid):
        traced.run(traced.sessions.refresh, "canary")
    (span,) = [span for span in spans.get_finished_spans() if span.name == "sojourn.refresh"]
    assert span.status.description == "TokenInvalid"
    assert span.events == ()
    assert "canary" not in span.to_json()


def test_without_an_sdk_no_span_is_made_and_no_verb_is_wrapped(clock: FakeClock) -> None:
    assert otel.tracer() is None
    assert otel.meter() is None
    with at_work(clock, metrics="off") as server:
        assert isinstance(server.sessions.store, MemoryStore)
        assert "refresh" not in vars(server.sessions)
