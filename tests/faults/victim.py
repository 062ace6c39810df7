"""A process of an application that is going to be killed: it says what it begins, and what was acknowledged.

Run as `python -m tests.faults.victim URL SEED`; see `test_kill.py`.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import timedelta

from sojourn import AsyncSessions, Issued, Policy, open_store
from sojourn.testing import make_keys

__all__ = ["POLICY"]

POLICY = Policy(flush_every=timedelta(milliseconds=20), touch_every=timedelta(seconds=1), max_sessions=4)


def say(word: str, *more: object) -> None:
    print(word, *more, flush=True)


class Person:
    """One user, who signs in and out on several devices at random."""

    def __init__(self, sessions: AsyncSessions, number: int, seed: str) -> None:
        self.sessions, self.user = sessions, f"user {number}"
        self.chance = random.Random(f"{seed} {number}")
        self.issued: list[Issued] = []

    async def live(self) -> None:
        acts = [self.sign_in, self.sign_in, self.use, self.refresh, self.renew, self.sign_out, self.leave_all]
        while True:
            await self.chance.choice(acts if self.issued else [self.sign_in])()

    def one(self) -> Issued:
        return self.issued.pop(self.chance.randrange(len(self.issued)))

    async def sign_in(self) -> None:
        for issued in self.issued if len(self.issued) == POLICY.max_sessions else []:
            say("ending", issued.session.id)  # the cap takes one of these
        issued = await self.sessions.start(self.user)
        say("started", issued.session.id, issued.token)
        live = {session.id for session in await self.sessions.list(self.user)}
        for each in self.issued:
            if each.session.id not in live:
                say("ended", each.session.id)
        self.issued = [each for each in [*self.issued, issued] if each.session.id in live]

    async def use(self) -> None:
        await self.sessions.validate(self.chance.choice(self.issued).token)

    async def refresh(self) -> None:
        issued = await self.sessions.refresh(self.one().token)
        say("refreshed", issued.session.id, issued.token)
        self.issued.append(issued)

    async def renew(self) -> None:
        """From here on no token but the new one is good."""
        issued = self.one()
        say("renewing", issued.session.id)
        issued = await self.sessions.renew(issued.session.id)
        say("renewed", issued.session.id, issued.token)
        self.issued.append(issued)

    async def sign_out(self) -> None:
        issued = self.one()
        say("ending", issued.session.id)
        assert await self.sessions.end(issued.token)
        say("ended", issued.session.id)

    async def leave_all(self) -> None:
        leaving, self.issued = self.issued, []
        for issued in leaving:
            say("ending", issued.session.id)
        assert await self.sessions.revoke_all(self.user) == len(leaving)
        for issued in leaving:
            say("ended", issued.session.id)


async def main(url: str, seed: str) -> None:
    sessions = AsyncSessions(open_store(url), keys=make_keys(), policy=POLICY)
    async with sessions.following(), asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(Person(sessions, number, seed).live())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
