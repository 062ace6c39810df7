"""Where applications and tenants are kept: the contract of a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sojourn.directory.bookmarks import Bookmarks
from sojourn.directory.codes import Codes
from sojourn.directory.outbox import Outbox
from sojourn.directory.records import Application, Status, Tenant

__all__ = ["DirectoryStore"]


class DirectoryStore(Bookmarks, Codes, Outbox, Protocol):
    """Every verb is atomic, and one round trip. Records come as `checks` gives them.

    Pages are newest first, those before the id *after*; equally old ones by their ids.
    """

    faults: tuple[type[Exception], ...]

    async def insert_application(self, application: Application) -> bool:
        """Add one; false if the id is known already."""
        ...

    async def application(self, id: str) -> Application | None: ...

    async def applications(self, *, after: str | None = None, limit: int = 100) -> list[Application]: ...

    async def set_secret(self, id: str, hash: str, *, previous_until: datetime | None) -> Application | None:
        """Replace the secret; the one before is good until *previous_until*, with None no longer.

        None if there is no such application, or it is a public one, which has no secret to replace.
        """
        ...

    async def set_application_disabled(self, id: str, at: datetime | None) -> Application | None:
        """Disable, or with None enable; the first `disabled_at` stays. None if there is none."""
        ...

    async def insert_tenant(self, tenant: Tenant) -> bool:
        """Add one; false if the id or the slug is known already."""
        ...

    async def tenant(self, which: str) -> Tenant | None:
        """By id or slug. No text is both: an id has an underscore, a slug has none."""
        ...

    async def tenants(self, *, after: str | None = None, limit: int = 100) -> list[Tenant]: ...

    async def set_status(self, which: str, status: Status) -> Tenant | None:
        """None if there is no tenant with this id or slug."""
        ...

    async def forget_user(self, user_id: str, words: Sequence[str]) -> int:
        """Forget the codes of a user, and messages in whose body one of *words* stands; how many of both."""
        ...

    async def close(self) -> None: ...
