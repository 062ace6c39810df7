"""Whether a Redis server is set up to keep what it has acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Literal

from sojourn.errors import SettingsError
from sojourn.stores.redis.faults import RedisAway, RedisError
from sojourn.stores.redis.nodes import Call, Nodes
from sojourn.stores.redis.url import Address
from sojourn.stores.redis.wire import packed

__all__ = ["Checks", "Finding"]

Finding = tuple[Literal["ok", "warn", "bad"], str, str]
"""How good it is, what was found, and the remedy."""

_log = logging.getLogger("sojourn")
_OLDEST = (6, 2)  # ZADD LT, XTRIM MINID
_CONFIG = ("maxmemory-policy", "appendonly", "appendfsync")
_ASKED = [packed("INFO"), *(packed("CONFIG", "GET", name) for name in _CONFIG)]


class Checks:
    """Each server is looked at before its first use by this process."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._good: set[Address] = set()
        self._owners: list[Address] = []
        self._counted = False  # the shards

    async def before_use(self) -> None:
        """Refuse a server that would lose sessions without a word."""
        owners = self._nodes.owners or await self._nodes.locate()
        for address in set(owners) - self._good:
            for level, what, remedy in await self._look(address):
                if level == "bad" and not self._nodes.url.allow_loss:
                    raise SettingsError(f"{what}; {remedy}")
                if level != "ok":
                    _log.warning("%s; %s", what, remedy)
            self._good.add(address)
        if not self._counted:
            await self._same_shards(owners)
            self._counted = True
        self._owners = owners

    def passed(self) -> bool:
        """Whether the servers are those that were looked at."""
        return self._owners is self._nodes.owners and bool(self._owners)

    async def findings(self) -> list[Finding]:
        """What `sojourn doctor` says about the servers."""
        owners = self._nodes.owners or await self._nodes.locate()
        return [finding for address in dict.fromkeys(owners) for finding in await self._look(address)]

    async def _same_shards(self, owners: list[Address]) -> None:
        """The number of shards says where everything is, so it is written down once for ever."""
        key = self._nodes.key(0, b"shards")
        await self._nodes.one(Call(0, packed("SET", key, len(owners), "NX")))
        found = await self._nodes.one(Call(0, packed("GET", key)))
        if found is not None and int(found) != len(owners):
            raise SettingsError(
                f"this database was begun with {int(found)} shards, not {len(owners)}; "
                f"open it with shards={int(found)}"
            )

    async def _look(self, address: Address) -> list[Finding]:
        info, *config = await self._nodes.connections.exchange(address, b"".join(_ASKED), len(_ASKED))
        if isinstance(info, RedisAway):
            raise info
        facts = {} if isinstance(info, RedisError) else _facts(info)
        for name, answer in zip(_CONFIG, config, strict=True):
            if isinstance(answer, list) and len(answer) == 2:
                facts[name] = answer[1].decode()
        url = self._nodes.url
        return [
            *_version(address, facts),
            *_kind(address, facts, cluster=url.cluster),
            *_memory(address, facts),
            *_disk(address, facts),
            *_replicas(address, facts, url.replicas),
        ]


def _facts(info: bytes) -> dict[str, str]:
    lines = (line.split(":", 1) for line in info.decode(errors="replace").split("\r\n") if ":" in line)
    return dict(lines)


def _version(address: Address, facts: dict[str, Any]) -> Iterator[Finding]:
    version = facts.get("redis_version", "")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < _OLDEST:
        yield "bad", f"Redis at {address} is {version}", "run 6.2 or newer"
    elif version:
        yield "ok", f"Redis {version} at {address}", ""


def _kind(address: Address, facts: dict[str, Any], *, cluster: bool) -> Iterator[Finding]:
    if not cluster and facts.get("cluster_enabled") == "1":
        yield "bad", f"Redis at {address} is one of a cluster", "write redis+cluster:// in the URL"
    if facts.get("role") == "slave":
        yield "bad", f"Redis at {address} is a replica", "name its master in the URL"


def _memory(address: Address, facts: dict[str, Any]) -> Iterator[Finding]:
    policy = facts.get("maxmemory-policy") or facts.get("maxmemory_policy")
    if policy not in (None, "noeviction"):
        yield (
            "bad",
            f"Redis at {address} drops sessions when its memory is full (maxmemory-policy {policy})",
            "set maxmemory-policy noeviction",
        )
    elif policy:
        yield "ok", f"Redis at {address} drops nothing when its memory is full", ""


def _disk(address: Address, facts: dict[str, Any]) -> Iterator[Finding]:
    appends = facts.get("appendonly") or {"0": "no", "1": "yes"}.get(facts.get("aof_enabled", ""), "")
    sync = facts.get("appendfsync")
    if appends == "no":
        yield (
            "bad",
            f"Redis at {address} forgets revocations when it restarts (appendonly no)",
            "set appendonly yes, and appendfsync always where a power cut must lose none",
        )
    elif sync == "always":
        yield "ok", f"Redis at {address} has every acknowledged revocation on disk", ""
    elif sync is not None:
        lost = "up to one second of revocations" if sync == "everysec" else "many seconds of revocations"
        yield (
            "warn",
            f"a power cut at {address} loses {lost} (appendfsync {sync})",
            "set appendfsync always if none may be lost",
        )
    elif appends:
        yield "ok", f"Redis at {address} appends to a file; how often it is synced may not be asked", ""


def _replicas(address: Address, facts: dict[str, Any], wanted: int) -> Iterator[Finding]:
    connected = int(facts.get("connected_slaves", 0))
    if wanted > connected:
        yield (
            "warn",
            f"Redis at {address} has {connected} replicas, and a revocation waits for {wanted}",
            "connect more replicas, or lower replicas= in the URL",
        )
