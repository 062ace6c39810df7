"""What `/metrics` says: exactly what happened, the same from each process, nothing about a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as parsed

from sojourn.api.metrics import Exposed
from sojourn.background import Worker
from sojourn.errors import TokenReplayed
from sojourn.events import JournalGap, SignInFailed
from sojourn.observe.journal.line import Filter
from sojourn.observe.metrics.gauges import Process
from sojourn.observe.metrics.scrape import Metrics
from sojourn.observe.metrics.table import TABLE
from sojourn.session import Place, Reason
from sojourn.testing import FakeClock
from tests.web.kit import ADA, ORIGIN, PASSWORD, Guests, make_server

SERVED = "http://127.0.0.1:8000"  # an origin that is this machine's
TOKEN = "a token for who scrapes"
Labels = frozenset[tuple[str, str]]


@contextmanager
def at_work(clock: FakeClock, **settings: Any) -> Iterator[Guests]:
    with make_server(clock, **({"metrics": "open"} | settings)).open() as server:
        yield server


@pytest.fixture
def server(clock: FakeClock) -> Iterator[Guests]:
    with at_work(clock) as found:
        yield found


def written(server: Guests) -> None:
    """Have the journal write what this process has heard."""
    journal = server.app.state.journal
    if journal is not None:
        server.run(server.sessions.flush)
        server.run(journal.flush)


def scraped(server: Guests) -> dict[tuple[str, Labels], float]:
    """Each sample by name and labels."""
    written(server)
    answer = server.script().get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(answer.text)
        for sample in family.samples
    }


def value(samples: Mapping[tuple[str, Labels], float], name: str, /, **labels: str) -> float:
    """Of *name* with exactly these labels, but for the process."""
    wanted = frozenset(labels.items())
    found = [
        said
        for (called, own), said in samples.items()
        if called == name and frozenset(pair for pair in own if pair[0] != "process") == wanted
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def expire(server: Guests) -> None:
    """Have it noticed who ended by time."""
    server.run(Worker(server.sessions).step, server.clock())


# ── the law: what happened is what is counted ─────────────────────────────────────────────────


def live_known_lives(server: Guests, clock: FakeClock) -> None:
    """Seven sessions: two sign out, one is revoked by another device, one by an administrator, two expire."""
    ada = server.browser()
    ada.sign_up()
    other = server.browser()
    other.sign_in()
    clock.tick(minutes=10)
    other.post("/api/auth/sign-out")
    admins, users = server.start("bob", amr=("pwd",)), server.start("bob", amr=("hwk",))
    clock.tick(hours=2)
    ada.post("/api/auth/sign-out")
    for issued, reason in ((admins, Reason.ADMIN), (users, Reason.USER)):
        server.run(server.sessions.revoke, issued.session.id, owner="bob", reason=reason)
    server.start("eve", idle_timeout=timedelta(minutes=30))
    clock.tick(days=31)
    expire(server)
    server.start("eve")
    clock.tick(days=15)
    expire(server)
    server.start("eve")


@pytest.mark.parametrize("journal", ["memory://", "off"])
def test_known_sessions_are_counted_exactly(clock: FakeClock, journal: str) -> None:
    with at_work(clock, journal=journal) as server:
        live_known_lives(server, clock)
        found = scraped(server)
    assert value(found, "sojourn_sessions_started_total", method="pwd") == 3
    assert value(found, "sojourn_sessions_started_total", method="hwk") == 1
    assert value(found, "sojourn_sessions_started_total", method="other") == 3
    assert value(found, "sojourn_sessions_expired_total", kind="idle") == 2
    assert value(found, "sojourn_sessions_expired_total", kind="absolute") == 0
    revoked = {reason: value(found, "sojourn_sessions_revoked_total", reason=reason) for reason in Reason}
    expected = {Reason.SIGNED_OUT: 2, Reason.ADMIN: 1, Reason.USER: 1}
    assert {reason: count for reason, count in revoked.items() if count} == expected
    assert value(found, "sojourn_sessions_active") == 1
    assert value(found, "sojourn_users_active") == 1
    assert value(found, "sojourn_devices_per_user") == 1


@pytest.mark.parametrize("journal", ["memory://", "off"])
def test_how_long_known_sessions_lasted_is_in_the_buckets(clock: FakeClock, journal: str) -> None:
    with at_work(clock, journal=journal) as server:
        live_known_lives(server, clock)
        found = scraped(server)
    name = "sojourn_session_duration_seconds"
    upto = {
        bound: value(found, f"{name}_bucket", le=bound) for bound in ("300.0", "900.0", "3600.0", "14400.0")
    }
    # 10 minutes; 30 minutes of one and the allowance; 2 hours of two, 2 h 10 min of one; 14 days of one.
    assert upto == {"300.0": 0, "900.0": 1, "3600.0": 2, "14400.0": 5}
    assert value(found, f"{name}_bucket", le="+Inf") == value(found, f"{name}_count") == 6
    seconds = 600 + 7200 + 7800 + 7200 + (1800 + 61) + (14 * 86400 + 61)
    assert value(found, f"{name}_sum") == pytest.approx(seconds)


async def _told(server: Guests) -> tuple[int, int, int]:
    ledger = server.app.state.ledger
    end = server.clock() + timedelta(days=1)
    points = await ledger.series("ended", end - timedelta(days=60), end, "day")
    lines = await ledger.lines(Filter(names=("session-revoked", "session-expired")))
    totals = await ledger.totals()
    counted = sum(count for (metric, _), (count, _) in totals.items() if metric == "ended")
    return sum(sum(point.counts.values()) for point in points), len(lines), counted


def test_metrics_series_and_journal_agree(server: Guests, clock: FakeClock) -> None:
    live_known_lives(server, clock)
    found = scraped(server)
    ended = sum(
        said
        for (name, _), said in found.items()
        if name in ("sojourn_sessions_expired_total", "sojourn_sessions_revoked_total")
    )
    assert server.run(_told, server) == (ended, ended, ended) == (6, 6, 6)


def test_refreshes_are_told_by_verdict_and_why_one_was_refused(server: Guests, clock: FakeClock) -> None:
    issued = server.start("ada")
    refreshed = server.run(server.sessions.refresh, issued.token)
    server.run(server.sessions.refresh, issued.token)  # a twin
    clock.tick(hours=1)
    server.run(server.sessions.refresh, refreshed.token)
    clock.tick(hours=1)
    with pytest.raises(TokenReplayed):
        server.run(server.sessions.refresh, issued.token)
    found = scraped(server)
    told = {
        verdict: value(found, "sojourn_refreshes_total", verdict=verdict, code="")
        for verdict in ("rotated", "twin", "lost_answer", "replayed")
    }
    assert told == {"rotated": 2, "twin": 1, "lost_answer": 0, "replayed": 1}
    assert value(found, "sojourn_sessions_revoked_total", reason="replay") == 1


def test_what_appears_later_was_0_before(server: Guests) -> None:
    found = scraped(server)
    assert value(found, "sojourn_sessions_revoked_total", reason="replay") == 0
    assert value(found, "sojourn_sign_ins_failed_total") == 0
    assert value(found, "sojourn_session_duration_seconds_count") == 0


def test_uses_of_sessions_are_counted_where_they_are_written(server: Guests, clock: FakeClock) -> None:
    issued = server.start("ada")
    for _ in range(3):
        clock.tick(minutes=2)
        server.run(server.sessions.validate, issued.token)
    assert value(scraped(server), "sojourn_sessions_seen_total") == 3


def test_what_the_journal_lost_is_told(server: Guests, clock: FakeClock) -> None:
    server.app.state.journal.hear(JournalGap(at=clock(), count=17))
    assert value(scraped(server), "sojourn_journal_lost_total") == 17


# ── several processes, and restarts ───────────────────────────────────────────────────────────


def files(folder: Path) -> dict[str, str]:
    return {
        "store": f"sqlite:///{folder / 'sessions.db'}",
        "journal": f"sqlite:///{folder / 'journal.db'}",
    }


def metrics_of(server: Guests) -> Metrics:
    return server._held(Exposed).metrics


def test_two_processes_tell_one_story(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "name", property(lambda process: names[process]))
    names = defaultdict[Process, str](lambda: "not named yet")
    with ExitStack() as stack:
        one, two = (stack.enter_context(at_work(clock, **files(tmp_path))) for _ in range(2))
        names |= {metrics_of(one).process: "one", metrics_of(two).process: "two"}
        clock.tick(minutes=1)  # what they reported when they had no names is old
        one.browser().sign_up()
        two.browser().sign_in()
        for server in (one, two):
            written(server)
            server.run(metrics_of(server).report)
        said = [scraped(server) for server in (one, two)]
        for found in said:
            assert value(found, "sojourn_sessions_started_total", method="pwd") == 2
            mine = {dict(labels).get("process") for name, labels in found if name == "sojourn_feed_current"}
            assert mine == {"one", "two"}
        clock.tick(minutes=1)  # nobody has heard of the other one for too long
        alone = {dict(labels).get("process") for name, labels in scraped(one) if name == "sojourn_info"}
    assert alone == {"one"}


def test_counters_survive_a_restart(clock: FakeClock, tmp_path: Path) -> None:
    with at_work(clock, **files(tmp_path)) as before:
        before.browser().sign_up()
    with at_work(clock, **files(tmp_path)) as after:
        after.browser().sign_in()
        assert value(scraped(after), "sojourn_sessions_started_total", method="pwd") == 2


def test_without_a_journal_each_process_counts_for_itself(clock: FakeClock) -> None:
    with at_work(clock, journal="off") as server:
        server.browser().sign_up()
        found = scraped(server)
    ((_, labels),) = [key for key in found if key[0] == "sojourn_sessions_started_total"]
    assert dict(labels).keys() == {"method", "process"}
    assert not [name for name, _ in found if name.startswith("sojourn_journal")]


# ── how a process does ────────────────────────────────────────────────────────────────────────


def test_what_answered_is_told(server: Guests) -> None:
    ada = server.browser()
    ada.sign_up()
    before = scraped(server)
    for _ in range(3):
        ada.get("/api/auth/sessions/current")
    after = scraped(server)
    grew = {
        by: value(after, "sojourn_snapshots_total", by=by) - value(before, "sojourn_snapshots_total", by=by)
        for by in ("snapshot", "store")
    }
    asked = value(after, "sojourn_store_seconds_count", verb="get")
    assert sum(grew.values()) == 3
    assert grew["store"] <= asked - value(before, "sojourn_store_seconds_count", verb="get")


def test_a_feed_that_cannot_be_read_is_not_current(server: Guests, clock: FakeClock) -> None:
    assert value(scraped(server), "sojourn_feed_current") == 1
    server.sessions.feed._store = server.lose_store("entries")  # type: ignore[assignment]
    clock.tick(minutes=5)
    found = scraped(server)
    assert value(found, "sojourn_feed_current") == 0
    assert value(found, "sojourn_feed_lag_seconds") >= 299


def test_what_cannot_be_read_is_missing_and_said_to_be(server: Guests) -> None:
    server.browser().sign_up()
    server.lose_store()
    found = scraped(server)
    assert value(found, "sojourn_unread", part="store") == 1
    assert value(found, "sojourn_unread", part="journal") == 0
    assert value(found, "sojourn_sessions_started_total", method="pwd") == 1
    assert not [name for name, _ in found if name == "sojourn_sessions_active"]


# ── nothing about a person ────────────────────────────────────────────────────────────────────


def test_no_person_is_in_it(server: Guests, clock: FakeClock) -> None:
    browser = server.browser(agent="Mozilla/5.0 CanaryBrowser/7.7", ip="198.51.100.77")
    browser.sign_up("canary@example.org", PASSWORD, name="Canary Person")
    browser.sign_in("canary@example.org", "the wrong canary password")
    place = Place(city="Canaryville", country="CV")
    issued = server.start("canary-user", place=place, application_id="canary-app", amr=("Canary Method",))
    server.run(server.sessions.revoke, issued.session.id, owner="canary-user", note="canary note")
    server.sessions.emit(SignInFailed(at=clock(), account="canary-account", ip="198.51.100.77"))
    written(server)
    text = server.script().get("/metrics").text
    assert "canary" not in text.lower()
    assert "198.51.100" not in text
    secrets = (issued.token, browser.token, str(issued.session.id), browser.session_id)
    assert [secret for secret in secrets if secret and secret in text] == []


# ── who may read it ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("origin", [ORIGIN, SERVED])
def test_off_there_is_no_such_page(clock: FakeClock, origin: str) -> None:
    with at_work(clock, metrics="off", origin=origin) as server:
        assert server.browser(ip="127.0.0.1").get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("origin", "ip", "headers", "status"),
    [
        (SERVED, "127.0.0.1", {}, 200),
        (SERVED, "::1", {}, 200),
        (SERVED, "203.0.113.7", {}, 404),
        (SERVED, "127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 404),
        (SERVED, "127.0.0.1", {"forwarded": "for=203.0.113.7"}, 404),
        (ORIGIN, "127.0.0.1", {}, 404),  # behind a proxy on the same machine all come from there
    ],
)
def test_unless_told_otherwise_who_sits_at_the_machine(
    clock: FakeClock, origin: str, ip: str, headers: dict[str, str], status: int
) -> None:
    with make_server(clock, origin=origin).open() as server:
        assert server.browser(ip=ip).get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Basic {TOKEN}", 401),
        ("Bearer another token, just as long", 401),
        ("Bearer ", 401),
        ("Bearer \xe9", 401),
        (None, 401),
    ],
)
def test_with_a_token_who_knows_it(clock: FakeClock, sent: str | None, status: int) -> None:
    with at_work(clock, metrics=f"token:{TOKEN}") as server:
        headers = {} if sent is None else {"authorization": sent.encode("latin-1")}
        answer = server.script().get("/metrics", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="sojourn metrics"'
        assert "sojourn_" not in answer.text


def test_a_scrape_is_no_use_of_a_session(server: Guests, clock: FakeClock) -> None:
    ada = server.browser()
    ada.sign_up(ADA)
    seen = ada.rows()[0]["seen_at"]
    clock.tick(minutes=30)
    assert "set-cookie" not in ada.get("/metrics").headers
    found = server.run(server.sessions.list, server.run(server.accounts.by_email, ADA).id)
    assert [session.seen_at.isoformat()[:19] for session in found] == [seen[:19]]


# ── the format ────────────────────────────────────────────────────────────────────────────────


def test_every_line_of_the_table_is_told_with_its_help_and_kind(server: Guests) -> None:
    families = {family.name: family for family in parsed(server.script().get("/metrics").text)}
    assert {name: (family.type, family.documentation) for name, family in families.items()} == {
        metric.name: (metric.kind, metric.help) for metric in TABLE
    }


def test_open_metrics_is_spoken_with_who_asks_for_it(server: Guests) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    answer = server.script().get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {family.name for family in open_metrics(answer.text)} == {metric.name for metric in TABLE}


def test_it_may_not_be_kept(server: Guests) -> None:
    answer = server.script().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (
        "no-store",
        "nosniff",
    )


def test_names_follow_the_conventions() -> None:
    for metric in TABLE:
        assert metric.name.startswith("sojourn_")
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert metric.help[0].isupper() or metric.help[0].isdigit()
        assert not {"le", "process"} & set(metric.labels)
        assert all(len(labels) == len(metric.labels) for labels in metric.known)
