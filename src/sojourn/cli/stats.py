"""`sojourn stats`: who is signed in now, and what happened today."""

from __future__ import annotations

from typing import Any

import msgspec

from sojourn.api.admin.stats import Stats, numbers
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Json, Store
from sojourn.cli.output import print_json, print_table

__all__ = ["stats"]

_WORDS = {
    "sessions": "sessions that live",
    "users": "users signed in",
    "devices_each": "sessions of each user",
    "accounts": "accounts",
    "created_today": "sessions begun today",
    "created_before": "... until this time yesterday",
    "ended_today": "sessions ended today",
    "revoked_today": "... of these on purpose",
    "alerts_open": "alerts that are open",
}


async def stats(*, json: Json = False, store: Store = None, accounts: Accounts = None) -> None:
    """Say how many are signed in, and what the journal has counted since midnight UTC."""
    async with opened({"store": store, "accounts": accounts}, users=False) as found:
        known: Stats = await numbers(found.sessions, found.accounts, found.ledger)
    if json:
        print_json(known)
        return
    values = msgspec.structs.asdict(known)
    rows = [(words, _said(values[name], name in known.approximate)) for name, words in _WORDS.items()]
    if known.refresh is not None:
        rate = "" if known.refresh.rate is None else f" ({known.refresh.rate:.1%} succeeded)"
        rows.append(("refreshes today", f"{known.refresh.succeeded + known.refresh.failed}{rate}"))
    print_table(("what", "number"), rows)


def _said(value: Any, approximate: bool) -> str:
    if value is None:
        return "not known without a journal"
    return f"about {value}" if approximate else str(value)
