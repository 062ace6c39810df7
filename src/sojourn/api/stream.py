"""The event stream: a browser's open tabs are told at once of what happens to its session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import msgspec

from sojourn.api.current import BASE
from sojourn.api.routes import Call, Route
from sojourn.api.views import instant, version_of
from sojourn.errors import CsrfFailed, SessionError
from sojourn.session import Session
from sojourn.web import csrf
from sojourn.web.reply import Answer, Streamed
from sojourn.web.site import Site
from sojourn.web.watching import State, Watch

__all__ = ["HEARTBEAT", "ROUTES"]

HEARTBEAT = timedelta(seconds=20)  # what lies between closes connections on which nothing is said for long
_RETRY = 3000  # ms, for readers that come back by themselves
_HEADERS = [
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),  # nginx would keep what is said until it has 4 kB of it
    ("x-content-type-options", "nosniff"),
]


async def events(call: Call) -> Answer:
    """What happens to your session and to the list of your sessions, as it happens (server-sent events).

    `hello`; `sessions`: the list may have changed; `session`: this one ended, or lives again; `bye`.
    """
    _check_source(call)
    if call.visit.method == "HEAD":
        return Answer(200, [*_HEADERS])
    last = call.visit.headers.get("last-event-id") or call.query.get("last_event_id")
    stream = _Stream(call.visit.site, call.mine)
    stream.begin(call.me, call.visit.peer.ip)
    return Streamed(200, [*_HEADERS], chunks=stream.told(last), close=stream.end)


def _check_source(call: Call) -> None:
    """Refuse what another site's page opens: it could read nothing, but use up the places of the user."""
    visit = call.visit
    if visit.bearer is not None:
        return
    csrf.check("POST", visit.headers, origin=visit.site.origin, carries_cookie=False)
    if visit.headers.get("sec-fetch-mode") == "navigate":
        raise CsrfFailed


class _Stream:
    """One browser's stream, from its admission to its end."""

    def __init__(self, site: Site, session: Session) -> None:
        self._site, self._sessions = site, site.sessions
        self._watch = Watch(site, session)
        self._stack = ExitStack()
        self._held = False
        self._list = ""  # the last version of the user's list that was told

    def begin(self, user_id: str, ip: str | None) -> None:
        """Take a place, or raise the refusal; from here on nothing is missed."""
        watch = self._watch
        self._user = user_id
        self._stack.enter_context(self._site.streams.one(user_id, ip, lambda: watch.wake("bye")))
        self._stack.enter_context(watch)
        self._stack.enter_context(self._site.overhearing(user_id, lambda: watch.wake("list")))

    def end(self) -> None:
        self._stack.close()

    async def told(self, last: str | None) -> AsyncIterator[bytes]:
        """All that is said, until the session has ended or the process does."""
        self._list = await self._version()
        yield f"retry: {_RETRY}\n\n".encode() + self._said("hello")
        if last is not None and last != self._list:
            yield self._said("sessions")
        over = False
        while not over:
            heard = {"bye"} if self._site.streams.closing else await self._watch.heard(HEARTBEAT)
            if "bye" in heard:
                yield self._said("bye")
                return
            said, over = await self._next(heard)
            yield said or b": still here\n\n"

    async def _next(self, heard: set[str]) -> tuple[bytes, bool]:
        """What is to be said, and whether that was the last."""
        state = await self._watch.look(again="session" in heard)
        if state.session is None:  # nobody could tell us any more: another connection may do better
            return self._said("bye"), True
        said, over = self._about(state), False
        if state.refusal is not None:
            over = not self._held
        elif heard:
            version = await self._version()
            if version != self._list:
                self._list = version
                said += self._said("sessions")
        return said, over

    def _about(self, state: State) -> bytes:
        """What the tabs must know of their own session, if it is not what they were told before."""
        session, was_held = state.session, self._held
        until = session.held_until if session else None
        self._held = state.refusal is not None and until is not None and until > self._sessions.clock()
        if state.refusal is None:
            return self._said("session", state="live") if was_held else b""
        if was_held and self._held:
            return b""
        undo_until = instant(until) if until and self._held else None
        return self._said("session", state="ended", undo_until=undo_until, **_ending(state.refusal))

    async def _version(self) -> str:
        """The version of the user's list. A fault: as it was."""
        try:
            return version_of(await self._sessions.list(self._user))
        except self._sessions.faults:
            return self._list

    def _said(self, event: str, **facts: Any) -> bytes:
        data = msgspec.json.encode({**facts, "server_now": instant(self._sessions.clock())})
        return b"".join(
            (b"id: ", self._list.encode(), b"\nevent: ", event.encode(), b"\ndata: ", data, b"\n\n")
        )


def _ending(refusal: SessionError) -> dict[str, Any]:
    code = "session_revoked" if refusal.code == "not_found" else refusal.code
    return {"code": code} | {name: refusal.facts.get(name) for name in ("reason", "device", "limit_seconds")}


ROUTES = (
    Route(
        method="GET",
        path=f"{BASE}/sessions/events",
        guard="session",
        passive=True,
        streams=True,
        act=events,
        query={"last_event_id": "where a reader that cannot send the header Last-Event-ID goes on"},
        refusals=("csrf_failed", "rate_limited"),
    ),
)
