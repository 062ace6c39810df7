"""Event streams of real servers: told across processes, taken up again, ended with the process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.client.processes import free_port
from tests.interop.kit import Installation

EVENTS = "/api/auth/sessions/events"
BOUND = 1.0  # seconds


class Told:
    """What a stream says, event by event."""

    def __init__(self, answer: httpx2.Response) -> None:
        assert answer.status_code == 200
        self._lines = answer.iter_lines()

    def next(self) -> dict[str, Any] | None:
        """The next event; None: the stream is over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                return {"event": fields["event"], "id": fields["id"]} | json.loads(fields["data"])
            else:
                fields = {}
        return None


@pytest.fixture
def own(tmp_path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def server(own: Installation) -> Iterator[httpx2.Client]:
    with own.served() as client:
        yield client


def test_law_05_what_one_process_ends_a_stream_of_the_other_tells(own, server):
    mine, theirs = own.start("grace"), own.start("grace")
    with own.served(port=free_port()) as other, server.stream("GET", EVENTS, headers=mine.bearer) as answer:
        told = Told(answer)
        assert (told.next() or {})["event"] == "hello"
        asked = time.monotonic()
        ended = other.delete(f"/api/auth/sessions/{mine.session_id}", headers=theirs.bearer)
        assert ended.status_code == 200
        last = told.next()
        felt = time.monotonic() - asked
        assert last is not None
        assert (last["event"], last["state"], last["reason"]) == ("session", "ended", "user")
        assert felt < BOUND
        assert told.next() is None


def test_a_server_that_ends_says_so_and_does_not_wait_for_its_streams(own):
    with httpx2.Client(base_url=own.origin, timeout=30) as reader, ExitStack() as running:
        running.enter_context(own.served())
        with reader.stream("GET", EVENTS, headers=own.start("grace").bearer) as answer:
            told = Told(answer)
            assert (told.next() or {})["event"] == "hello"
            began = time.monotonic()
            running.close()  # SIGTERM, and wait until the process has ended
            assert time.monotonic() - began < 5
            assert (told.next() or {})["event"] == "bye"
            assert told.next() is None


def test_who_comes_back_to_another_process_is_told_what_was_missed(own, server):
    mine = own.start("grace")
    with server.stream("GET", EVENTS, headers=mine.bearer) as answer:
        hello = Told(answer).next()
    assert hello is not None
    own.start("grace")
    with own.served(port=free_port()) as other:
        again = mine.bearer | {"last-event-id": hello["id"]}
        with other.stream("GET", EVENTS, headers=again) as answer:
            told = Told(answer)
            assert (told.next() or {})["event"] == "hello"
            assert (told.next() or {})["event"] == "sessions"


def test_a_stream_does_not_keep_the_tab_s_session_in_use(own, server):
    mine = own.start("grace")
    before = server.get("/api/auth/sessions/current", headers=mine.bearer | {"x-session-passive": "1"}).json()
    with server.stream("GET", EVENTS, headers=mine.bearer) as answer:
        assert Told(answer).next() is not None
    after = server.get("/api/auth/sessions/current", headers=mine.bearer | {"x-session-passive": "1"}).json()
    assert after["session"]["seen_at"] == before["session"]["seen_at"]
