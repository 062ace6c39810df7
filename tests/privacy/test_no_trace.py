"""Whoever is erased is in no file any more, as whom something was done to or as who did it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sojourn import Query, Reason, duties
from sojourn.events import AdminActed
from sojourn.observe.jobs.runner import Runner
from sojourn.observe.journal.line import Filter
from sojourn.observe.ledger import Ledger
from sojourn.privacy.others import unname
from sojourn.stores.sqlite.scrub import scrub
from sojourn.testing import FakeClock
from tests.privacy.test_export_and_erase import (
    AGENT,
    EMAIL,
    IP,
    Server,
    clock,
    files,
    flushed,
    ledger_of,
    lived,
    server,
)
from tests.web.kit import BOB, PASSWORD, Browser, Guests

__all__ = ["clock", "server"]

API = "/api/admin"
NAME = "Ada Canary"
ROOT, ROOT_AGENT, ROOT_IP = (
    "root.pelican@example.org",
    AGENT.replace("CanaryBuild", "PelicanBuild"),
    "198.51.100.233",
)
BOSS = "boss@example.org"


def administrator(
    guests: Guests, email: str = ROOT, name: str = "Root Pelican", agent: str = ROOT_AGENT, ip: str = ROOT_IP
) -> Browser:
    guests.run(guests.accounts.create, email, PASSWORD, name, "admin")
    browser = guests.browser(agent, ip=ip)
    assert browser.sign_in(email).status_code == 200
    return browser


def done(answer: Any) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def carried_out(guests: Guests, runner: Runner) -> None:
    async def work() -> None:
        while await runner.step(guests.clock()):
            pass

    guests.run(work)


def looked_after(guests: Guests, root: Browser, user_id: str) -> None:
    """All that an administrator can do to a user, with words about them."""
    runner = duties.jobs(guests.accounts, guests.sessions, ledger_of(guests))
    other = guests.browser()
    other.sign_up(BOB, name="Bob")
    (bobs,) = guests.run(guests.sessions.select, Query(user_id=guests.run(guests.accounts.by_email, BOB).id))
    alert = done(root.get(f"{API}/alerts"))["alerts"][0]
    done(root.post(f"{API}/alerts/{alert['id']}/acknowledge"))
    done(root.post(f"{API}/users/{user_id}/require-sign-in", json={"note": f"{NAME} rang"}))
    done(root.get(f"{API}/users/{user_id}/export"))
    done(root.get(f"{API}/users/{user_id}/journal", params={"show": "personal"}))
    done(root.post(f"{API}/impersonate", json={"user_id": user_id, "reason": f"ticket of {NAME}"}))
    done(root.post(f"{API}/impersonate/stop"))
    ids = [
        str(s.id) for s in guests.run(guests.sessions.select, Query(user_id=user_id, live_at=guests.clock()))
    ]
    asks: tuple[dict[str, Any], ...] = (
        {"ids": [*ids[:1], str(bobs.id)], "note": f"{NAME} lost them"},
        {"where": {"q": EMAIL}, "note": "all of hers"},
        {"where": {"ip": IP}, "note": "from there"},
        {"where": {"user_id": user_id}, "note": "once more"},
    )
    for asked in asks:
        assert guests.browser(AGENT, ip=IP).sign_in(EMAIL).status_code == 200
        job = done(root.post(f"{API}/revoke", json={"reason": "other", "undo_for": 0} | asked))
        assert job["expected"] > 0
        done(root.post(f"{API}/revoke/{job['id']}/start", json={"expected": job["expected"]}))
        carried_out(guests, runner)
    assert guests.browser(AGENT, ip=IP).sign_in(EMAIL).status_code == 200
    ids = [
        str(s.id) for s in guests.run(guests.sessions.select, Query(user_id=user_id, live_at=guests.clock()))
    ]
    asked = {"ids": ids, "reason": "other", "note": f"{NAME} for a while", "undo_for": 600}
    job = done(root.post(f"{API}/revoke", json=asked))
    done(root.post(f"{API}/revoke/{job['id']}/start", json={"expected": job["expected"]}))
    carried_out(guests, runner)
    assert guests.browser(AGENT, ip=IP).sign_in(EMAIL).status_code == 200
    job = done(root.post(f"{API}/revoke", json={"where": {"ip": IP}, "reason": "other", "note": "now"}))
    done(root.post(f"{API}/revoke/{job['id']}/start", json={"expected": job["expected"]}))  # and is at work
    done(root.post(f"{API}/revoke", json={"where": {"user_id": user_id}, "reason": "other", "note": NAME}))
    guests.sessions.emit(
        AdminActed(at=guests.clock(), act="bulk-revoke", by="command line", note=f"of {EMAIL}")
    )
    guests.run(ledger_of(guests).written)


def left(folder: Path, words: tuple[str, ...]) -> set[tuple[str, str]]:
    """Which of *words* stand in which file, whatever their case."""
    found = {name: content.lower() for name, content in files(folder).items()}
    return {
        (name, word) for name, content in found.items() for word in words if word.lower().encode() in content
    }


@pytest.mark.req("P-06")
def test_of_a_user_to_whom_everything_was_done_nothing_is_left(server: Server):
    guests, folder = server
    user_id = lived(guests)
    flushed(guests, user_id)
    root = administrator(guests)
    looked_after(guests, root, user_id)
    words = (user_id, EMAIL, IP, "CanaryBuild", "Canary")
    assert {word for _, word in left(folder, words)} == {*words}
    boss = administrator(guests, BOSS, "Boss", ip="192.0.2.44")
    done(boss.post(f"{API}/users/{user_id}/erase"))
    guests.run(ledger_of(guests).written)
    still = left(folder, words)
    assert {word for _, word in still} <= {
        IP
    }  # of whom a bulk revocation is looking for there, until it is over
    guests.clock.tick(minutes=1)
    carried_out(guests, duties.jobs(guests.accounts, guests.sessions, ledger_of(guests)))
    assert guests.run(scrub, folder / "journal.db")
    assert left(folder, words) == set()
    (failed,) = said_about(guests, words)  # whose attempt that was nobody said, and so it is nobody's
    assert "authn-login-fail" in failed
    assert said_about(guests, tuple(word for word in words if word != IP)) == []
    held(guests)


@pytest.mark.req("P-06")
def test_of_an_administrator_who_did_everything_nothing_is_left(server: Server):
    guests, folder = server
    user_id = lived(guests)
    flushed(guests, user_id)
    looked_after(guests, administrator(guests), user_id)
    root_id = guests.run(guests.accounts.by_email, ROOT).id
    words = (root_id, ROOT, ROOT_IP, "PelicanBuild", "Pelican")
    assert {word for _, word in left(folder, words)} == {*words}
    boss = administrator(guests, BOSS, "Boss", agent=AGENT, ip="192.0.2.44")
    done(boss.post(f"{API}/users/{root_id}/erase"))
    guests.run(ledger_of(guests).written)
    assert left(folder, words) == set()
    assert said_about(guests, words) == []
    ended = guests.run(guests.sessions.select, Query(user_id=user_id))
    assert {session.revoked_by for session in ended if session.reason is Reason.ADMIN} == {"erased"}
    assert {session.impersonator_id for session in ended if session.parent_id} == {"erased"}
    held(guests)


def said_about(guests: Guests, words: tuple[str, ...]) -> list[str]:
    """What an administrator can still read about them: lines, jobs and alerts, opened."""
    ledger: Ledger = ledger_of(guests)
    kept = [
        *guests.run(ledger.lines, Filter(limit=1000)),
        *guests.run(ledger.jobs, limit=1000),
        *guests.run(ledger.alerts),
    ]
    texts = [repr([getattr(one, name) for name in one.__struct_fields__]) for one in kept]
    return [text for text in texts if any(word in text for word in words)]


def held(guests: Guests) -> None:
    ledger = ledger_of(guests)
    guests.run(ledger.seal, guests.clock())
    assert guests.run(ledger.verify).faults == ()


@pytest.mark.req("P-06")
def test_many_sessions_of_others_are_looked_at_a_page_at_a_time(
    server: Server, monkeypatch, clock: FakeClock
):
    from sojourn.observe.traces import Traces
    from sojourn.privacy import others

    monkeypatch.setattr(others, "_PAGE", 3)
    guests, _ = server
    started = [guests.start("bob").session for _ in range(7)]
    for session in started[:5]:
        guests.run(
            guests.sessions.revoke, session.id, owner="bob", reason=Reason.ADMIN, by="user-root-1", note="why"
        )
    assert guests.run(unname, Traces(user_id="user-root-1"), guests.sessions) == 5
    ended = [guests.run(guests.sessions.store.get, session.id) for session in started[:5]]
    assert {(session.revoked_by, session.note) for session in ended} == {("erased", None)}
    assert guests.run(unname, Traces(user_id="user-root-1"), guests.sessions) == 0


@pytest.mark.req("P-05")
def test_an_export_says_what_administrators_did_and_not_who(server: Server):
    guests, _ = server
    user_id = lived(guests)
    flushed(guests, user_id)
    root = administrator(guests)
    looked_after(guests, root, user_id)
    kept = done(root.get(f"{API}/users/{user_id}/export"))
    acts = [act["act"] for act in kept["administration"]]
    assert acts == ["require-sign-in", "export", "show-personal", "impersonate", "impersonate-stop"]
    assert {*kept["administration"][0]} == {"at", "act", "count"}
    root_id = guests.run(guests.accounts.by_email, ROOT).id
    (person,) = {
        line.person for line in guests.run(ledger_of(guests).lines, Filter(user_id=root_id, limit=1))
    }
    for word in (root_id, ROOT, ROOT_IP, "Pelican", person.hex(), "rang", "ticket"):
        assert word not in str(kept), word
    (acted,) = [session for session in kept["sessions"] if session["impersonated"]]
    assert (acted["device"], acted["ip"], acted["place"]) == (None, None, None)
