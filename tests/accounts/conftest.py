"""Accounts in each store, with the sessions that they end beside them, and an Argon2 that takes no time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sojourn import AsyncSessions, Keys
from sojourn.accounts import Accounts, User
from sojourn.accounts.passwords import PasswordHasher
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.accounts.store import AccountsStore, MemoryAccounts
from sojourn.events import Event
from sojourn.sessions import Issued
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import FakeClock

PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.7"


class QuickHasher(PasswordHasher):
    """Counts how often it verifies, and lets a test step in before it works."""

    def __init__(self, passes: int = 1) -> None:
        super().__init__(memory_kib=8, passes=passes)
        self.verified = 0
        self.before: Callable[[], Awaitable[object]] | None = None

    async def verify(self, password: str, hash: str | None) -> bool:
        self.verified += 1
        await self._step_in()
        return await super().verify(password, hash)

    async def hash(self, password: str) -> str:
        await self._step_in()
        return await super().hash(password)

    async def _step_in(self) -> None:
        step, self.before = self.before, None
        if step is not None:
            await step()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sojourn.db"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[AccountsStore]:
    store: AccountsStore = MemoryAccounts() if request.param == "memory" else SQLiteAccounts(path)
    yield store
    await store.close()


@pytest.fixture
async def sessions(
    store: AccountsStore, path: Path, keys: Keys, clock: FakeClock, events: list[Event]
) -> AsyncIterator[AsyncSessions]:
    """In the same file as the accounts, if they are in one."""
    kept = MemoryStore() if isinstance(store, MemoryAccounts) else SQLiteStore(path)
    sessions = AsyncSessions(kept, keys=keys, clock=clock, on_event=events.append)
    yield sessions
    await sessions.close()


@pytest.fixture
def hasher() -> QuickHasher:
    return QuickHasher()


@pytest.fixture
def accounts(store: AccountsStore, sessions: AsyncSessions, hasher: QuickHasher) -> Accounts:
    return Accounts(store, sessions, hasher=hasher)


@pytest.fixture
async def ada(accounts: Accounts) -> User:
    return await accounts.create("ada@example.org", PASSWORD, "Ada")


@pytest.fixture
def start(sessions: AsyncSessions) -> Callable[[User], Awaitable[Issued]]:
    """What a route hands to `sign_in`."""
    return lambda user: sessions.start(user.id, amr=("pwd",))


@pytest.fixture
def sign_in(
    accounts: Accounts, start: Callable[[User], Awaitable[Issued]]
) -> Callable[..., Awaitable[Issued]]:
    async def sign_in(
        email: str = "ada@example.org",
        password: str = PASSWORD,
        *,
        ip: str | None = ADDRESS,
        start: Callable[[User], Awaitable[Issued]] = start,
    ) -> Issued:
        _, issued = await accounts.sign_in(email, password, ip=ip, start=start)
        return issued

    return sign_in
