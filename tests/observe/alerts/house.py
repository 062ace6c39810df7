"""One server's sessions, journal, accounts and outbox, with the watch and the delivery that go with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sojourn import AsyncSessions, Device
from sojourn.accounts import Accounts, open_accounts
from sojourn.accounts.passwords import PasswordHasher
from sojourn.delivery import Courier, Guard, Post
from sojourn.directory import Directory, open_directory
from sojourn.events import Event
from sojourn.observe import open_ledger
from sojourn.observe.alerts.evaluate import Looked, Watch
from sojourn.observe.alerts.window import AlertRules
from sojourn.observe.journal.writer import Journal
from sojourn.observe.notices.telling import Tellings
from sojourn.observe.notices.webhooks import KIND, Hook, Hooks
from sojourn.session import Session
from sojourn.stores import open_store
from sojourn.testing import FakeClock, make_keys

SECRET = b"a secret of thirty-two bytes or so"


class House:
    """What one process has, over files in *folder*; another House over the same is another process."""

    def __init__(
        self,
        folder: Path,
        clock: FakeClock,
        *,
        hooks: dict[str, str] | None = None,
        events: tuple[str, ...] = (),
        deadline: float = 5.0,
        **tellings: Any,
    ) -> None:
        self.folder, self.clock = folder, clock
        self.told: list[Event] = []
        url = f"sqlite:///{folder / 'sojourn.db'}"
        self.sessions = AsyncSessions(open_store(url), keys=make_keys(), clock=clock)
        self.accounts = Accounts(open_accounts(url), self.sessions, hasher=PasswordHasher())
        self.directory = Directory(open_directory(url), self.sessions)
        self.outbox: Any = self.directory.store
        self.ledger: Any = open_ledger(f"sqlite:///{folder / 'journal.db'}", keys=make_keys())
        self.journal = Journal(self.ledger, clock=clock)
        self.sessions.listen(self.told.append)
        self.sessions.listen(self.journal.hear)
        named = {name: Hook(name=name, url=to, secrets=(SECRET,)) for name, to in (hooks or {}).items()}
        self.hooks = Hooks(named, Post(Guard.of(local=True), deadline=deadline), events=events)
        self.tellings = Tellings(hooks=self.hooks, **tellings)
        self.senders = {KIND: self.hooks.send}

    def watch(self, **more: Any) -> Watch:
        """Another leader of this process; as if it were one of another process, with its own memory."""
        return Watch(self.sessions, self.ledger, self.outbox, self.tellings, **more)

    def courier(self) -> Courier:
        fixed: dict[str, Any] = {"stopwatch": lambda: 0.0, "chance": lambda: 0.0}
        return Courier(self.outbox, self.senders, tell=self.sessions.emit, **fixed)

    async def look(self, watch: Watch | None = None) -> Looked:
        """Write the journal, look through it, and write what that told."""
        await self.journal.flush()
        found = await (watch or self.watch(holder="one")).step(self.clock())
        await self.journal.flush()
        assert found is not None
        return found

    async def sign_in(
        self, user: str = "ada", device: str | None = "d1", ip: str = "198.51.100.7", **more: Any
    ) -> Session:
        fields = {"browser": "Chrome", "browser_version": "143", "os": "macOS", "name": "Chrome 143 on macOS"}
        self.clock.tick(seconds=1)
        issued = await self.sessions.start(
            user, device=Device(id=device, kind="desktop", **fields), ip=ip, amr=("pwd",), **more
        )
        return issued.session

    async def waiting(self) -> list[dict[str, Any]]:
        """What is in the outbox, as receivers will read it."""
        return [json.loads(message.body) for message in await self.outbox.peek() if message.kind == KIND]

    def named(self, name: str) -> Iterator[Event]:
        return (event for event in self.told if event.name == name)

    async def close(self) -> None:
        await self.ledger.close()
        await self.directory.close()
        await self.accounts.close()
        await self.sessions.close()


LOUD = AlertRules(failed_per_account=3, failed_per_address=4, quiet=timedelta(hours=6))
