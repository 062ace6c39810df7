"""The measured applications: one file per framework, each with `make(places, **options)`.

All of them answer `GET /me` with the id of the user, 401 to whoever is not signed in, and have
`POST /create?user=N`, which signs user N in without hashing a password. Where a rotation exists,
`POST /refresh` asks for it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["USERS", "Places", "user_name"]

USERS = 1000


class Places(Struct, frozen=True, kw_only=True):
    """Where a subject may keep what it keeps: an empty folder, and an empty database of each server."""

    folder: str
    postgres: str = ""
    redis: str = ""

    def file(self, name: str) -> Path:
        """The absolute path of a file in the folder."""
        return Path(self.folder).absolute() / name

    def encoded(self) -> str:
        """For the command line of a process that is to use these places."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def decoded(cls, text: str) -> Places:
        return msgspec.json.decode(text, type=cls)


def user_name(number: str | int) -> str:
    """The id of user *number*, the same everywhere."""
    return f"user-{int(number) % USERS:03}"
