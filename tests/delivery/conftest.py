"""A server's sessions, directory and keys, with the delivery that goes with them; time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sojourn import ANYBODY, AsyncSessions, Keys
from sojourn.backchannel import KIND, Notices, Tellers
from sojourn.delivery import Courier, Guard, Post
from sojourn.directory import Directory, open_directory
from sojourn.events import Event, GivenUp
from sojourn.sessions import Issued
from sojourn.stores import open_store
from sojourn.testing import FakeClock
from tests.delivery.kit import Receiver
from tests.web.kit import make_signers

ISSUER = "https://good.test"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as receiver:
        yield receiver


class House:
    """What one process of the server has."""

    def __init__(self, url: str, keys: Keys, clock: FakeClock, events: list[Event]) -> None:
        self.url, self.clock, self.events = url, clock, events
        self.sessions = AsyncSessions(open_store(url), keys=keys, clock=clock, on_event=events.append)
        self.directory = Directory(open_directory(url), self.sessions)
        self.outbox = self.directory.store
        self.notices = Notices(self.sessions, self.directory)
        self.courier = self.make_courier()

    def make_courier(self, *, deadline: float = 10.0, local: bool = True, **more: Any) -> Courier:
        post = Post(Guard.of(local=local), deadline=deadline)
        tellers = Tellers(self.directory, make_signers(), post, url=ISSUER)
        # The watch stands still as the clock does, so that nothing depends on how fast this machine is.
        fixed = {"stopwatch": lambda: 0.0, "chance": lambda: 0.0}
        return Courier(self.outbox, {KIND: tellers.send}, tell=self.sessions.emit, **fixed | more)

    async def register(self, id: str, uri: str | None, **more: Any) -> None:
        await self.directory.create_application(id, id=id, back_channel_logout_uri=uri, **more)

    async def start(self, application: str | None = "shop", user: str = "ada", **more: Any) -> Issued:
        return await self.sessions.start(user, application_id=application, **more)

    async def step(self) -> Any:
        """Read what is new, and deliver what is due now."""
        await self.notices.read(self.clock())
        return await self.courier.step(self.clock())

    def dead(self) -> list[GivenUp]:
        return [event for event in self.events if isinstance(event, GivenUp)]

    async def close(self) -> None:
        await self.directory.close()
        await self.sessions.close()


@pytest.fixture(params=["memory", "sqlite"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, keys: Keys, clock: FakeClock, events: list[Event]
) -> AsyncIterator[House]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'sojourn.db'}"
    house = House(url, keys, clock, events)
    yield house
    await house.close()


@pytest.fixture
async def filed(
    tmp_path: Path, keys: Keys, clock: FakeClock, events: list[Event]
) -> AsyncIterator[tuple[House, House]]:
    """Two processes at one file."""
    url = f"sqlite:///{tmp_path / 'sojourn.db'}"
    one, two = House(url, keys, clock, events), House(url, keys, clock, events)
    yield one, two
    await asyncio.gather(one.close(), two.close())


@pytest.fixture
async def shop(house: House, receiver: Receiver) -> House:
    """The house, with an application that wants to be told."""
    await house.register("shop", receiver.url)
    return house


async def end(house: House, id: UUID) -> None:
    await house.sessions.revoke(id, owner=ANYBODY)
