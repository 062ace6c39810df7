"""A network that fails at will: connections to a server on loopback that are slow, silent or cut."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Self

__all__ = ["Proxy"]


class Proxy:
    """Passes on what comes, in order: answers `delay` seconds late."""

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.refuses = False  # whether whoever comes is turned away
        self._target = port
        self._pairs: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._speaking = asyncio.Event()
        self._speaking.set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Self]:
        proxy = cls(port)
        listening = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = listening.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            listening.close()
            proxy._speaking.set()
            for task in list(proxy._pairs):
                task.cancel()
            await asyncio.gather(*proxy._pairs, return_exceptions=True)

    def instead(self, url: str) -> str:
        """*url*, but through here."""
        return re.sub(rf":{self._target}\b", f":{self.port}", url)

    def cut(self) -> None:
        """Reset every connection there is now."""
        for writer in self._pairs.values():
            writer.transport.abort()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Nothing gets through in either direction, and nobody is told."""
        self._speaking.clear()
        try:
            yield
        finally:
            self._speaking.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs[task] = writer
        try:
            if self.refuses:
                return
            await self._speaking.wait()
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                ways = [
                    asyncio.create_task(self._pass_on(reader, their_writer, answers=False)),
                    asyncio.create_task(self._pass_on(their_reader, writer, answers=True)),
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
            finally:
                their_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            del self._pairs[task]

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        waiting: deque[tuple[float, bytes]] = deque()
        more = asyncio.Event()

        async def read() -> None:
            with suppress(OSError):
                while data := await reader.read(1 << 16):
                    waiting.append((loop.time() + (self.delay if answers else 0.0), data))
                    more.set()
            waiting.append((loop.time(), b""))
            more.set()

        reading = asyncio.create_task(read())
        try:
            while True:
                while not waiting:
                    more.clear()
                    await more.wait()
                due, data = waiting.popleft()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())  # that is the delay
                await self._speaking.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        finally:
            reading.cancel()
