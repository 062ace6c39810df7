"""The checks of the Better Auth dialect: which there are, and what they are given to run against Sojourn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sojourn.accounts import Accounts, open_accounts
from sojourn.accounts.user import Role
from tests.client.processes import free_port, serving
from tests.interop.browser import COOKIE
from tests.interop.kit import PASSWORD, Desk, Installation
from tests.interop.node import FOLDER, Program, program, scenario

__all__ = ["BASE", "CHECKS", "Row", "administrator", "ours", "said", "theirs"]

BASE = "/api/auth"

_DRIVERS = {
    "better_auth.mjs": ("sign", "session", "account", "admin", "plugins", "wire", "attacks"),
    "better_auth_page.mjs": ("store",),
}

Row = dict[str, Any]  # of the table that the driver says: id, group, title, ok, why, differs, skipped

_NAMED = re.compile(r'^check\("([a-z-]+-\d+)"', re.MULTILINE)
_ADMINS = [f"admin-{number}@example.org" for number in range(3)]
_SPOKEN = {
    "SOJOURN_BETTER_AUTH": "1",
    "SOJOURN_MULTI_SESSION": "1",
    "SOJOURN_COOKIE_CACHE": "5m",
    "SOJOURN_SESSION_FIELDS": "theme",
    "SOJOURN_ATTEMPTS_PER_ADDRESS": "30",  # as where others come; each browser has an address of its own
}
_FEATURES = (
    "admin", "aged", "bearer", "cache", "custom", "defer", "delete", "fields", "jwt", "multi", "race",
    "social",
)  # fmt: skip


def _names(parts: Iterable[str]) -> list[str]:
    """The names of all checks in those parts, in their order."""
    return [
        name for part in parts for name in _NAMED.findall((FOLDER / f"better_auth_{part}.mjs").read_text())
    ]


CHECKS = [name for parts in _DRIVERS.values() for name in _names(parts)]


def said(given: Row) -> dict[str, Row]:
    """What became of each check against the servers that are *given*."""
    rows = [row for driver in _DRIVERS for row in scenario(driver, within=400, **given)]
    return {row["id"]: row for row in rows}


def theirs() -> AbstractContextManager[Program]:
    """Better Auth's own servers; the first line that they say is what the driver is given of them."""
    return program("better_auth_reference.mjs", None)


@contextmanager
def ours(folder: Path) -> Iterator[Row]:
    """Servers of ours, set up in each way that the checks are about; what the driver is given of them."""
    with ExitStack() as open_here:

        def served(name: str, **settings: str) -> Installation:
            (folder / name).mkdir()
            place = Installation(folder / name, **_SPOKEN, **settings)
            _enrol(place)
            open_here.enter_context(place.served())
            return place

        main = served("main", SOJOURN_PROVIDERS=_provider(provider := free_port()))
        custom = open_here.enter_context(_custom(folder / "custom"))
        defer = served("defer", SOJOURN_BETTER_AUTH_DEFER="1", SOJOURN_TOUCH_EVERY="1s")
        yield {
            "against": "ours",
            "origin": main.origin,
            "origins": {
                "defer": defer.origin,
                "storage": main.origin,
                "limited": main.origin,
                "custom": custom,
            },
            "admins": [{"email": email, "password": PASSWORD, "name": email} for email in _ADMINS],
            "aged": {"admin": f"{COOKIE}={_begun(main, _ADMINS[2], timedelta(days=2))}"},
            "due": [_due(main, f"due-{number}@example.org") for number in range(7)],
            "provider": provider,
            "features": _FEATURES,
        }


@contextmanager
def _custom(folder: Path) -> Iterator[str]:
    """A server with a custom session, which only an application can have."""
    folder.mkdir()
    place = Installation(folder, **_SPOKEN)
    _enrol(place)
    settings = place.settings | {"SOJOURN_PORT": str(place.port)}
    program = Path(__file__).with_name("custom_session.py")
    with serving(folder, place.port, program, path="/healthz", settings=settings) as origin:
        yield origin


def _provider(port: int) -> str:
    """Somebody to sign in with, at whom a check listens."""
    described = {"issuer": f"http://127.0.0.1:{port}", "client_id": "shop", "client_secret": "a secret"}
    return json.dumps({"github": described})


def _due(place: Installation, email: str) -> dict[str, str]:
    """Somebody whose session on a device is due to be rotated, and their password."""
    token = _begun(place, email, timedelta(hours=2))
    return {"email": email, "password": PASSWORD, "cookie": f"{COOKIE}={token}"}


def administrator(place: Installation, email: str) -> None:
    """Add one to *place*."""
    place.beside(lambda desk: _user(place, desk, email, "admin"))


def _enrol(place: Installation) -> None:
    for email in _ADMINS:
        administrator(place, email)


def _begun(place: Installation, email: str, ago: timedelta) -> str:
    """The token of somebody who signed in some time ago."""
    user_id = place.beside(lambda desk: _user(place, desk, email))
    [tokens] = place.sessions(1, user_id, ago=ago, amr=("pwd",), bearer=False)
    return tokens.refresh


async def _user(place: Installation, desk: Desk, email: str, role: Role = "user") -> str:
    """The id of the user with this address, who is added if need be."""
    accounts = Accounts(open_accounts(place.store), desk.sessions)
    try:
        known = await accounts.by_email(email) or await accounts.create(email, PASSWORD, email, role)
    finally:
        await accounts.close()
    return known.id
