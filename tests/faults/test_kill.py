"""kill -9 of an application at any moment: what it had acknowledged is so, and stays so."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from uuid import UUID

import pytest

from sojourn import AsyncSessions, Query, open_store
from sojourn.errors import SessionError
from sojourn.testing import make_keys
from tests.faults.victim import POLICY
from tests.servers.redis import Redis

ROOT = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def victim(url: str, seed: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.victim", url, str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        watchdog = Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


class Said:
    """What the victim said before its end, by the id of the session."""

    def __init__(self) -> None:
        self.tokens: dict[UUID, list[str]] = {}  # the last one is good
        self.void: list[str] = []
        self.last: dict[UUID, str] = {}

    def note(self, line: str) -> None:
        word, id, *token = line.split()
        if word == "renewed":
            self.void += self.tokens[UUID(id)]
        self.tokens.setdefault(UUID(id), []).extend(token)
        self.last[UUID(id)] = word

    def those(self, *words: str) -> list[UUID]:
        return [id for id, word in self.last.items() if word in words]


def killed(url: str, seed: int) -> Said:
    """What a victim has said that is killed after as many words as *seed* says; its last words too."""
    said, words = Said(), random.Random(seed).randrange(100, 1000)
    with victim(url, seed) as process:
        assert process.stdout is not None
        for _ in range(words):
            line = process.stdout.readline()
            assert line, "it ended by itself"
            said.note(line)
        process.kill()
        for line in process.stdout:
            if line.endswith("\n"):
                said.note(line)
    return said


async def check(url: str, said: Said) -> None:
    sessions = AsyncSessions(open_store(url), keys=make_keys(), policy=POLICY)
    try:
        await _check(sessions, said)
    finally:
        await sessions.close()


async def _check(sessions: AsyncSessions, said: Said) -> None:
    ended, live = said.those("ended"), said.those("started", "refreshed", "renewed")
    assert ended
    page = await sessions.store.entries()
    assert page.complete
    lines = {entry.id for entry in page.entries if entry.revoked_at is not None}
    for id in ended:
        (stored,) = await sessions.select(Query(id=id))
        assert stored.revoked_at is not None
        assert id in lines  # others who follow learn of it
        for token in said.tokens[id]:
            with pytest.raises(SessionError):
                await sessions.validate(token, sure=True)
    for id in live:
        assert (await sessions.refresh(said.tokens[id][-1])).session.id == id
    for token in said.void:
        with pytest.raises(SessionError):
            await sessions.validate(token, sure=True)


SEEDS = [1, 2]


@pytest.mark.parametrize("seed", SEEDS)
async def test_law_11_kill_nine_on_a_file(tmp_path: Path, seed: int) -> None:
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    await check(url, killed(url, seed))


@pytest.mark.servers
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("server", ["postgres", "redis_server"])
async def test_law_11_kill_nine_on_a_server(request: pytest.FixtureRequest, server: str, seed: int) -> None:
    url = request.getfixturevalue(server).new_database()
    await check(url, killed(url, seed))


@pytest.mark.servers
async def test_law_11_kill_nine_of_the_application_and_of_its_server() -> None:
    """appendfsync always: what was acknowledged is in the file."""
    with Redis.started() as server:
        said = killed(server.url, 4)
        server.kill()
        server.start()
        await check(server.url, said)
