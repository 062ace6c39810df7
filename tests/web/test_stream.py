"""The event stream: what an open tab is told of its session, and when."""

from __future__ import annotations

import asyncio
import json
import queue
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from sojourn import AsyncSessions
from sojourn.api.views import instant
from sojourn.session import Reason
from sojourn.testing import make_keys
from sojourn.web.streams import Streams
from sojourn.web.watching import Watch
from tests.web.conftest import OpenServer
from tests.web.kit import ADA, PASSWORD, Away, Browser, Guests, code

PATH = "/api/auth/sessions/events"
WAIT = 20  # seconds of real time, after which something is broken


class Stream:
    """One open stream: its status and headers, and each thing that is said as it comes."""

    def __init__(self) -> None:
        self.said: queue.Queue[bytes | None] = queue.Queue()
        self.start: queue.Queue[dict[str, Any]] = queue.Queue()
        self.left = asyncio.Event()
        self.status = 0
        self._rest = b""

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.start.put(message)
        elif message["type"] == "http.response.body":
            self.said.put(message.get("body", b""))
            if not message.get("more_body"):
                self.said.put(None)

    def next(self) -> dict[str, Any] | None:
        """The next event, heartbeats left out; None: the stream is over."""
        while True:
            while b"\n\n" in self._rest:
                block, _, self._rest = self._rest.partition(b"\n\n")
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                if "event" in fields:
                    return {"event": fields["event"], "id": fields["id"]} | json.loads(fields["data"])
            chunk = self.said.get(timeout=WAIT)
            if chunk is None:
                return None
            self._rest += chunk

    def now(self) -> dict[str, Any]:
        """The next event, which is there."""
        said = self.next()
        assert said is not None
        return said

    def until(self, event: str) -> dict[str, Any]:
        while (said := self.next()) is not None:
            if said["event"] == event:
                return said
        pytest.fail(f"the stream ended without {event!r}")


