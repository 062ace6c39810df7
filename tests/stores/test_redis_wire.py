"""The connection that tasks share, against servers that misbehave in ways that Redis itself does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sojourn.errors import SettingsError
from sojourn.stores.redis.faults import RedisAway, RedisError
from sojourn.stores.redis.url import Address, RedisURL
from sojourn.stores.redis.wire import Wires, check_greeting, packed

PING = packed("PING")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def pretended(serve: Serve, **parameters: object) -> AsyncIterator[tuple[Wires, Address]]:
    """Connections to a server that says OK to who comes, and then does as *serve* does."""

    async def greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"sojourn\r\n")
            writer.write(b"+OK\r\n")
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(greeted, "127.0.0.1", 0)
    address = Address(*server.sockets[0].getsockname()[:2])
    wires = Wires(RedisURL(seeds=(address,), **parameters))  # type: ignore[arg-type]
    try:
        yield wires, address
    finally:
        await wires.close()
        server.close()
        await server.wait_closed()


def tried(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 20))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The one word of each command, an octet at a time."""
    while True:
        await reader.readuntil(b"*1\r\n$")
        size = int(await reader.readuntil(b"\r\n"))
        word = await reader.readexactly(size + 2)
        for octet in b"$%d\r\n%b" % (size, word):
            writer.write(bytes((octet,)))
            await asyncio.sleep(0)


@tried
async def test_answers_that_come_in_pieces_are_given_out_in_order() -> None:
    async with pretended(_echo) as (wires, address):
        asked = [b"word %d" % n for n in range(50)]
        assert await asyncio.gather(*(wires.exchange(address, packed(word)) for word in asked)) == asked


@tried
async def test_several_commands_are_answered_as_a_list_between_others() -> None:
    async with pretended(_echo) as (wires, address):
        answers: Any = await asyncio.gather(
            wires.exchange(address, packed("a")),
            wires.exchange(address, packed("b") + packed("c"), 2),
            wires.exchange(address, packed("d")),
        )
        assert list(answers) == [b"a", [b"b", b"c"], b"d"]


@tried
async def test_whoever_stops_waiting_amid_a_list_leaves_the_order_as_it_was() -> None:
    async with pretended(_echo) as (wires, address):
        await wires.exchange(address, packed("first"))
        gone = asyncio.ensure_future(wires.exchange(address, packed("b") + packed("c"), 2))
        kept = asyncio.ensure_future(wires.exchange(address, packed("d")))
        await asyncio.sleep(0)
        gone.cancel()
        assert await kept == b"d"


@tried
async def test_whoever_opens_the_connection_may_leave_without_the_others() -> None:
    async with pretended(_echo) as (wires, address):
        first = asyncio.ensure_future(wires.exchange(address, packed("a")))
        second = asyncio.ensure_future(wires.exchange(address, packed("b")))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == b"b"


@tried
async def test_what_is_no_answer_ends_the_connection_for_all_who_wait() -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async with pretended(nonsense) as (wires, address):
        asked = [wires.exchange(address, PING) for _ in range(5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(answer) for answer in answers} == {RedisAway}


@tried
async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n+PONG\r\n")
        await reader.read()

    async with pretended(eager) as (wires, address):
        for _ in range(3):
            assert await wires.exchange(address, PING) == b"PONG"
            await asyncio.sleep(0.01)  # the second one may arrive by itself; either way nobody gets it


@tried
async def test_a_server_that_hangs_up_is_a_fault_and_is_called_again() -> None:
    calls = iter(range(100))

    async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        if next(calls) > 0:
            writer.write(b"+PONG\r\n")
            await reader.read()

    async with pretended(hanging_up) as (wires, address):
        with pytest.raises(RedisAway, match="closed the connection"):
            await wires.exchange(address, PING)
        assert await wires.exchange(address, PING) == b"PONG"


@tried
async def test_one_answer_that_is_late_is_a_fault_for_all_behind_it() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with pretended(silent, timeout=0.2) as (wires, address):
        asked = [wires.exchange(address, PING) for _ in range(5)]
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(answer, RedisAway)
            assert "did not answer within 0.2 s" in str(answer)


@tried
async def test_a_server_that_does_not_greet_is_a_fault_in_time() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    address = Address(*server.sockets[0].getsockname()[:2])
    wires = Wires(RedisURL(seeds=(address,), timeout=0.2))
    asked = [wires.exchange(address, PING) for _ in range(3)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {RedisAway}
    await wires.close()
    server.close()


@tried
async def test_too_many_who_wait_are_turned_away() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with pretended(silent, timeout=0.3) as (wires, address):
        asked = [asyncio.ensure_future(wires.exchange(address, PING)) for _ in range(10_001)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum("10000 commands wait" in str(answer) for answer in answers) == 1


def test_a_greeting_that_is_refused_is_a_fault_but_for_the_name() -> None:
    check_greeting([b"OK", RedisError("ERR unknown subcommand SETNAME")])
    with pytest.raises(RedisAway, match="out of range"):
        check_greeting([RedisError("ERR DB index is out of range"), b"OK"])


# ── what a URL says ───────────────────────────────────────────────────────────────────────────────


def test_a_url_says_where_who_and_how() -> None:
    url = RedisURL.parsed("rediss://ada:p%40ss@db.example.org:6380/3?timeout=0.5&replicas=2&wait_ms=50")
    assert url.seeds == (Address("db.example.org", 6380),)
    assert (url.database, url.tls, url.timeout, url.replicas, url.wait_ms) == (3, True, 0.5, 2, 50)
    assert url.credentials == ("ada", "p@ss")
    assert "p@ss" not in repr(url)
    assert url.context() is not None


@pytest.mark.parametrize(
    ("url", "seeds"),
    [
        ("redis://localhost", (Address("localhost", 6379),)),
        ("redis://:secret@[::1]:7000/0", (Address("::1", 7000),)),
        ("redis+cluster://a:7000,b:7001,c", (Address("a", 7000), Address("b", 7001), Address("c", 6379))),
    ],
)
def test_servers_are_named_in_every_usual_way(url: str, seeds: tuple[Address, ...]) -> None:
    assert RedisURL.parsed(url).seeds == seeds


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis://localhost/zero", "the database in a redis: URL is a whole number, not 'zero'"),
        ("redis://localhost:port/0", "is not host:port"),
        ("redis://localhost?replica=1", "has no parameter replica; use timeout"),
        ("redis://localhost?timeout=0", "timeout in a redis: URL is in seconds"),
        ("redis://localhost?replicas=1&wait_ms=0", "waits for replicas for ever"),
        ("redis+cluster://localhost/1", "a Redis Cluster has database 0 alone"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_remedy(url: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        RedisURL.parsed(url)


def test_files_for_tls_that_are_not_there_are_refused() -> None:
    with pytest.raises(SettingsError, match="files for TLS cannot be read"):
        RedisURL.parsed("rediss://localhost?ssl_ca_certs=/nowhere").context()
