"""Lookups that wait for the same round trip share it.

One statement is under way at a time; those who come meanwhile go together in the next, which takes each a
quarter of what it would take alone. Nobody joins one that was sent: an answer is as old as the moment its
question was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sojourn.stores.postgres.rows import ID
from sojourn.stores.postgres.seam import Row, own

__all__ = ["Lookups"]

_SLOW = 0.02  # seconds after which those who wait for a statement to return send another
_UNDER_WAY = 2  # statements at once, the second because the first is slow
_TURNS = 4  # of the loop, at most, in which others can join
_MOST = 500  # ids in one statement

_number = int.from_bytes  # taken from its class each time, it would be made anew
_Answer = asyncio.Future[bytes | None]
_Asked = tuple[UUID, list[_Answer]]


class Lookups:
    """Those of the event loop that runs. *fetch* runs one statement."""

    def __init__(self, fetch: Callable[[str, Sequence[Any]], Awaitable[Sequence[Row]]]) -> None:
        self._fetch = fetch
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._crowded = False  # the last time more than one went together
        self._since = 0.0  # when the last one was sent, by the loop's clock
        self._waiting: dict[int, _Asked] = {}  # by number: a UUID takes three times as long
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive
        self._watch: asyncio.TimerHandle | None = None

    def find(self, one: str, many: str, id: UUID) -> Awaitable[bytes | None]:
        """The packed row of *id*: alone by the statement *one*, with others by *many*."""
        if not (self._under_way or self._crowded):
            return self._find_alone(one, many, id)
        number, waiting = id.int, self._waiting
        answer: _Answer = self._loop.create_future()
        if number in waiting:
            waiting[number][1].append(answer)
        else:
            waiting[number] = id, [answer]
        if not self._under_way:
            self._depart(many)
        elif self._watch is None:
            self._watch = self._loop.call_later(_SLOW, self._look, many)
        return answer

    async def _find_alone(self, one: str, many: str, id: UUID) -> bytes | None:
        self._under_way += 1
        self._since = self._loop.time()
        try:
            rows = await self._fetch(one, (id,))
            return rows[0][0] if rows else None
        finally:
            self._landed(many)

    def _landed(self, many: str) -> None:
        self._under_way -= 1
        if self._waiting:
            self._depart(many)

    def _depart(self, many: str) -> None:
        """Send a turn of the loop later: whoever asks meanwhile goes, too."""
        self._under_way += 1
        task = self._loop.create_task(self._send(many))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _look(self, many: str) -> None:
        """A statement that is slow, or whose server hangs, does not hold up everybody."""
        self._watch = None
        if not self._waiting:
            return
        if self._loop.time() - self._since >= _SLOW and self._under_way < _UNDER_WAY:
            self._depart(many)
        self._watch = self._loop.call_later(_SLOW, self._look, many)

    async def _gathered(self) -> None:
        """While others join with every turn of the loop, the next turn is cheaper than the next statement."""
        for _ in range(_TURNS):
            before = len(self._waiting)
            await asyncio.sleep(0)
            if len(self._waiting) == before:
                return

    def _batch(self) -> dict[int, _Asked]:
        if len(self._waiting) <= _MOST:
            batch, self._waiting = self._waiting, {}
            return batch
        return {number: self._waiting.pop(number) for number in list(islice(self._waiting, _MOST))}

    async def _send(self, many: str) -> None:
        """Ask for all whose askers still wait, and answer each; whoever was cancelled hurts nobody else."""
        await self._gathered()
        batch = self._batch()
        self._crowded = len(batch) > 1
        try:
            wanted = [id for id, answers in batch.values() if not answers[0].done() or _awaited(answers)]
            if wanted:
                self._since = self._loop.time()
                # The bounds spare it the partitions that none of them is in.
                values = (wanted, batch[min(batch)][0], batch[max(batch)][0])
                for row in await self._fetch(many, values):
                    packed = row[0]
                    for answer in batch.pop(_number(packed[ID]))[1]:
                        try:
                            answer.set_result(packed)
                        except asyncio.InvalidStateError:  # it was cancelled
                            continue
                for answer in _unanswered(batch.values()):
                    answer.set_result(None)
        except BaseException as error:
            _tell(error, batch.values())
            if not isinstance(error, Exception):
                raise
        finally:
            self._landed(many)


def _awaited(answers: list[_Answer]) -> bool:
    return not all(answer.done() for answer in answers)


def _unanswered(asked: Iterable[_Asked]) -> Iterator[_Answer]:
    return (answer for _, answers in asked for answer in answers if not answer.done())


def _tell(error: BaseException, asked: Iterable[_Asked]) -> None:
    for answer in _unanswered(asked):
        if isinstance(error, Exception):
            answer.set_exception(own(error))
        else:  # the loop is being shut down
            answer.cancel()
