"""`sojourn applications rotate-secret`: another secret, while the one before is still good."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.applications.create import print_secret
from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Flag, Json, Store
from sojourn.cli.reading import span_in
from sojourn.errors import SettingsError
from sojourn.policy import words

__all__ = ["rotate_secret"]


async def rotate_secret(
    id: Annotated[str, Parameter(help="The application, as `sojourn applications list` shows it.")],
    /,
    *,
    overlap: Annotated[str | None, Parameter(help="How long the old one is good. [default: 24h]")] = None,
    now: Annotated[bool, Flag, Parameter(help="It leaked: the old one is good no longer.")] = False,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Give an application another secret, and print it once. The one before is good for a day more."""
    if now and overlap is not None:
        raise SettingsError("the old secret ends now or later; give one of --now and --overlap")
    span = timedelta(0) if now else span_in("--overlap", overlap or "24h")
    async with opened({"store": store, "accounts": accounts}) as found:
        registered = await found.directory.rotate_secret(id, overlap=span)
    if not json:
        old = f"is good for {words(span)} more" if span else "is good no longer"
        print(f"{registered.application.name} has another secret; the one before {old}.")
    print_secret(registered, json=json)
