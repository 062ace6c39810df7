"""Lookups that wait for the same round trip share it.

A lookup goes at once while few are under way. Otherwise it joins those that wait to be sent, never one that
was sent: an answer is as old as the moment its question was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from itertools import islice
from typing import Any
from uuid import UUID

from sojourn.stores.postgres.seam import Row

__all__ = ["Lookups"]

_UNDER_WAY = 2  # statements at once; a second one so that a slow one does not hold up everybody
_MOST = 500  # ids in one statement


class Lookups:
    """Those of one event loop. *fetch* runs one statement."""

    def __init__(self, fetch: Callable[[str, Sequence[Any]], Awaitable[Sequence[Row]]]) -> None:
        self._fetch = fetch
        self._under_way = 0
        self._waiting: dict[UUID, list[asyncio.Future[Row | None]]] = {}
        self._sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive

    async def find(self, one: str, many: str, id: UUID) -> Row | None:
        """The row of *id*: alone by the statement *one*, with others by *many*."""
        if self._under_way < _UNDER_WAY:
            self._under_way += 1
            try:
                rows = await self._fetch(one, (id,))
                return rows[0] if rows else None
            finally:
                self._landed(many)
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(answer)
        return await answer

    def _landed(self, many: str) -> None:
        self._under_way -= 1
        if not self._waiting:
            return
        batch = {id: self._waiting.pop(id) for id in list(islice(self._waiting, _MOST))}
        self._under_way += 1
        task = asyncio.get_running_loop().create_task(self._send(many, batch))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, many: str, batch: dict[UUID, list[asyncio.Future[Row | None]]]) -> None:
        """Ask for all whose askers still wait, and answer each; whoever was cancelled hurts nobody else."""
        try:
            wanted = [id for id, answers in batch.items() if not all(answer.done() for answer in answers)]
            rows = await self._fetch(many, (wanted,)) if wanted else ()
            found = {row[0]: row for row in rows}
            for id, answers in batch.items():
                for answer in answers:
                    if not answer.done():
                        answer.set_result(found.get(id))
        except BaseException as error:
            for answer in (answer for answers in batch.values() for answer in answers if not answer.done()):
                if isinstance(error, Exception):
                    answer.set_exception(_own(error))
                else:  # the loop is being shut down
                    answer.cancel()
            if not isinstance(error, Exception):
                raise
        finally:
            self._landed(many)


def _own(error: Exception) -> Exception:
    """A copy of *error*: raised in several places, one object would collect the tracebacks of all."""
    try:
        twin = copy(error)
    except Exception:  # a constructor that wants more than it keeps
        return error
    twin.__cause__ = error
    return twin
