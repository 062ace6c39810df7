"""Load over HTTP/1.1: so many connections kept open, each sends its next request when it has its answer."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import cycle
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["AGENT", "Answer", "Load", "Tally", "ask", "asking", "cookies_of", "main", "request"]

AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/143.0.0.0 Safari/537.36"
_HEADERS = f"Host: 127.0.0.1:8000\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\nSec-Fetch-Site: same-origin\r\n"


class Answer(Struct, frozen=True):
    """A status, and the head of the answer as it came."""

    status: int
    head: bytes


class Tally(Struct):
    """What came of a load."""

    taken: list[float]  # seconds, of each answer
    seconds: float = 0.0
    bad: int = 0  # answers that say no
    odd: int = 0  # the last such status

    @property
    def per_second(self) -> float:
        return len(self.taken) / self.seconds


Next = Callable[[Answer | None], bytes]  # the next request, after the answer to the last one


def request(method: str, path: str, cookie: str = "") -> bytes:
    """A request as it goes over the wire."""
    lines = f"{method} {path} HTTP/1.1\r\n{_HEADERS}"
    if cookie:
        lines += f"Cookie: {cookie}\r\n"
    if method == "POST":
        lines += "Content-Length: 0\r\n"
    return f"{lines}\r\n".encode()


def cookies_of(answer: Answer) -> dict[str, str]:
    """The cookies that *answer* sets."""
    lines = answer.head.decode("latin-1").split("\r\n")
    set_ = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("set-cookie:")]
    pairs = [line.split(";")[0].partition("=") for line in set_]
    return {name: value for name, _, value in pairs}


def asking(cookies: Sequence[str], connections: int) -> list[Next]:
    """What each of so many *connections* sends, so that those of the *cookies* take turns."""

    def following(mine: Sequence[str]) -> Next:
        turn = cycle([request("GET", "/me", cookie) for cookie in mine])
        return lambda _: next(turn)

    return [following(cookies[n::connections] or cookies) for n in range(connections)]


async def ask(port: int, message: bytes) -> Answer:
    """One request on a connection of its own."""
    answers: list[Answer] = []
    await Load(port, [lambda _: message], at_most=1, on_answer=answers.append).run(60)
    if not answers:
        raise ConnectionError("the server closed the connection without an answer")
    return answers[0]


class Load:
    """One connection for each of *following*, which says what it sends next."""

    def __init__(
        self,
        port: int,
        following: Iterable[Next],
        *,
        at_most: int = 1 << 60,
        on_answer: Callable[[Answer], None] | None = None,
    ) -> None:
        self.port = port
        self.following = list(following)
        self.left = at_most
        self.on_answer = on_answer
        self.tally = Tally([])
        self.over = False
        self._open = 0
        self._done = asyncio.Event()

    async def run(self, seconds: float) -> Tally:
        """Send for *seconds*, then wait for the answers that are still due."""
        loop = asyncio.get_running_loop()
        self._open = len(self.following)
        began = time.perf_counter()
        for following in self.following:
            await loop.create_connection(partial(_Connection, self, following), "127.0.0.1", self.port)
        timer = loop.call_later(seconds, self.stop)
        try:
            await asyncio.wait_for(self._done.wait(), seconds + 30)
        finally:
            timer.cancel()
        self.tally.seconds = time.perf_counter() - began
        return self.tally

    def stop(self) -> None:
        """Send nothing more."""
        self.over = True

    def take(self, answer: Answer, seconds: float) -> None:
        """Note an answer."""
        if self.on_answer is not None:
            self.on_answer(answer)
        self.tally.taken.append(seconds)
        if not 200 <= answer.status < 300:
            self.tally.bad += 1
            self.tally.odd = answer.status

    def closed(self) -> None:
        """One connection fewer; before the end that is the server's fault."""
        if not self.over and self.left:
            self.tally.bad += 1
        self._open -= 1
        if self._open == 0:
            self._done.set()


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load, following: Next) -> None:
        self.load, self.following = load, following
        self.buffer = b""
        self.answer: Answer | None = None
        self.sent_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        if self.load.over or self.load.left == 0:
            self.transport.close()
            return
        self.load.left -= 1
        message = self.following(self.answer)
        self.sent_at = time.perf_counter()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, gap, body = self.buffer.partition(b"\r\n\r\n")
        if not gap or not _whole(head.lower(), body):
            return
        self.buffer = b""
        self.answer = Answer(int(head[9:12]), head)
        self.load.take(self.answer, time.perf_counter() - self.sent_at)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self.load.closed()


def _whole(head: bytes, body: bytes) -> bool:
    if b"\r\ntransfer-encoding: chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    said = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(said or 0)


async def main(port: int, connections: int, cookies: Sequence[str]) -> None:
    """Load a server until an interrupt, and print what came of it."""
    load = Load(port, asking(cookies, connections))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, load.stop)
    tally = await load.run(3600)
    print(msgspec.json.encode({"requests": len(tally.taken), "bad": tally.bad}).decode())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split("\n")))
