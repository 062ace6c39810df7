"""A house to watch over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.testing import FakeClock
from tests.delivery.kit import Receiver
from tests.observe.alerts.house import House


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver.listening() as receiver:
        yield receiver


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock) -> AsyncIterator[House]:
    house = House(tmp_path, clock, hooks={"ops": "http://127.0.0.1:9/"}, least="low", mails_devices=True)
    yield house
    await house.close()
