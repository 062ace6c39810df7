"""`sojourn users create`: let somebody sign in."""

from __future__ import annotations

import sys
from getpass import getpass
from secrets import token_urlsafe
from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Flag, Store
from sojourn.errors import SettingsError

__all__ = ["create"]


async def create(
    email: Annotated[str, Parameter(help="The e-mail address.")],
    /,
    *,
    name: Annotated[str, Parameter(show_default=False, help="What the person is called.")] = "",
    admin: Annotated[bool, Flag, Parameter(help="Make an administrator.")] = False,
    password_stdin: Annotated[bool, Flag, Parameter(help="Read the password from the input.")] = False,
    generate: Annotated[bool, Flag, Parameter(help="Make up a password, and print it.")] = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Add a user. Asks for the password twice, unless told where to take it from."""
    if password_stdin and generate:
        raise SettingsError("the password is read or made up; give one of --password-stdin and --generate")
    async with opened({"store": store, "accounts": accounts}) as found:
        password = token_urlsafe(15) if generate else _read() if password_stdin else _asked()
        user = await found.accounts.create(email, password, name, "admin" if admin else "user")
    print(f"Added {user.email}, {'an administrator' if admin else 'a user'}.")
    if generate:
        print(f"Password: {password}")


def _read() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


def _asked() -> str:
    if not _somebody_is_there():
        raise SettingsError("nobody can be asked for a password here; give --password-stdin or --generate")
    password = getpass("Password: ")
    if getpass("Once more: ") != password:
        raise SettingsError("the two passwords differ; nobody was added")
    return password
