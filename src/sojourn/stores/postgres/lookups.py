"""Lookups that wait for the same round trip share it.

One statement is under way at a time; those who come meanwhile go together in the next, which takes each a
quarter of what it would take alone. Nobody joins one that was sent: an answer is as old as the moment its
question was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from threading import get_ident
from typing import Any
from uuid import UUID

from sojourn.session import Session
from sojourn.stores.postgres.rows import ID
from sojourn.stores.postgres.seam import Lookup, Row, own

__all__ = ["Lookups"]

_SLOW = 0.02  # seconds after which those who wait for a statement to return send another
_UNDER_WAY = 2  # statements at once, the second because the first is slow
_TURNS = 4  # of the loop, at most, in which others can join
_MOST = 500  # ids in one statement

_number_in = int.from_bytes  # taken from its class each time, it would be made anew
_NUMBER = attrgetter("int")  # to compare UUIDs takes three times as long
_Answer = asyncio.Future[Session | None]
_Asked = tuple[UUID, _Answer]


class Lookups:
    """Those of the event loop that runs. *fetch* runs one statement, of *lookup*.

    *elsewhere* finds what is asked for in any other loop, or when these are closed.
    """

    def __init__(
        self,
        fetch: Callable[[str, Sequence[Any]], Awaitable[Sequence[Row]]],
        lookup: Lookup,
        elsewhere: Callable[[UUID], Awaitable[Session | None]],
    ) -> None:
        self._fetch, self._lookup, self._elsewhere = fetch, lookup, elsewhere
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()  # in which that runs; 0: they are closed
        self._under_way = 0
        self._crowded = False  # the last time more than one went together
        self._since = 0.0  # when the last one was sent, by the loop's clock
        self._waiting: list[_Asked] = []
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive
        self._watch: asyncio.TimerHandle | None = None

    def find(self, id: UUID) -> Awaitable[Session | None]:
        """The session *id*."""
        # To ask which loop is running would ask the kernel for the process, which takes a tenth of all this.
        loop = self._loop
        if get_ident() != self._thread or not loop.is_running():
            return self._elsewhere(id)
        if not (self._under_way or self._crowded):
            return self._find_alone(id)
        answer: _Answer = loop.create_future()
        self._waiting.append((id, answer))
        if not self._under_way:
            self._depart()
        elif self._watch is None:
            self._watch = self._loop.call_later(_SLOW, self._look)
        return answer

    def serve(self) -> None:
        """Their loop runs in this thread."""
        self._thread = get_ident()

    def close(self) -> None:
        """Take no more; who waits is answered."""
        self._thread = 0

    async def _find_alone(self, id: UUID) -> Session | None:
        self._under_way += 1
        self._since = self._loop.time()
        try:
            rows = await self._fetch(self._lookup.one, (id,))
        finally:
            self._landed()
        return self._lookup.made(id, rows[0][0]) if rows else None

    def _landed(self) -> None:
        self._under_way -= 1
        if self._waiting:
            self._depart()

    def _depart(self) -> None:
        """Send a turn of the loop later: whoever asks meanwhile goes, too."""
        self._under_way += 1
        task = self._loop.create_task(self._send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _look(self) -> None:
        """A statement that is slow, or whose server hangs, does not hold up everybody."""
        self._watch = None
        if not self._waiting:
            return
        if self._loop.time() - self._since >= _SLOW and self._under_way < _UNDER_WAY:
            self._depart()
        self._watch = self._loop.call_later(_SLOW, self._look)

    async def _gathered(self) -> None:
        """While others join with every turn of the loop, the next turn is cheaper than the next statement."""
        for _ in range(_TURNS):
            before = len(self._waiting)
            await asyncio.sleep(0)
            if len(self._waiting) == before:
                return

    async def _send(self) -> None:
        """Ask for all whose askers still wait, and answer each; whoever was cancelled hurts nobody else."""
        await self._gathered()
        batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        self._crowded = len(batch) > 1
        try:
            wanted = [id for id, answer in batch if not answer.done()]
            if wanted:
                self._since = self._loop.time()
                # The bounds spare it the partitions that none of them is in.
                values = (wanted, min(wanted, key=_NUMBER), max(wanted, key=_NUMBER))
                self._tell(batch, await self._fetch(self._lookup.many, values))
        except BaseException as error:
            for _, answer in batch:
                if not isinstance(error, Exception):  # the loop is being shut down
                    answer.cancel()
                elif not answer.done():
                    answer.set_exception(own(error))
            if not isinstance(error, Exception):
                raise
        finally:
            self._landed()

    def _tell(self, batch: list[_Asked], rows: Sequence[Row]) -> None:
        made = self._lookup.made
        found = {_number_in(row[0][ID]): row[0] for row in rows}
        for id, answer in batch:
            packed = found.get(id.int)
            try:
                answer.set_result(None if packed is None else made(id, packed))
            except asyncio.InvalidStateError:  # it was cancelled
                continue
            except Exception as error:  # of this row alone
                if not answer.done():
                    answer.set_exception(error)
