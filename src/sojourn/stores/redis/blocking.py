"""Connections to Redis that block instead of suspending: one for each thread that is amid a verb."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from hiredis import Reader

from sojourn.stores.redis.faults import RedisAway, reply_error
from sojourn.stores.redis.url import Address, RedisURL
from sojourn.stores.redis.wire import Exchange, check_greeting, greeting

__all__ = ["Sockets"]

_NOTHING = object()
_CHUNK = 1 << 16


class _Line:
    """A connection with nobody else on it."""

    def __init__(self, address: Address, url: RedisURL, tls: ssl.SSLContext | None) -> None:
        self._address, self._timeout = address, url.timeout
        self._reader = Reader(replyError=reply_error, notEnoughData=_NOTHING)
        try:
            self._socket = socket.create_connection(address, url.timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address.host)
        except TimeoutError:
            raise RedisAway(f"{address} did not answer within {url.timeout:g} s") from None
        except OSError as error:
            raise RedisAway(f"{address} cannot be reached ({error})") from error
        first = greeting(url)
        try:
            check_greeting(self.exchange(b"".join(first), len(first), 0.0))
        except RedisAway:
            self.close()
            raise

    def exchange(self, packed: bytes, count: int, patience: float) -> list[Any]:
        try:
            self._socket.settimeout(self._timeout + patience)
            self._socket.sendall(packed)
            return [self._reply() for _ in range(count)]
        except TimeoutError:
            self.close()
            raise RedisAway(f"{self._address} did not answer within {self._timeout:g} s") from None
        except OSError as error:
            self.close()
            raise RedisAway(f"{self._address} closed the connection ({error})") from error
        except BaseException:  # interrupted: the answers that are still to come are nobody's
            self.close()
            raise

    def _reply(self) -> Any:
        while (reply := self._reader.gets()) is _NOTHING:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("end of file")
            self._reader.feed(data)
        return reply

    def idle(self) -> bool:
        """Whether it is open still: on one that waits for nothing, nothing must come."""
        return self._socket.fileno() >= 0 and not _readable(self._socket)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


def _readable(sock: socket.socket) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()  # select() has no room for high file numbers
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class Sockets:
    """Connections that nobody uses just now, by server."""

    suspends = False

    def __init__(self, url: RedisURL) -> None:
        self._url = url
        self._tls = url.context()
        self._lock = Lock()
        self._idle: dict[Address, list[_Line]] = {}
        self._inherited: list[object] = []

    async def exchange(self, address: Address, packed: bytes, count: int = 1) -> Any:
        answers = await self.exchange_slowly(address, packed, count, 0.0)
        return answers if count > 1 else answers[0]

    async def exchange_all(self, exchanges: Sequence[Exchange]) -> list[Any]:
        answers: list[Any] = []
        for each in exchanges:
            try:
                answers.append(await self.exchange_slowly(*each, 0.0))
            except RedisAway as fault:
                answers.append(fault)
        return answers

    async def exchange_slowly(
        self, address: Address, packed: bytes, count: int, patience: float
    ) -> list[Any]:
        line = self._taken(address)
        answers = line.exchange(packed, count, patience)
        with self._lock:
            self._idle.setdefault(address, []).append(line)
        return answers

    async def subscribe(self, address: Address, channel: str, wake: Callable[[], None]) -> None:
        """The blocking face never listens."""

    async def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for lines in idle.values():
            for line in lines:
                line.close()

    def forget(self) -> None:
        """In a forked child: the connections are the parent's."""
        self._inherited.append(self._idle)  # kept, so that nothing finalises them
        self._lock, self._idle = Lock(), {}

    def _taken(self, address: Address) -> _Line:
        while True:
            with self._lock:
                lines = self._idle.get(address)
                line = lines.pop() if lines else None
            if line is None:
                return _Line(address, self._url, self._tls)
            if line.idle():
                return line
            line.close()
