"""An installation as an operator has it: made by the command line, served by processes of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from sojourn import AsyncSessions, Device
from sojourn.access import Signers
from sojourn.access_ring import WORD, lines, parse
from sojourn.api.oauth import terms_of
from sojourn.directory import Directory, open_directory
from sojourn.issuer import Issuer
from sojourn.keyring import read, read_text
from sojourn.sessions import Issued, utc_now
from sojourn.stores import open_store
from tests.client.processes import command, free_port, serving

__all__ = ["ADA", "BOB", "CALLBACK", "LEAVING", "PASSWORD", "Desk", "Installation", "Tokens", "until"]

ADA, BOB, PASSWORD = "ada@example.org", "bob@example.org", "difference engine no. 2"
CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens there: tests read the address of the redirect
LEAVING = f"{CALLBACK}/out"

T = TypeVar("T")


class Tokens:
    """What somebody holds who is signed in without a browser."""

    def __init__(self, access: str, refresh: str, session_id: str) -> None:
        self.access, self.refresh, self.session_id = access, refresh, session_id

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.access}"}


class Installation:
    """A folder with keys, a store and its users, and the address at which it is served."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.store = f"sqlite:///{folder / 'sojourn.db'}"
        self.settings = {"SOJOURN_STORE": self.store, "SOJOURN_ORIGIN": self.origin} | settings
        self.secrets: dict[str, str] = {}  # of the applications
        self.tenants: dict[str, str] = {}  # slug → id
        self.run("keys", "generate")
        self.run("migrate")

    def run(self, *arguments: str) -> str:
        """What `sojourn` prints for *arguments*."""
        return command(self.folder, *arguments, **self.settings)

    def start(self, user: str, **options: str) -> Tokens:
        """`sojourn sessions start`."""
        named = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        said = json.loads(self.run("sessions", "start", "--json", "--user", user, *named))
        return Tokens(said["access_token"], said["refresh_token"], said["session_id"])

    @contextmanager
    def served(self, *options: str, port: int | None = None) -> Iterator[httpx2.Client]:
        """`sojourn serve` and a client of it, until the block ends."""
        port = port or self.port
        arguments = ("-m", "sojourn", "serve", "--port", str(port), *options)
        with (
            serving(self.folder, port, *arguments, path="/healthz", settings=self.settings) as origin,
            httpx2.Client(base_url=origin, timeout=30) as client,
        ):
            yield client

    def beside(self, act: Callable[[Desk], Awaitable[T]], *, ago: timedelta = timedelta(0)) -> T:
        """What *act* does on the same files as the server, where a command each would take too long."""

        async def opened() -> T:
            desk = Desk(self, ago)
            try:
                return await act(desk)
            finally:
                await desk.close()

        return asyncio.run(opened())

    def sessions(
        self, count: int, user_id: str = "grace", *, ago: timedelta = timedelta(0), **facts: Any
    ) -> list[Tokens]:
        """*count* sessions of a user who has no account, begun some time *ago*."""

        async def start(desk: Desk) -> list[Tokens]:
            return [await desk.start(user_id, **facts) for _ in range(count)]

        return self.beside(start, ago=ago)

    def applications(self, **described: dict[str, Any]) -> None:
        """Add applications by id; their secrets are remembered in `secrets`."""

        async def create(desk: Desk) -> None:
            for id, facts in described.items():
                made = await desk.directory.create_application(id.title(), id=id, **facts)
                self.secrets[id] = made.secret or ""

        self.beside(create)

    def tenant(self, slug: str) -> None:
        async def create(desk: Desk) -> None:
            self.tenants[slug] = (await desk.directory.create_tenant(slug)).id

        self.beside(create)

    def live(self, user_id: str) -> set[str]:
        """The ids of the user's sessions."""

        async def listed(desk: Desk) -> set[str]:
            return {str(session.id) for session in await desk.sessions.list(user_id)}

        return self.beside(listed)


class Desk:
    """The sessions, the directory and the keys of an installation, opened in this process."""

    def __init__(self, place: Installation, ago: timedelta = timedelta(0)) -> None:
        path = place.folder / "sojourn.keys"
        self.sessions = AsyncSessions(open_store(place.store), keys=read(path), clock=lambda: utc_now() - ago)
        self.directory = Directory(open_directory(place.store), self.sessions)
        self.issuer = Issuer(
            self.sessions, _signers(path), url=place.origin, terms_of=terms_of(self.directory)
        )

    async def start(self, user_id: str, *, life: timedelta | None = None, **facts: Any) -> Tokens:
        facts = {"device": Device(user_agent="Analytical/1"), "bearer": True, **facts}
        issued = await self.sessions.start(user_id, **facts)
        return await self.tokens(issued, life)

    async def tokens(self, issued: Issued, life: timedelta | None = None) -> Tokens:
        access = await self.issuer.issue(issued.session, life=life)
        return Tokens(access.text, issued.token, str(issued.session.id))

    async def close(self) -> None:
        await self.directory.close()
        await self.sessions.close()


def _signers(path: Path) -> Signers:
    texts = [text for text in read_text(path).splitlines() if text.startswith(f"{WORD} ")]
    return parse(lines(texts, where=str(path)))


def until(seen: Callable[[], bool], *, within: float, becomes: bool = True) -> float:
    """After how many seconds *seen* says so; it is asked without a pause, and what is asked later must."""
    began = time.monotonic()
    while True:
        asked = time.monotonic() - began
        if seen() is becomes:
            return asked
        assert asked < within, f"not within {within} s"
