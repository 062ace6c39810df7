"""`AsyncSessions`: all verbs over one store. `Sessions`, in `blocking`, has the same ones."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from sojourn.activity import Activity
from sojourn.addresses import Addresses
from sojourn.clock import Clock, StoreClock, utc_now
from sojourn.commit import Commits
from sojourn.events import Event
from sojourn.feed import Feed
from sojourn.policy import Policy
from sojourn.snapshots import Snapshots
from sojourn.standings import Standings
from sojourn.stores.protocol import Store, StoreBusy
from sojourn.token import Keys
from sojourn.verbs.base import Issued, Validated
from sojourn.verbs.begin import BeginVerbs
from sojourn.verbs.end import ANYBODY, Anybody, EndVerbs
from sojourn.verbs.look import LookVerbs
from sojourn.verbs.own import OwnVerbs
from sojourn.verbs.use import UseVerbs

if TYPE_CHECKING:
    from sojourn.custom import Custom, CustomSession
    from sojourn.following import Followed
    from sojourn.place import Places

__all__ = ["ANYBODY", "Anybody", "AsyncSessions", "Issued", "Validated", "utc_now"]


class AsyncSessions(BeginVerbs, UseVerbs, EndVerbs, LookVerbs, OwnVerbs):
    """Sessions over a store, under a policy. One instance serves a whole application.

    Every verb raises a `SessionError` for an expected "no" and lets the driver's exceptions pass
    (`faults`): a fault is not a sign-out.

    Without a *clock* it runs with the store's. *most_reads*: how many requests may wait for the
    store at once; the others get `StoreBusy`, which is answered 503, so that a store that was away
    is not trampled down when it comes back. *custom* adds fields to what clients see of a session:
    called with it, without its salt, at most once for each version and life of a snapshot. *places*
    tells where an address is thought to be, of sessions that are started without a place.
    """

    def __init__(
        self,
        store: Store,
        *,
        keys: Keys,
        policy: Policy | None = None,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
        near_cache: int = 100_000,
        most_reads: int = 1_000,
        custom: CustomSession | None = None,
        places: Places | None = None,
    ) -> None:
        self.store = store
        self.faults: tuple[type[Exception], ...] = (*store.faults, StoreBusy)
        self.keys = keys
        self.policy = policy or Policy()
        self.clock: Clock = clock or StoreClock()
        self.places = places
        self._addresses = Addresses(self.policy.addresses, keys)
        self.custom: Custom | None = None
        if custom is not None:
            from sojourn.custom import KEY, Custom

            self.policy = self.policy.changed(cached_data=(*self.policy.cached_data, KEY))
            self.custom = Custom(custom, self.policy, self.clock)
        self.feed = Feed(
            store,
            clock=self.clock,
            max_staleness=self.policy.max_staleness,
            poll_every=self.policy.poll_every,
            keep=self.policy.longest_snapshot,
        )
        self.activity = Activity(store, self.clock, policy=self.policy)
        self.snapshots = Snapshots(
            self.feed,
            self.activity,
            policy=self.policy,
            keys=keys,
            clock=self.clock,
            limit=near_cache,
        )
        self._commits = Commits(
            store,
            self.feed,
            policy=self.policy,
            clock=self.clock,
            emit=self.emit,
            used=self.activity.follows,
            most_reads=most_reads,
            cached=self.snapshots.on,
        )
        self.standings = Standings(self._commits, policy=self.policy, clock=self.clock)
        self.followed: dict[object, Followed] = {}  # by event loop
        self._listeners = [on_event] if on_event else []
        self.forget()
        _forget_after_fork(self)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call *listener* with every event from now on. What it raises is logged and goes no further."""
        self._listeners.append(listener)

    def forget(self) -> None:
        """Trust nothing that was followed, write nothing that waits: a forked child begins anew."""
        self._commits.forget()
        self.snapshots.forget()
        if self.custom is not None:
            self.custom.forget()

    # ── follow ───────────────────────────────────────────────────────────────────────────────

    def following(self) -> AbstractAsyncContextManager[None]:
        """Follow the feed in the background, and write activity in batches: `async with` around serving.

        Blocks that overlap are one. The middleware follows by itself, while its application serves.
        Without it requests poll the feed themselves, and write each use at once.
        """
        from sojourn.following import following

        return following(self)

    async def flush(self) -> int:
        """Write the activity that waits in this process; how many sessions were used."""
        return await self.activity.flush()

    async def close(self) -> None:
        """Write what waits, and let go of the store."""
        try:
            await self.activity.try_flush()
        finally:
            await self.store.close()


def _forget_after_fork(sessions: AsyncSessions) -> None:
    """A child trusts nothing that its parent followed, and writes nothing that its parent will."""
    alive = weakref.ref(sessions)

    def forget() -> None:
        if (found := alive()) is not None:
            found.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
