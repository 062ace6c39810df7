"""Writes that wait for the same commit share it.

A write goes at once while none is under way. Otherwise it waits for that to return, and goes with the others
that wait: one message there and back, one transaction, one wait for the disk. If the database refuses one it
undoes all of them; each is tried again on its own, so that none suffers from another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from sojourn.stores.postgres.seam import Row, Undone, own

__all__ = ["Writes"]

_SLOW = 0.02  # seconds after which those who wait for one under way, which may wait for a lock, do not
_TURNS = 4  # of the loop, at most, in which others can join
_MOST = 64  # writes in one transaction

_Answer = asyncio.Future[Sequence[Row]]


class _Write(NamedTuple):
    order: Any
    values: Sequence[Any]
    answer: _Answer


class Writes:
    """Those of one event loop. Of a statement the last value is a number, and the first one of each row."""

    def __init__(
        self,
        alone: Callable[[str, Sequence[Any]], Awaitable[Sequence[Row]]],
        together: Callable[[str, Sequence[Sequence[Any]]], Awaitable[Sequence[Row]]],
    ) -> None:
        self._alone, self._together = alone, together
        self._under_way: dict[int, float] = {}  # since when, by the loop's clock
        self._crowded = False  # the last time more than one went together
        self._numbers = count()
        self._waiting: dict[str, list[_Write]] = {}  # by statement
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive
        self._watch: asyncio.TimerHandle | None = None

    async def run(self, sql: str, order: Any, values: Sequence[Any]) -> Sequence[Row]:
        """The rows of one write. *order*: in which a transaction takes what others may want, too."""
        loop = asyncio.get_running_loop()
        if not self._crowded and self._free(loop):
            number = self._departed(loop)
            try:
                return await self._alone(sql, (*values, 0))
            finally:
                self._landed(loop, number)
        answer: _Answer = loop.create_future()
        self._waiting.setdefault(sql, []).append(_Write(order, values, answer))
        self._depart(loop)
        if self._watch is None:
            self._watch = loop.call_later(_SLOW, self._look, loop)
        return await answer

    def _free(self, loop: asyncio.AbstractEventLoop) -> bool:
        latest = loop.time() - _SLOW
        return all(since < latest for since in self._under_way.values())

    def _departed(self, loop: asyncio.AbstractEventLoop) -> int:
        number = next(self._numbers)
        self._under_way[number] = loop.time()
        return number

    def _landed(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        del self._under_way[number]
        self._depart(loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = None
        self._depart(loop)
        if self._waiting:
            self._watch = loop.call_later(_SLOW, self._look, loop)

    def _depart(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting and self._free(loop):
            sql = next(iter(self._waiting))
            task = loop.create_task(self._send(loop, self._departed(loop), sql))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, loop: asyncio.AbstractEventLoop, number: int, sql: str) -> None:
        writes = await self._gathered(sql)
        self._crowded = len(writes) > 1
        try:
            if len(writes) == 1:
                await self._by_itself(sql, writes[0])
            elif writes:
                await self._in_one(sql, writes)
        finally:
            for write in writes:  # the loop is being shut down
                write.answer.cancel()
            self._landed(loop, number)

    async def _gathered(self, sql: str) -> list[_Write]:
        """While others join with every turn of the loop, the next turn is cheaper than the next message."""
        for _ in range(_TURNS):
            before = len(self._waiting.get(sql, ()))
            await asyncio.sleep(0)
            if len(self._waiting.get(sql, ())) == before:
                break
        writes = self._waiting.pop(sql, [])
        if len(writes) > _MOST:
            self._waiting[sql] = writes[_MOST:]  # at the end: the other statements have their turn first
        wanted = (write for write in writes[:_MOST] if not write.answer.done())
        return sorted(wanted, key=lambda write: write.order)

    async def _in_one(self, sql: str, writes: list[_Write]) -> None:
        found: list[list[Row]] = [[] for _ in writes]
        try:
            rows = await self._together(sql, [(*w.values, number) for number, w in enumerate(writes)])
        except Undone:
            await asyncio.gather(*(self._by_itself(sql, write) for write in writes))
            return
        except Exception as error:
            for write in writes:
                if not write.answer.done():
                    write.answer.set_exception(own(error))
            return
        for row in rows:
            found[row[0]].append(row)
        for write, its in zip(writes, found, strict=True):
            if not write.answer.done():
                write.answer.set_result(its)

    async def _by_itself(self, sql: str, write: _Write) -> None:
        try:
            rows = await self._alone(sql, (*write.values, 0))
        except Exception as error:
            if not write.answer.done():
                write.answer.set_exception(error)
        else:
            if not write.answer.done():
                write.answer.set_result(rows)
