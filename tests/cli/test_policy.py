"""`sojourn policy simulate`: a journal is read, and what another policy would have done is said."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from sojourn import keyring
from sojourn.events import Expired, Presented, Started
from sojourn.observe import open_ledger
from sojourn.observe.journal.writer import Journal
from sojourn.session import DeviceKind, Place, new_id
from sojourn.sessions import utc_now
from sojourn.settings import load

_KINDS: tuple[tuple[DeviceKind, str], ...] = (("mobile", "AT"), ("desktop", "DE"))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def _happened() -> None:
    """Two days ago: a phone that lay there for 20 minutes, and a desktop that was used all the time."""
    settings = load().settings
    ledger = open_ledger(settings.journal, keys=keyring.ring(settings))
    journal = Journal(ledger)
    at = utc_now() - timedelta(days=2)
    for kind, country in _KINDS:
        id = new_id(at, kind)
        journal.hear(
            Started(
                at=at,
                session_id=id,
                user_id=kind,
                device="Firefox 143 on Linux",
                kind=kind,
                amr=("pwd",),
                place=Place(country=country),
            )
        )
        if kind == "mobile":
            journal.hear(Presented(at=at + HOUR, session_id=id, pause=20 * MINUTE))
        journal.hear(Expired(at=at + 3 * HOUR, session_id=id, kind="absolute", duration=3 * HOUR))
    await journal.flush()
    await ledger.close()


@pytest.fixture
def told(installed):
    asyncio.run(_happened())
    return installed


def simulated(shell, *words: str) -> dict:
    ran = shell("policy", "simulate", "--json", *words)
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def test_it_says_how_many_would_have_ended_in_which_cohort(told):
    found = simulated(told, "--set", "idle_timeout=15m")
    assert found["all"] == {"sessions": 2, "ended": 1, "noticed": 1, "challenged": 0}
    assert found["why"] == {"idle": 1}
    assert {kind: counts["ended"] for kind, counts in found["by"]["kind"].items()} == {
        "mobile": 1,
        "desktop": 0,
    }
    assert {name: counts["ended"] for name, counts in found["by"]["country"].items()} == {"AT": 1, "DE": 0}


def test_a_preset_and_other_rules_go_together(told):
    both = simulated(
        told, "--preset", "high", "--set", "lifetime=2h,fresh_for=1m", "--set", "idle-timeout=1h"
    )
    assert both["why"] == {"lifetime": 2}
    assert simulated(told, "--preset", "bank")["why"] == {"idle": 1}


def test_what_lies_further_back_is_left_out(told):
    assert simulated(told, "--preset", "bank", "--since", "1d")["all"]["sessions"] == 0


def test_people_read_a_table_and_what_it_does_not_know(told):
    out = told("policy", "simulate", "--set", "idle_timeout=15m").out
    assert "idle_timeout: 14d -> 15m" in out
    assert "Ended earlier by: idle 1." in out
    assert "What this does not know:" in out
    row = next(line.split() for line in out.splitlines() if line.startswith("all"))
    assert row == ["all", "2", "1", "1", "0"]


def test_nothing_is_changed_by_it(told):
    before = Path("sojourn-journal.db").read_bytes()
    simulated(told, "--preset", "bank")
    assert Path("sojourn-journal.db").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--preset bank"),
        (["--set", "idle_timeout"], "such as lifetime=12h"),
        (["--set", "colour=red"], "there is no rule colour"),
        (["--set", "idle_timeout=soon"], "such as 30d"),
        (["--preset", "bank", "--since", "monday"], "such as 30d"),
        (["--preset", "house"], "consumer, workforce, high, bank"),
    ],
)
def test_what_cannot_be_read_is_said_with_a_remedy(told, words, said):
    ran = told("policy", "simulate", *words)
    assert ran.code != 0
    assert said in ran.err


def test_without_a_journal_it_says_so(installed, monkeypatch):
    monkeypatch.setenv("SOJOURN_JOURNAL", "off")
    ran = installed("policy", "simulate", "--preset", "bank")
    assert ran.code != 0
    assert "no journal is kept" in ran.err
