"""A server writes its journal: what people do there is in it when it has ended, and no secret is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sojourn.observe.journal.line import Filter
from sojourn.server import create_app
from sojourn.settings import Settings
from sojourn.testing import make_keys
from tests.observe.kit import opened
from tests.web.kit import ADA, ORIGIN, PASSWORD, Browser

CANARY = "canary-password-4711"


def settings(folder: Path, **more: object) -> Settings:
    url = f"sqlite:///{folder}/server.db"
    return Settings(store=url, origin=ORIGIN, trusted_proxies=("203.0.113.0/24",), **more)  # type: ignore[arg-type]


def visited(folder: Path, **more: object) -> list[str]:
    """What secrets a person met who signed up, failed to sign in, signed in, refreshed and signed out."""
    app = create_app(settings(folder, **more), keys=make_keys())
    secrets = [PASSWORD, CANARY]
    with Browser(app, **{"x-forwarded-proto": "https"}) as browser:
        assert browser.sign_up().status_code == 201, browser.answers[-1].text
        assert browser.sign_in(password=CANARY).status_code == 401
        assert browser.sign_in().status_code == 200
        assert browser.token
        secrets.append(browser.token)
        assert browser.post("/api/auth/refresh").status_code == 200
        secrets.append(browser.token)
        assert browser.post("/api/auth/sign-out").status_code == 200
    return secrets


async def test_what_people_do_is_in_the_journal_when_the_server_has_ended(tmp_path):
    visited(tmp_path)
    async with opened(tmp_path / "server-journal.db", keys=make_keys()) as ledger:
        lines = await ledger.lines(Filter(newest_first=False))
        assert (await ledger.verify()).ok
        totals = await ledger.totals()
    names = [line.name for line in lines]
    assert names[0] == "session-established"
    assert {"authn-login-fail", "session-refreshed", "session-revoked"} <= set(names)
    assert len({line.user_id for line in lines if line.session_id}) == 1
    assert totals[("sign-in-failed", "all")] == (1, 0.0)
    assert totals[("refresh", "rotated")] == (1, 0.0)


async def test_no_secret_is_in_it(tmp_path):
    secrets = visited(tmp_path)
    async with opened(tmp_path / "server-journal.db", keys=make_keys()) as ledger:
        told = repr([(line.facts, line.personal) for line in await ledger.lines()])
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("server-journal.db*"))
    for secret in secrets:
        assert secret not in told
        assert secret.encode() not in raw
    assert ADA not in told
    assert ADA.encode() not in raw


def test_a_journal_that_is_off_is_not_there(tmp_path):
    visited(tmp_path, journal="off")
    assert list(tmp_path.glob("*journal*")) == []


@pytest.mark.parametrize(
    ("accounts", "journal"),
    [
        ("sqlite:///accounts.db", "sqlite:///accounts-journal.db"),
        ("sqlite:////srv/a.b/users.sqlite3", "sqlite:////srv/a.b/users-journal.sqlite3"),
        ("sqlite:///users", "sqlite:///users-journal.db"),  # `users-journal` is SQLite's own
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("memory://", "memory://"),
        ("sqlite:///", "off"),
    ],
)
def test_it_lies_beside_the_accounts(accounts, journal):
    assert Settings(accounts=accounts).journal == journal


def test_with_sessions_in_postgresql_it_is_there_too():
    """Several machines have one. Whoever wants another place says so."""
    store, accounts = "postgresql://db/x", "sqlite:///accounts.db"
    assert Settings(store=store, accounts=accounts).journal == store
    assert Settings(store=store, accounts=accounts, journal="off").journal == "off"
    own = Settings(store=store, accounts=accounts, journal="sqlite:///own.db")
    assert own.journal == "sqlite:///own.db"


def test_without_a_place_for_accounts_there_is_none():
    assert Settings(store="redis://localhost").journal == "off"
