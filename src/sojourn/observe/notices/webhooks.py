"""Webhooks: what happened goes to programs as signed JSON, in the form of Standard Webhooks.

The id of a message stays the same however often it is sent, so that receivers can tell repeats. It is signed
when it is sent, with every secret that the hook has: while one replaces another, both are good.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sojourn.delivery import Declined, Post, Undelivered
from sojourn.directory.outbox import Message
from sojourn.events import Event
from sojourn.session import Discreet

__all__ = ["KIND", "Hook", "Hooks", "body_of", "described", "event_names", "signature", "signed_headers"]

KIND = "webhook"

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a secret
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_GONE = 410  # the receiver will never want it again


class Hook(Discreet, frozen=True, kw_only=True):
    """Where something is told. `events`: names of what it wants to hear beside alerts; None: the default."""

    name: str
    url: str
    secrets: tuple[bytes, ...]  # the one to verify with first: all of them sign
    events: tuple[str, ...] | None = None
    alerts: bool = True

    def __repr__(self) -> str:
        return f"<Hook {self.name}>"  # an address may hold a secret, too


class _Described(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str
    secrets: list[str]
    events: list[str] | None = None
    alerts: bool = True


def described(said: object) -> dict[str, Hook]:
    """Hooks by name from what an operator wrote, or `ValueError`, which quotes no secret."""
    try:
        found = msgspec.convert(said, dict[str, _Described])
    except msgspec.ValidationError as error:
        raise ValueError(f"each webhook has a url and a list of secrets ({error})") from None
    return {name: _hook(name, each) for name, each in found.items()}


def _hook(name: str, said: _Described) -> Hook:
    if not _NAME.fullmatch(name):
        raise ValueError("call a webhook by a word in small letters, such as ops")
    parts = urlsplit(said.url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        raise ValueError(f"the url of {name} must begin with https:// and hold no user and password")
    if not said.secrets:
        raise ValueError(f"{name} has no secret; make one with `openssl rand -base64 32`")
    return Hook(
        name=name,
        url=said.url,
        secrets=tuple(_secret(name, text) for text in said.secrets),
        events=None if said.events is None else event_names(said.events),
        alerts=said.alerts,
    )


def event_names(names: Iterable[str]) -> tuple[str, ...]:
    """*names*, if there are events of each."""
    known = {kind.name for kind in Event.__subclasses__()}
    if unknown := sorted(set(names := tuple(names)) - known):
        raise ValueError(f"there is no event {unknown[0][:60]!r}; there are {', '.join(sorted(known))}")
    return names


def _secret(name: str, text: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX).encode(), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not _LEAST <= len(found) <= _MOST:
        raise ValueError(
            f"a secret of {name} is not {_LEAST} to {_MOST} bytes in base64; "
            "make one with `openssl rand -base64 32`"
        )
    return found


# ── signing ───────────────────────────────────────────────────────────────────────────────────


def signature(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA-256 over id, seconds and body, in base64."""
    mac = hmac.digest(secret, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def signed_headers(hook: Hook, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """What goes with *body*. The time is that of this attempt: an old one is no good to who recorded it."""
    seconds = int(at.timestamp())
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signature(secret, id, seconds, body) for secret in hook.secrets),
    }


# ── sending ───────────────────────────────────────────────────────────────────────────────────


class Hooks:
    """The webhooks of this server. *events*: what those hear that name none."""

    def __init__(self, hooks: Mapping[str, Hook], post: Post, *, events: Iterable[str] = ()) -> None:
        self._hooks, self._post = hooks, post
        self._events = frozenset(events)

    def wanting(self, event: str) -> Iterator[str]:
        """Who wants to hear of events of this name."""
        for hook in self._hooks.values():
            if event in (self._events if hook.events is None else hook.events):
                yield hook.name

    @property
    def heard(self) -> frozenset[str]:
        """The names of all events that somebody wants to hear of."""
        return frozenset().union(
            *(self._events if hook.events is None else hook.events for hook in self._hooks.values())
        )

    def watching(self) -> Iterator[str]:
        """Who wants to hear of alerts."""
        return (hook.name for hook in self._hooks.values() if hook.alerts)

    async def send(self, message: Message, at: datetime) -> None:
        hook = self._hooks.get(message.target)
        if hook is None:
            raise Declined("there is no such webhook any more")
        headers = signed_headers(hook, str(message.id), at, message.body)
        status = await self._post.json(hook.url, message.body, headers)
        if status == _GONE:
            raise Declined("the receiver answered 410: it does not want to be told any more")
        if not 200 <= status < 300:
            raise Undelivered(f"the receiver answered {status}")


def body_of(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """What a receiver reads: a type, when it happened, and what."""
    return msgspec.json.encode({"type": kind, "timestamp": at, "data": data})
