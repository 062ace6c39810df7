"""Other processes at the file of a directory."""

from __future__ import annotations

import asyncio
from multiprocessing.synchronize import Barrier
from pathlib import Path
from uuid import UUID

from sojourn.directory.sqlite import SQLiteDirectory
from sojourn.testing import MORNING
from tests.directory.records import MINUTE, make_message


def claim_all(path: Path, barrier: Barrier, number: int) -> list[UUID]:
    """Claim a few at a time until nothing is left; which ones."""

    async def work() -> list[UUID]:
        store, mine = SQLiteDirectory(path), []
        await store.count_messages()
        barrier.wait()
        while some := await store.claim(at=MORNING + MINUTE, until=MORNING + 2 * MINUTE, limit=3):
            mine += [message.id for message in some]
        await store.close()
        return mine

    return asyncio.run(work())


def redeem_all(path: Path, barrier: Barrier, number: int, digests: list[str]) -> list[bool]:
    """Redeem each at the same moment as the others; whether as the first."""

    async def work() -> list[bool]:
        store, first = SQLiteDirectory(path), []
        await store.count_messages()
        for digest in digests:
            barrier.wait()
            found = await store.redeem_code(digest, at=MORNING)
            assert found is not None
            first.append(found.first)
        await store.close()
        return first

    return asyncio.run(work())


def enqueue_and_wait(path: Path) -> None:
    """Enqueue three, claim one of them, say so, and wait to be killed."""

    async def work() -> None:
        store = SQLiteDirectory(path)
        await store.enqueue([make_message(number) for number in range(3)])
        (claimed,) = await store.claim(at=MORNING, until=MORNING + MINUTE, limit=1)
        print(claimed.id, flush=True)
        input()

    asyncio.run(work())
