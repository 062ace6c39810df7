"""The near cache: snapshots kept in this process, by the digest of the token that they were made for."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any
from uuid import UUID

from msgspec.structs import replace as _replaced

from sojourn.clock import NEVER, Good, part_of
from sojourn.policy import Policy
from sojourn.session import Session
from sojourn.snapshot import Snapshot, packed, unpacked

__all__ = ["Kept", "NearCache"]

_READY = 2_048  # snapshots that lie ready: those in use just now
_NUMBERS = struct.Struct(">II")  # of the device and of the place, before what is packed


class Kept:
    """A snapshot that is ready for use. `came_from`: where it was found to be used as before.

    `gone`: it was dropped or replaced, so that whoever still holds it must ask again: see `leave`.
    """

    __slots__ = (
        *("id", "made_at", "number", "packed", "part", "session", "stale_at", "touch_at", "version"),
        *("came_from", "gone", "good"),
    )

    def __init__(self, snapshot: Snapshot, touch_every: timedelta, packed: bytes | None = None) -> None:
        session = snapshot.session
        self.session: Session = session
        self.id: UUID = session.id
        self.number: int = session.id.int
        self.part = part_of(self.number)
        self.version: int = session.version
        self.made_at: datetime = snapshot.made_at
        self.stale_at: datetime = snapshot.stale_at
        self.touch_at: datetime = session.seen_at + touch_every
        self.packed = packed  # what it was unpacked from
        self.good: Good = NEVER  # since when it may be used without a note, and until when
        self.gone = False
        self.came_from: object = None

    def leave(self) -> None:
        """It answers no longer. In this order: whoever finds it good just now looks whether it has left."""
        self.gone = True
        self.good = NEVER

    def use(self, session: Session, touch_every: timedelta) -> None:
        """It was used: *session* is the same, and seen later."""
        self.session, self.touch_at = session, session.seen_at + touch_every


class NearCache:
    """At most *limit* snapshots, the least recently used going first. Knows no time and no feed.

    The few thousand in use lie ready; the others are packed, and take less than 300 bytes each. Any
    number of threads may use it.
    """

    def __init__(self, policy: Policy, *, limit: int = 100_000) -> None:
        self._policy = policy
        self._limit = max(1, limit)
        # Few against the limit: so what lies ready was used of late, and is never the next to go.
        self._ready_limit = max(1, min(_READY, self._limit // 4))
        self.clear()

    def __len__(self) -> int:
        return len(self.ready) + len(self._packed)

    def clear(self) -> None:
        """Forget everything: a forked child begins anew, with a lock that nobody holds."""
        self._lock = Lock()
        self.ready: dict[bytes, Kept] = {}  # the few that `get` need not unpack
        self._packed: dict[bytes, bytes] = {}
        self._common = _Common()

    def get(self, name: bytes) -> Kept | None:
        """The snapshot made for the token with the digest *name*, whether or not it may still be used."""
        found = self.ready.get(name)
        return found if found is not None or name not in self._packed else self._unpack(name)

    def put(self, name: bytes, snapshot: Snapshot) -> Kept:
        """Keep *snapshot*, in place of an older one."""
        kept = Kept(snapshot, self._policy.of(snapshot.session).touch_every)
        with self._lock:
            self._discard(name)
            self._make_ready(name, kept)
        return kept

    def used(self, name: bytes, kept: Kept, stale_at: datetime) -> bool:
        """*kept* was used: of use until *stale_at* now, and packed last. False: it is not ready here."""
        with self._lock:
            if self.ready.get(name) is not kept:
                return False
            self._unnumber(kept.packed)
            kept.packed, kept.stale_at = None, stale_at
            self.ready[name] = self.ready.pop(name)
            return True

    def drop(self, name: bytes) -> None:
        with self._lock:
            self._discard(name)

    # ── under the lock ───────────────────────────────────────────────────────────────────────────

    def _unpack(self, name: bytes) -> Kept | None:
        with self._lock:
            raw = self._packed.pop(name, None)
            if raw is None:  # another thread was faster
                return self.ready.get(name)
            device, place = (self._common[number] for number in _NUMBERS.unpack_from(raw))
            snapshot = unpacked(raw[_NUMBERS.size :], self._policy, device, place)
            kept = Kept(snapshot, self._policy.of(snapshot.session).touch_every, raw)
            self._make_ready(name, kept)
            return kept

    def _make_ready(self, name: bytes, kept: Kept) -> None:
        while len(self.ready) >= self._ready_limit:
            self._pack(next(iter(self.ready)))
        if len(self) >= self._limit:
            self._make_room()
        self.ready[name] = kept

    def _pack(self, name: bytes) -> None:
        """What has lain ready longest is packed: the last of the packed ones to go."""
        kept = self.ready.pop(name)
        kept.leave()
        if kept.packed is None:
            snapshot = Snapshot(kept.session, kept.made_at, kept.stale_at)
            kept.packed = self._numbered(kept.session) + packed(snapshot, whole=False)
        self._packed[name] = kept.packed

    def _make_room(self) -> None:
        """A hundredth goes at once: after many deletions the first key of a dictionary is far away."""
        for name in list(islice(self._packed or self.ready, 1 + self._limit // 100)):
            self._discard(name)

    def _discard(self, name: bytes) -> None:
        kept = self.ready.pop(name, None)
        if kept is None:
            raw = self._packed.pop(name, None)
        else:
            kept.leave()
            raw = kept.packed
        self._unnumber(raw)

    def _unnumber(self, packed: bytes | None) -> None:
        if packed is not None:
            for number in _NUMBERS.unpack_from(packed):
                self._common.release(number)

    def _numbered(self, session: Session) -> bytes:
        device = _replaced(session.device, id=None)  # without what tells one from all others
        return _NUMBERS.pack(self._common.take(device), self._common.take(session.place))


class _Common:
    """Values that many sessions have in common (browsers, places), by number, while one has them."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._values: list[Any] = []
        self._users: list[int] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Any:
        return self._values[number]

    def take(self, value: Any) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = self._free.pop() if self._free else len(self._values)
            if number == len(self._values):
                self._values.append(value)
                self._users.append(0)
            self._values[number] = value
        self._users[number] += 1
        return number

    def release(self, number: int) -> None:
        self._users[number] -= 1
        if not self._users[number]:
            del self._numbers[self._values[number]]
            self._values[number] = None
            self._free.append(number)
