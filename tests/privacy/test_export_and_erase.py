"""A user gets all that is kept about them; and when they are erased, no file holds a word of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import sojourn.privacy.erase as erasing
from sojourn import Query, Reason
from sojourn.cli import run as command
from sojourn.directory.codes import Code
from sojourn.directory.outbox import new_message
from sojourn.events import AdminActed, SignInFailed
from sojourn.observe.alerts.alert import Alert
from sojourn.observe.journal.line import Filter
from sojourn.observe.ledger import Ledger
from sojourn.privacy.export import SECRET
from sojourn.privacy.inventory import INVENTORY
from sojourn.session import new_id
from sojourn.testing import FakeClock
from tests.web.kit import BOB, PASSWORD, Browser, Guests, make_server

EMAIL = "canary.of.ada@example.org"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; CanaryBuild/7.7; rv:143.0) Gecko/20100101 Firefox/143.0"
IP = "203.0.113.177"
WORDS = (EMAIL, "CanaryBuild", IP)

Server = tuple[Guests, Path]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server(clock: FakeClock, tmp_path: Path) -> Iterator[Server]:
    guests = make_server(
        clock,
        store=f"sqlite:///{tmp_path / 'sessions.db'}",
        accounts=f"sqlite:///{tmp_path / 'accounts.db'}",
        journal=f"sqlite:///{tmp_path / 'journal.db'}",
    )
    with guests.open():
        yield guests, tmp_path


def ledger_of(guests: Guests) -> Ledger:
    return guests._held(Ledger)


def admin(guests: Guests) -> Browser:
    guests.run(guests.accounts.create, "root@example.org", PASSWORD, "Root", "admin")
    browser = guests.browser()
    assert browser.sign_in("root@example.org").status_code == 200
    return browser


def lived(guests: Guests) -> str:
    """A user about whom everything is kept that can be kept; their id."""
    browser = guests.browser(AGENT, ip=IP)
    assert browser.sign_up(EMAIL, name="Ada Canary").status_code in (200, 201)
    user_id = guests.run(guests.accounts.by_email, EMAIL).id
    browser.patch(f"/api/auth/sessions/{browser.session_id}", json={"custom_name": "Canary's laptop"})
    guests.browser(AGENT, ip=IP).sign_in(EMAIL, "wrong by far")
    second = guests.browser(AGENT, ip=IP)
    assert second.sign_in(EMAIL).status_code == 200
    now = guests.clock()
    mine = guests.run(guests.sessions.select, Query(user_id=user_id))
    guests.run(guests.sessions.revoke, mine[0].id, owner=user_id, reason=Reason.USER)
    payload = json.dumps({"user_id": user_id, "ip": IP, "session_id": str(mine[1].id)})
    code = Code(application_id="app", payload=payload, expires_at=now + timedelta(minutes=1))
    assert guests.run(guests.directory.store.put_code, "digest", code)
    letter = new_message("alert_mail", "smtp", f"To: {EMAIL}".encode(), at=now)
    assert guests.run(guests.directory.store.enqueue, [letter]) == 1
    guests.sessions.emit(SignInFailed(at=now, user_id=user_id, ip=IP, account="hash"))
    alert = Alert(
        id=new_id(now, None),
        rule="new-device",
        severity="low",
        key=f"new-device {user_id}",
        title="A new device",
        factors=(f"from {IP}",),
        user_id=user_id,
        session_id=mine[1].id,
        count=1,
        opened_at=now,
        last_at=now,
    )
    ledger = ledger_of(guests)
    was = guests.run(ledger.cursor) if hasattr(ledger, "cursor") else 0
    assert guests.run(ledger.advance, was, was + 1, [alert])
    return str(user_id)


def flushed(guests: Guests, user_id: str) -> None:
    """Wait until the journal has what it heard; it writes several times a second."""
    ledger = ledger_of(guests)
    for _ in range(200):
        if guests.run(ledger.lines, Filter(user_id=user_id, names=("authn-login-fail",))):
            return
        guests.run(_breath)
    raise AssertionError("the journal has written nothing")


async def _breath() -> None:
    import anyio

    await anyio.sleep(0.05)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# ── export ────────────────────────────────────────────────────────────────────────────────────


def exported(guests: Guests, browser: Browser, user_id: str) -> dict[str, Any]:
    answer = browser.get(f"/api/admin/users/{user_id}/export")
    assert answer.status_code == 200, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


@pytest.mark.req("P-05")
def test_an_export_has_every_personal_column_and_no_secret(server: Server):
    guests, _ = server
    user_id = lived(guests)
    flushed(guests, user_id)
    kept = exported(guests, admin(guests), user_id)
    shown: dict[str, set[str]] = {
        "users": set(kept["user"]),
        "accounts": set(kept["accounts"][0]),
        "sessions": set(kept["sessions"][0]),
        "lines": set(kept["journal"][0]),
        "alerts": set(kept["alerts"][0]),
        "authorization_codes": {name for name in kept if kept[name]},
        "people": set(kept),
    }
    for table, named in INVENTORY.items():
        wanted = {said.exported for said in named.values() if said.exported}
        assert wanted - shown.get(table, set()) == set(), table
        secret = {column for column, said in named.items() if said.kind == "secret"}
        assert secret & shown.get(table, set()) == set(), table
    assert {
        c for t in ("sessions", "accounts") for c, s in INVENTORY[t].items() if s.kind == "secret"
    } <= SECRET


@pytest.mark.req("P-05")
def test_no_value_of_an_export_opens_anything(server: Server):
    guests, _ = server
    user_id = lived(guests)
    text = json.dumps(exported(guests, admin(guests), user_id))
    secrets = [s.salt for s in guests.run(guests.sessions.select, Query(user_id=user_id))]
    found = guests.run(guests.accounts.store.credentials, user_id=user_id)
    assert found.password_hash not in text
    for salt in secrets:
        assert salt.hex() not in text
        assert base64.b64encode(salt).decode() not in text
    assert PASSWORD not in text
    assert "sjn_" not in text


def test_an_export_says_nothing_about_others(server: Server):
    guests, _ = server
    user_id = lived(guests)
    other = guests.browser("OtherAgent/1.0", ip="198.51.100.9")
    other.sign_up(BOB, name="Bob")
    text = json.dumps(exported(guests, admin(guests), user_id))
    for word in (BOB, "OtherAgent", "198.51.100.9", "root@example.org"):
        assert word not in text


@pytest.mark.req("P-12")
def test_that_an_export_was_asked_for_is_told(server: Server):
    guests, _ = server
    user_id = lived(guests)
    browser = admin(guests)
    exported(guests, browser, user_id)
    (told,) = guests.told(AdminActed)
    assert (told.act, told.target) == ("export", user_id)


def test_only_an_administrator_with_a_fresh_session_may(server: Server, clock: FakeClock):
    guests, _ = server
    user_id = lived(guests)
    ada, root = guests.browser(AGENT), admin(guests)
    ada.sign_in(EMAIL)
    paths = [("GET", f"/api/admin/users/{user_id}/export"), ("POST", f"/api/admin/users/{user_id}/erase")]
    for method, path in paths:
        assert guests.browser().request(method, path).status_code == 401
        assert ada.request(method, path).status_code == 403
    clock.tick(minutes=11)
    for method, path in paths:
        answer = root.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "reauth_required")


def test_who_is_not_known_cannot_be_exported_or_erased(server: Server):
    guests, _ = server
    root = admin(guests)
    assert root.get("/api/admin/users/nobody/export").status_code == 404
    assert root.post("/api/admin/users/nobody/erase").status_code == 404


# ── erase ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("P-06")
def test_after_an_erasure_no_file_holds_a_word_of_it(server: Server):
    guests, folder = server
    user_id = lived(guests)
    flushed(guests, user_id)
    root = admin(guests)
    before = files(folder)
    for word in (EMAIL, "CanaryBuild"):
        assert any(word.encode() in content for content in before.values()), word
    answer = root.post(f"/api/admin/users/{user_id}/erase")
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert (gone["account"], gone["sessions"], gone["messages"]) == (True, 2, 2)
    assert gone["lines"] > 0
    for name, content in files(folder).items():  # while the server goes on
        for word in WORDS:
            assert word.encode() not in content, (name, word)


@pytest.mark.req("P-06")
def test_after_an_erasure_nobody_is_signed_in_and_the_journal_still_holds(server: Server):
    guests, _ = server
    user_id = lived(guests)
    flushed(guests, user_id)
    signed_in = guests.browser(AGENT)
    signed_in.sign_in(EMAIL)
    assert admin(guests).post(f"/api/admin/users/{user_id}/erase").status_code == 200
    assert not signed_in.signed_in()
    assert guests.browser().sign_in(EMAIL).status_code == 401
    ledger = ledger_of(guests)
    assert guests.run(ledger.lines, Filter(user_id=user_id, names=("authn-login-fail",))) == []
    guests.run(ledger.written)
    assert guests.run(ledger.lines, Filter(user_id=user_id)) == []  # nor of what the erasure itself told
    assert guests.run(ledger.verify).faults == ()


@pytest.mark.req("P-06")
def test_an_erasure_can_be_repeated_and_spares_everybody_else(server: Server):
    guests, _ = server
    user_id = lived(guests)
    other = guests.browser()
    other.sign_up(BOB)
    root = admin(guests)
    assert root.post(f"/api/admin/users/{user_id}/erase").status_code == 200
    assert root.post(f"/api/admin/users/{user_id}/erase").status_code in (200, 404)
    assert other.signed_in()
    assert root.signed_in()


@pytest.mark.req("P-06")
@pytest.mark.parametrize("step", ["delete", "_forget_sessions", "_scrubbed"])
def test_an_erasure_that_was_cut_off_anywhere_is_finished_by_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch, step: str
):
    guests, _ = server
    root, user_id = admin(guests), lived(guests)
    other = guests.run(guests.accounts.create, BOB, PASSWORD, "Bob").id
    me = guests.run(guests.accounts.by_email, "root@example.org").id
    note = f"as {EMAIL} has asked"
    did = AdminActed(at=guests.clock(), user_id=me, act="require-sign-in", by=me, target=other, note=note)
    guests.sessions.emit(did)
    with monkeypatch.context() as patched:
        patched.setattr(guests.accounts if step == "delete" else erasing, step, _cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            root.post(f"/api/admin/users/{user_id}/erase")
    assert root.post(f"/api/admin/users/{user_id}/erase").status_code in (200, 404)
    acts = guests.run(ledger_of(guests).lines, Filter(names=("admin-action",), limit=1000))
    assert "require-sign-in" in [line.facts["act"] for line in acts]
    assert [line for line in acts if note in str(line.personal)] == []


async def _cut_off(*arguments: Any, **named: Any) -> None:
    raise RuntimeError("cut off")


def test_nobody_erases_themselves_or_the_last_administrator(server: Server):
    guests, _ = server
    root = admin(guests)
    me = guests.run(guests.accounts.by_email, "root@example.org").id
    assert root.post(f"/api/admin/users/{me}/erase").status_code == 403
    assert root.signed_in()


# ── the commands ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("P-05", "P-06")
def test_the_commands_do_the_same(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    urls: dict[str, Any] = {
        name: f"sqlite:///{tmp_path / name}.db" for name in ("store", "accounts", "journal")
    }
    guests = make_server(clock, **urls)
    with guests.open():
        lived(guests)
    for name, url in urls.items():
        monkeypatch.setenv(f"SOJOURN_{name.upper()}", url)
    keys = tmp_path / "keys"
    monkeypatch.setenv("SOJOURN_KEYS_FILE", str(keys))
    assert command(["keys", "generate"]) == 0
    capsys.readouterr()
    assert command(["users", "export", EMAIL]) == 0
    kept = json.loads(capsys.readouterr().out)
    assert (kept["user"]["email"], len(kept["sessions"])) == (EMAIL, 2)
    file = tmp_path / "copy.json"
    assert command(["users", "export", EMAIL, "--to", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert command(["users", "export", EMAIL, "--to", str(file)]) == 2
    file.unlink()
    assert command(["users", "erase", EMAIL]) == 1  # nobody is there to say yes
    assert command(["users", "erase", EMAIL, "--yes"]) == 0
    assert "with 2 sessions" in capsys.readouterr().out
    for name, content in files(tmp_path).items():
        for word in WORDS:
            assert word.encode() not in content, (name, word)
    assert command(["users", "erase", EMAIL, "--yes"]) == 1