@contextmanager
def listening(
    guests: Guests, browser: Browser, *, ip: str = "203.0.113.7", **headers: str
) -> Iterator[Stream]:
    """Open the stream as *browser*; whoever leaves the block has closed the tab."""
    sent = {"host": "good.test", "user-agent": browser.headers["user-agent"]} | headers
    sent["cookie"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": PATH, "raw_path": PATH.encode(),
        "query_string": b"", "scheme": "https", "server": ("good.test", 443), "client": (ip, 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip
    assert guests.portal is not None
    stream = guests.portal.call(_stream)
    task: Future[Any] = guests.portal.start_task_soon(guests.app, scope, stream.receive, stream.send)
    try:
        stream.status = stream.start.get(timeout=WAIT)["status"]
        yield stream
    finally:
        guests.portal.call(stream.left.set)
        task.result(WAIT)


async def _stream() -> Stream:
    return Stream()


def elsewhere(guests: Guests) -> AsyncSessions:
    """Another process on the same store."""
    return AsyncSessions(
        guests.sessions.store, keys=make_keys(), policy=guests.sessions.policy, clock=guests.clock
    )


def test_it_begins_with_the_time(server, ada):
    with listening(server, ada) as stream:
        assert stream.now()["server_now"] == "2026-03-02T09:00:00.000Z"


def test_without_a_session_there_is_none(server):
    answer = server.browser().get(PATH)
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_page_of_another_site_opens_one(server, ada, site):
    answer = ada.get(PATH, headers={"sec-fetch-site": site})
    assert (answer.status_code, code(answer)) == (403, "csrf_failed")
    assert server.site.streams.open == 0


@pytest.mark.parametrize("process", ["here", "elsewhere"])
def test_law_05_a_revoked_session_is_told_why_at_once(server, ada, process):
    sessions = server.sessions if process == "here" else elsewhere(server)
    with listening(server, ada) as stream:
        user = ada.get("/api/auth/sessions/current").json()["user"]["id"]
        server.run(sessions.revoke_all, user, reason=Reason.PASSWORD_CHANGED)
        ended = stream.until("session")
        assert (ended["state"], ended["code"], ended["reason"], ended["undo_until"]) == (
            "ended", "session_revoked", "password_changed", None,
        )  # fmt: skip
        assert stream.next() is None


def lose_store(guests: Guests) -> Any:
    """It is asked for nothing from now on."""
    guests.sessions.faults = (*guests.sessions.faults, Away)
    return guests.lose_store("get", "select")


def test_law_05_an_ending_is_told_while_the_store_is_away(server, ada):
    with listening(server, ada) as stream:
        stream.until("hello")
        user = ada.get("/api/auth/sessions/current").json()["user"]["id"]
        lose_store(server)
        server.run(server.sessions.revoke_all, user, reason=Reason.PASSWORD_CHANGED)
        assert stream.until("session")["reason"] == "password_changed"
        assert stream.next() is None


def test_what_happened_while_the_store_was_away_is_asked_for_afterwards(server, ada):
    phone = server.browser()
    phone.sign_in()

    async def looks() -> list[bool]:
        mine, yours = [await server.sessions.of(browser.token or "") for browser in (phone, ada)]
        assert mine is not None
        assert yours is not None
        with Watch(server.site, mine) as watch:
            await server.sessions.hold(mine.id, owner=mine.user_id, by=yours)
            away = lose_store(server)
            before = await watch.look(again=True)
            away.away = False
            return [before.lives, (await watch.look(again=False)).lives]

    assert server.run(looks) == [True, False]


def test_an_end_by_time_is_told_too(server, ada):
    with listening(server, ada) as stream:
        stream.until("hello")
        server.clock.tick(days=31)
        server.run(wake_all, server)
        ended = stream.until("session")
        assert (ended["code"], ended["reason"]) == ("session_expired", "absolute")


async def wake_all(guests: Guests) -> None:
    """As if the wait were over: the clock of the tests leaps, the one of the event loop does not."""
    while not await guests.sessions.feed.poll():  # somebody else is at it just now
        await asyncio.sleep(0)
    guests.site.wakes.tell(*guests.site.wakes._waiting)


def test_a_sign_in_elsewhere_changes_the_list(server, ada):
    with listening(server, ada) as stream:
        before = stream.until("hello")
        server.browser().sign_in()
        told = stream.until("sessions")
        assert told["id"] != before["id"]


def test_another_device_that_is_signed_out_changes_the_list(server, ada):
    phone = server.browser()
    phone.sign_in()
    (theirs,) = [row["id"] for row in ada.rows() if not row["current"]]
    with listening(server, ada) as stream:
        stream.until("hello")
        assert phone.delete(f"/api/auth/sessions/{theirs}").status_code == 200
        assert stream.until("sessions")


def test_what_others_do_is_not_told(server, ada):
    """A stranger's sign-out wakes nobody here, so the next thing that is said is what comes after it."""
    with listening(server, ada) as stream:
        stream.until("hello")
        bob = server.browser()
        bob.sign_up("bob@example.org")
        bob.post("/api/auth/sign-out")
        server.browser().sign_in()
        assert stream.now()["event"] == "sessions"
        server.run(wake_all, server)


def test_who_comes_back_is_told_what_was_missed(server, ada):
    with listening(server, ada) as stream:
        last = stream.until("hello")["id"]
    with listening(server, ada, **{"last-event-id": last}) as stream:
        assert stream.until("hello")["id"] == last
        server.browser().sign_in()
        assert stream.now()["event"] == "sessions"  # and not before
    with listening(server, ada, **{"last-event-id": last}) as stream:
        stream.until("hello")
        assert stream.now()["event"] == "sessions"


def version(browser: Browser, path: str = "/api/auth/sessions") -> str | None:
    """What the list says of itself, in an answer of the API or in the account page."""
    answer = browser.get(path)
    if path.startswith("/api/"):
        return answer.json()["version"]
    block = re.search(r'id="sojourn-boot">(.*?)</script>', answer.text, re.DOTALL)
    assert block is not None
    return json.loads(block[1])["sessions"]["version"]


@pytest.mark.parametrize("path", ["/api/auth/sessions", "/account/security"])
def test_the_list_says_what_state_of_it_the_stream_begins_with(server, ada, path):
    before = version(ada, path)
    with listening(server, ada) as stream:
        assert stream.until("hello")["id"] == before
        phone = server.browser()
        phone.sign_in()
        begun = stream.until("sessions")["id"]
        assert version(ada, path) == begun != before
        phone.post("/api/auth/sign-out")
        assert stream.until("sessions")["id"] == version(ada, path) != begun
    assert version(ada, path) == before


def test_whoever_asks_it_is_the_same_state_of_the_list(server, ada):
    phone = server.browser()
    phone.sign_in()
    assert ada.rows()[0]["id"] != phone.rows()[0]["id"]
    assert version(ada) == version(phone)


def test_use_and_another_token_are_no_other_state_of_the_list(server, ada):
    before = version(ada)
    server.clock.tick(hours=1)
    assert ada.post("/api/auth/refresh").status_code == 200
    assert version(ada) == before


def test_a_device_with_another_name_is_another_state_of_the_list(ada):
    before = version(ada)
    assert ada.patch(f"/api/auth/sessions/{ada.session_id}", json={"name": "Loom"}).status_code == 200
    assert version(ada) != before


@pytest.mark.parametrize("part", ["limit=1", "application_id=shop", "tenant_id=acme"])
def test_a_part_of_the_list_is_no_state_of_it(ada, part):
    assert version(ada, f"/api/auth/sessions?{part}") is None


def test_a_held_session_may_live_again(server, ada):
    phone = server.browser()
    phone.sign_in()
    (theirs,) = [row["id"] for row in ada.rows() if not row["current"]]
    with listening(server, phone) as stream:
        stream.until("hello")
        until = ada.delete(f"/api/auth/sessions/{theirs}?undo=true").json()["undo_until"]
        ended = stream.until("session")
        assert (ended["state"], ended["reason"], ended["undo_until"]) == ("ended", "user", until)
        assert ended["device"] == "Firefox 143 on Linux"
        assert ada.post(f"/api/auth/sessions/{theirs}/undo").status_code == 200
        assert stream.until("session")["state"] == "live"
    assert phone.get("/api/auth/sessions").status_code == 200


def test_what_an_administrator_holds_is_told_at_once_without_their_words(server, ada):
    theirs, boss = UUID(ada.session_id), server.start("boss").session
    hold, lift = server.sessions.hold_for, server.sessions.lift_for
    until = server.clock() + timedelta(minutes=5)
    with listening(server, ada) as stream:
        stream.until("hello")
        server.run(hold, theirs, by=boss.id, actor="boss", until=until, note="CANARY")
        ended = stream.until("session")
        assert (ended["state"], ended["reason"], ended["undo_until"]) == ("ended", "admin", instant(until))
        assert "CANARY" not in str(ended)
        server.run(lift, theirs, by=boss.id, note="CANARY")
        assert stream.until("session")["state"] == "live"
    assert ada.signed_in()


def test_a_hold_that_runs_out_ends_the_stream(server, ada):
    phone = server.browser()
    phone.sign_in()
    (theirs,) = [row["id"] for row in ada.rows() if not row["current"]]
    with listening(server, phone) as stream:
        stream.until("hello")
        ada.delete(f"/api/auth/sessions/{theirs}?undo=true")
        stream.until("session")
        server.clock.tick(seconds=11)
        server.run(wake_all, server)
        last = stream.until("session")
        assert (last["state"], last["reason"], last["undo_until"]) == ("ended", "user", None)
        assert stream.next() is None


def test_it_is_no_sign_of_a_person(server, ada):
    seen = ada.rows()[0]["seen_at"]
    server.clock.tick(minutes=30)
    with listening(server, ada) as stream:
        stream.until("hello")
    rows = ada.get("/api/auth/sessions", headers={"x-session-passive": "1"}).json()["sessions"]
    assert rows[0]["seen_at"] == seen


def test_the_places_of_a_user_are_counted_and_come_back(server, ada):
    server.site.streams.per_user = 2
    with listening(server, ada), listening(server, ada):
        answer = ada.get(PATH)
        assert (answer.status_code, code(answer)) == (429, "rate_limited")
    with listening(server, ada) as stream:
        assert stream.status == 200
    assert server.site.streams.open == 0


def test_so_are_those_of_an_address(server, ada):
    server.site.streams.per_address = 1
    bob = server.browser()
    bob.sign_up("bob@example.org")
    with listening(server, ada):
        assert bob.get(PATH).status_code == 429
        with listening(server, bob, ip="198.51.100.4") as stream:
            assert stream.status == 200


def test_when_the_process_ends_so_do_the_streams(server, ada):
    with listening(server, ada) as stream:
        stream.until("hello")
        server.site.streams.close()
        assert stream.now()["event"] == "bye"
        assert stream.next() is None
    with listening(server, ada) as late:
        late.until("hello")
        assert late.now()["event"] == "bye"


def test_law_06_nothing_that_is_said_opens_anything(server, ada):
    phone = server.browser()
    phone.sign_in()
    with listening(server, ada) as stream:
        said = [stream.until("hello")]
        phone.post("/api/auth/sign-out")
        said.append(stream.until("sessions"))
        ada.post("/api/auth/sessions/revoke-all", json={"include_current": True})
        said.append(stream.until("session"))
    for token in (ada.token, phone.token):
        assert token is None or token not in json.dumps(said)


def test_asked_for_its_headers_alone_it_holds_no_place(server, ada):
    answer = ada.head(PATH)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert server.site.streams.open == 0


def test_nobody_keeps_it(server, ada):
    assert ada.head(PATH).headers["cache-control"] == "no-store"


def test_the_operator_says_how_many(open_server: OpenServer):
    server = open_server(streams_per_user=1, streams_per_address=2)
    assert (server.site.streams.per_user, server.site.streams.per_address) == (1, 2)


def test_a_place_that_was_refused_is_not_taken():
    streams = Streams(per_user=1)
    with streams.one("ada", "203.0.113.7", lambda: None):
        with pytest.raises(Exception, match="Too many"), streams.one("ada", "203.0.113.8", lambda: None):
            pass
        with streams.one("bob", "203.0.113.8", lambda: None):
            assert streams.open == 2
    assert streams.open == 0


def test_a_signal_that_ends_all_may_come_while_one_is_counted():
    """Its handler runs on the very thread that counts."""
    streams, told = Streams(), []

    class Interrupted(Counter[Any]):
        def update(self, *counted: Any, **_: Any) -> None:
            super().update(*counted)
            streams.close()

    def count() -> None:
        with streams.one("ada", "203.0.113.7", lambda: told.append("bye")):
            assert streams.closing

    streams._open = Interrupted()
    counting = Thread(target=count, daemon=True)
    counting.start()
    counting.join(WAIT)
    assert not counting.is_alive()
    assert (streams.open, told) == (0, [])


def test_in_bearer_mode_the_header_is_enough(server, ada):
    answer = server.browser().sign_in(ADA, PASSWORD, mode="bearer")
    access = answer.json()["access_token"]
    with listening(server, server.browser(), authorization=f"Bearer {access}") as stream:
        assert stream.until("hello")


def test_one_that_lives_long_outlives_its_token(server, ada):
    """The next rotation makes the token old; the stream belongs to the session."""
    with listening(server, ada) as stream:
        stream.until("hello")
        ada.post("/api/auth/refresh")
        server.clock.tick(minutes=5)
        server.run(wake_all, server)
        server.browser().sign_in()
        assert stream.now()["event"] == "sessions"


@pytest.mark.parametrize(
    "source",
    [
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    ],
)
def test_no_other_site_s_page_takes_a_place(server, ada, source):
    answer = ada.get(PATH, headers=source)
    assert (answer.status_code, code(answer)) == (403, "csrf_failed")
    assert server.site.streams.open == 0


def test_a_program_that_says_nothing_of_pages_may_listen(server, ada):
    with listening(server, ada) as stream:
        assert stream.status == 200
