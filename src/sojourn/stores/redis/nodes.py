"""Which server has a shard, and what to do when it no longer has: the same for both faces."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from sojourn.stores.redis.faults import NotReplicated, RedisAway, RedisError
from sojourn.stores.redis.scripts import Script, script
from sojourn.stores.redis.url import Address, RedisURL
from sojourn.stores.redis.wire import Exchange, packed

__all__ = ["Call", "Connections", "Nodes"]

_TRIES = 5  # a shard that moves on every try is not found


class Call(NamedTuple):
    """One command about a shard; a script says so, in case that the server does not know it."""

    shard: int
    packed: bytes
    script: Script | None = None


class Connections(Protocol):
    """What suspends (`Wires`) and what blocks (`Sockets`)."""

    suspends: bool

    def exchange(self, address: Address, packed: bytes, count: int = 1) -> Awaitable[Any]: ...
    async def exchange_all(self, exchanges: Sequence[Exchange]) -> list[Any]: ...
    async def exchange_slowly(
        self, address: Address, packed: bytes, count: int, patience: float
    ) -> list[Any]: ...
    async def subscribe(self, address: Address, channel: str, wake: Callable[[], None]) -> None: ...
    async def close(self) -> None: ...
    def forget(self) -> None: ...


_ASKING = packed("ASKING")
_SLOTS = packed("CLUSTER", "SLOTS")


class Nodes:
    """Commands by shard. On one server every shard is there; in a cluster the shard's slot says where.

    A command is sent again only where the server has said that it did not run it: never after a
    connection was lost, because then nobody knows.
    """

    def __init__(self, url: RedisURL, connections: Connections, shards: int) -> None:
        self.url = url
        self.connections = connections
        self._prefixes = [f"sojourn:{{{shard:02}}}:".encode() for shard in range(shards)]
        self._reads = [
            b"*2\r\n$3\r\nGET\r\n$%d\r\n%bs" % (len(prefix) + 17, prefix) for prefix in self._prefixes
        ]
        self._slots = [_slot(b"%02d" % shard) for shard in range(shards)]
        self._known = url.seeds
        self.owners = [] if url.cluster else [url.seeds[0]] * shards
        _everyone.add(self)

    def prefix(self, shard: int) -> bytes:
        """What the keys of *shard* begin with; what is in braces keeps them in one slot."""
        return self._prefixes[shard]

    def key(self, shard: int, name: bytes) -> bytes:
        return self._prefixes[shard] + name

    def scripted(self, shard: int, verb: str, *values: bytes | str | int) -> Call:
        """A script about *shard*.

        It names two keys of the slot that never exist. While the slot is being moved to another server, both
        servers refuse such a command: half of what the script would see might have moved already.
        """
        prefix, text = self._prefixes[shard], script(verb)
        return Call(shard, packed(b"EVALSHA", text.sha, 2, prefix, prefix + b"!", *values), text)

    def read(self, shard: int, id: bytes) -> Call:
        """GET of the record of *id*: put together by hand, because most of what is asked is this."""
        return Call(shard, b"%b%b\r\n" % (self._reads[shard], id))

    # ── sending ──────────────────────────────────────────────────────────────────────────────────

    async def one(self, call: Call) -> Any:
        """The answer to one command; an error is raised."""
        owners = self.owners or await self.locate()
        address = owners[call.shard]
        try:
            reply = await self.connections.exchange(address, call.packed)
        except RedisAway:
            self._mistrust(address)
            raise
        if isinstance(reply, RedisError):
            reply = await self._again(call, address, reply)
        return reply

    async def many(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to several commands, in order, in one pipeline for each server."""
        owners = self.owners or await self.locate()
        groups: dict[Address, list[int]] = {}
        for n, call in enumerate(calls):
            groups.setdefault(owners[call.shard], []).append(n)
        exchanges = [
            (address, b"".join(calls[n].packed for n in group), len(group))
            for address, group in groups.items()
        ]
        answers: list[Any] = [None] * len(calls)
        for (address, group), part in zip(
            groups.items(), await self.connections.exchange_all(exchanges), strict=True
        ):
            if isinstance(part, BaseException):
                self._mistrust(address)
                raise part
            for n, reply in zip(group, part, strict=True):
                refused = isinstance(reply, RedisError)
                answers[n] = await self._again(calls[n], address, reply) if refused else reply
        return answers

    async def in_parts(self, calls: Sequence[Call], size: int) -> list[Any]:
        """`many`, no more than *size* in one pipeline, so that nobody else's command waits for all."""
        return [answer for n in range(0, len(calls), size) for answer in await self.many(calls[n : n + size])]

    async def replicated(self, call: Call) -> Any:
        """`one`, and then wait until as many replicas as the URL says have what was written."""
        if not self.url.replicas:
            return await self.one(call)
        wait = packed("WAIT", self.url.replicas, self.url.wait_ms)
        for _ in range(_TRIES):
            address = (self.owners or await self.locate())[call.shard]
            try:
                reply, reached = await self.connections.exchange_slowly(
                    address, call.packed + wait, 2, self.url.wait_ms / 1000
                )
            except RedisAway:
                self._mistrust(address)
                raise
            if not isinstance(reply, RedisError):
                self._check_reached(reached, reply)
                return reply
            call = await self._mended(call, address, reply)
        raise reply

    def _check_reached(self, reached: Any, reply: Any) -> None:
        if isinstance(reached, RedisError):
            raise reached
        if reached < self.url.replicas:
            raise NotReplicated(
                f"done on the master, but within {self.url.wait_ms} ms {reached} of {self.url.replicas} "
                "replicas have said that they have it; to call again is safe, and waits again",
                reply,
            )

    # ── what the server did not run ──────────────────────────────────────────────────────────────

    async def _again(self, call: Call, address: Address, error: RedisError) -> Any:
        """The answer once the reason why *address* did not run *call* is out of the way."""
        for _ in range(_TRIES):
            if error.code == "ASK":
                target = self._address(str(error), address)
                _, reply = await self.connections.exchange(target, _ASKING + call.packed, 2)
            else:
                call = await self._mended(call, address, error)
                address = (self.owners or await self.locate())[call.shard]
                reply = await self.connections.exchange(address, call.packed)
            if not isinstance(reply, RedisError):
                return reply
            error = reply
        raise error

    async def _mended(self, call: Call, address: Address, error: RedisError) -> Call:
        """*call* as it can be sent again, where the shard is now."""
        if error.code == "NOSCRIPT" and call.script is not None:
            # EVALSHA and a name of 40 characters become EVAL and the text: the rest is the same.
            sha = packed(call.script.sha).partition(b"\r\n")[2]
            text = packed(call.script.text).partition(b"\r\n")[2]
            resent = call.packed.replace(b"$7\r\nEVALSHA\r\n" + sha, b"$4\r\nEVAL\r\n" + text, 1)
            return Call(call.shard, resent, call.script)
        if error.code == "MOVED":
            await self._relocate(self._address(str(error), address))
            return call
        raise error

    @staticmethod
    def _address(text: str, asked: Address) -> Address:
        """Where `MOVED 1234 host:port` or `ASK …` sends us; without a host, to the host that was asked."""
        host, _, port = text.split()[2].rpartition(":")
        return Address(host.strip("[]") or asked.host, int(port))

    # ── where the shards are ─────────────────────────────────────────────────────────────────────

    async def locate(self) -> list[Address]:
        """Ask the servers that are known, one after the other, which of them has which shard."""
        fault: RedisAway = RedisAway("no server is known")
        for address in dict.fromkeys((*self._known, *self.url.seeds)):
            try:
                await self._relocate(address)
            except RedisAway as away:
                fault = away
            else:
                return self.owners
        raise fault

    async def _relocate(self, address: Address) -> None:
        if not self.url.cluster:
            raise RedisAway(f"{address} is one of a cluster; use redis+cluster:// in the URL")
        ranges = await self.connections.exchange(address, _SLOTS)
        if isinstance(ranges, RedisError):
            raise RedisAway(f"{address} is not one of a cluster ({ranges}); use redis:// in the URL")
        owner: dict[int, Address] = {}
        known: list[Address] = []
        for first, last, *nodes in ranges:
            here = [Address((host or b"").decode() or address.host, port) for host, port, *_ in nodes]
            known += here
            owner |= {slot: here[0] for slot in self._slots if first <= slot <= last}
        if missing := set(self._slots) - set(owner):
            raise RedisAway(f"CLUSTERDOWN nobody has {len(missing)} of our slots")
        self._known = tuple(dict.fromkeys(known))
        self.owners = [owner[slot] for slot in self._slots]

    def _mistrust(self, address: Address) -> None:
        """A server is away: another one may have its slots by now. The next command asks, it last."""
        if self.url.cluster:
            self.owners = []
            others = (*self._known, *self.url.seeds)
            self._known = (*(other for other in others if other != address), address)


def _slot(tag: bytes) -> int:
    """CRC16 (XMODEM) of what is in braces, as Redis Cluster does it."""
    crc = 0
    for byte in tag:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc % 16384


_everyone: WeakSet[Nodes] = WeakSet()


def _forget() -> None:
    for nodes in tuple(_everyone):
        nodes.connections.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
