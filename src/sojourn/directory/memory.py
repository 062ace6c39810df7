"""A directory that lives in this process's memory: for tests, examples and the demo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.directory.codes import Code, Redeemed
from sojourn.directory.outbox import Message, State
from sojourn.directory.records import Application, Status, Tenant

__all__ = ["MemoryDirectory"]

R = TypeVar("R", Application, Tenant)


class MemoryDirectory:
    """It ends with the process."""

    faults: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._applications: dict[str, Application] = {}
        self._tenants: dict[str, Tenant] = {}
        self._codes: dict[str, Code] = {}
        self._messages: dict[UUID, Message] = {}
        self._bookmarks: dict[str, str] = {}
        self._lock = Lock()

    # ── applications ─────────────────────────────────────────────────────────────────────────

    async def insert_application(self, application: Application) -> bool:
        with self._lock:
            return self._applications.setdefault(application.id, application) is application

    async def application(self, id: str) -> Application | None:
        return self._applications.get(id)

    async def applications(self, *, after: str | None = None, limit: int = 100) -> list[Application]:
        with self._lock:
            return _page(self._applications, after, limit)

    async def set_secret(self, id: str, hash: str, *, previous_until: datetime | None) -> Application | None:
        with self._lock:
            application = self._applications.get(id)
            if application is None or application.public:
                return None
            previous = None if previous_until is None else application.secret_hash
            return self._change(
                application,
                secret_hash=hash,
                previous_secret_hash=previous,
                previous_until=previous_until,
            )

    async def set_application_disabled(self, id: str, at: datetime | None) -> Application | None:
        with self._lock:
            application = self._applications.get(id)
            if application is None:
                return None
            return self._change(application, disabled_at=at and (application.disabled_at or at))

    def _change(self, application: Application, **fields: Any) -> Application:
        changed = self._applications[application.id] = _replaced(application, **fields)
        return changed

    # ── tenants ──────────────────────────────────────────────────────────────────────────────

    async def insert_tenant(self, tenant: Tenant) -> bool:
        with self._lock:
            if self._tenant(tenant.id) or self._tenant(tenant.slug):
                return False
            self._tenants[tenant.id] = tenant
            return True

    async def tenant(self, which: str) -> Tenant | None:
        with self._lock:
            return self._tenant(which)

    async def tenants(self, *, after: str | None = None, limit: int = 100) -> list[Tenant]:
        with self._lock:
            return _page(self._tenants, after, limit)

    async def set_status(self, which: str, status: Status) -> Tenant | None:
        with self._lock:
            tenant = self._tenant(which)
            if tenant is None:
                return None
            changed = self._tenants[tenant.id] = _replaced(tenant, status=status)
            return changed

    def _tenant(self, which: str) -> Tenant | None:
        return next((t for t in self._tenants.values() if which in (t.id, t.slug)), None)

    # ── codes ────────────────────────────────────────────────────────────────────────────────

    async def put_code(self, digest: str, code: Code) -> bool:
        with self._lock:
            return self._codes.setdefault(digest, code) is code

    async def redeem_code(self, digest: str, *, at: datetime) -> Redeemed | None:
        with self._lock:
            code = self._codes.get(digest)
            if code is None or (code.redeemed_at is None and code.expires_at <= at):
                return None
            if first := code.redeemed_at is None:
                code = _replaced(code, redeemed_at=at)
            else:
                code = _replaced(code, reused_at=code.reused_at or at)
            self._codes[digest] = code
            return Redeemed(code, first)

    async def bind_code(self, digest: str, session_id: UUID) -> bool:
        with self._lock:
            code = self._codes.get(digest)
            if code is None:
                return False
            self._codes[digest] = _replaced(code, session_id=session_id)
            return code.reused_at is None

    async def purge_codes(self, *, before: datetime, limit: int = 1000) -> int:
        with self._lock:
            over = [digest for digest, code in self._codes.items() if code.expires_at < before][:limit]
            for digest in over:
                del self._codes[digest]
            return len(over)

    async def codes_of(self, user_id: str) -> list[dict[str, Any]]:
        with self._lock:
            payloads = [msgspec.json.decode(code.payload) for code in self._codes.values()]
        return [payload for payload in payloads if payload.get("user_id") == user_id]

    async def forget_user(self, user_id: str, words: Sequence[str]) -> int:
        with self._lock:
            codes = [
                digest
                for digest, code in self._codes.items()
                if msgspec.json.decode(code.payload).get("user_id") == user_id
            ]
            told = [
                message.id
                for message in self._messages.values()
                if any(word.encode() in message.body for word in words)
            ]
            for digest in codes:
                del self._codes[digest]
            for id in told:
                del self._messages[id]
            return len(codes) + len(told)

    # ── bookmarks ────────────────────────────────────────────────────────────────────────────

    async def bookmark(self, name: str) -> str | None:
        return self._bookmarks.get(name)

    async def turn(self, name: str, *, was: str | None, to: str) -> bool:
        with self._lock:
            if self._bookmarks.get(name) != was:
                return False
            self._bookmarks[name] = to
            return True

    # ── the outbox ───────────────────────────────────────────────────────────────────────────

    async def enqueue(self, messages: Sequence[Message]) -> int:
        with self._lock:
            before = len(self._messages)
            for message in messages:
                self._messages.setdefault(message.id, message)
            return len(self._messages) - before

    async def claim(
        self, *, at: datetime, until: datetime, limit: int = 100, without: Collection[str] = ()
    ) -> list[Message]:
        with self._lock:
            due = [m for m in self._in("waiting") if m.due_at <= at and m.target not in without][:limit]
            claimed = [_replaced(m, due_at=until, attempts=m.attempts + 1) for m in due]
            self._messages |= {message.id: message for message in claimed}
            return claimed

    async def delivered(self, id: UUID, *, at: datetime) -> bool:
        return self._settle(id, None, done_at=at, body=b"")

    async def failed(self, id: UUID, *, attempt: int, error: str, due_at: datetime) -> bool:
        return self._settle(id, attempt, last_error=error, due_at=due_at)

    async def give_up(self, id: UUID, *, attempt: int, error: str, at: datetime) -> bool:
        return self._settle(id, attempt, last_error=error, dead_at=at)

    async def abandon(
        self, *, created_before: datetime, at: datetime, error: str, limit: int = 100
    ) -> list[Message]:
        with self._lock:
            old = [message for message in self._in("waiting") if message.created_at < created_before][:limit]
            over = [_replaced(m, dead_at=at, last_error=m.last_error or error) for m in old]
            self._messages |= {message.id: message for message in over}
            return over

    async def purge_outbox(self, *, before: datetime, limit: int = 1000) -> int:
        with self._lock:
            over = [m.id for m in self._messages.values() if (end := m.done_at or m.dead_at) and end < before]
            for id in over[:limit]:
                del self._messages[id]
            return len(over[:limit])

    async def count_messages(self, state: State = "waiting") -> int:
        with self._lock:
            return len(self._in(state))

    async def peek(self, state: State = "waiting", *, limit: int = 100) -> list[Message]:
        with self._lock:
            return self._in(state)[:limit]

    async def close(self) -> None:
        pass

    def _settle(self, id: UUID, attempt: int | None, **fields: Any) -> bool:
        with self._lock:
            message = self._messages.get(id)
            if message is None or message.state != "waiting" or attempt not in (None, message.attempts):
                return False
            self._messages[id] = _replaced(message, **fields)
            return True

    def _in(self, state: State) -> list[Message]:
        found = [message for message in self._messages.values() if message.state == state]
        if state == "waiting":
            return sorted(found, key=lambda m: (m.due_at, m.id))
        return sorted(found, key=lambda m: (m.done_at or m.dead_at or m.due_at, m.id), reverse=True)


def _page(records: dict[str, R], after: str | None, limit: int) -> list[R]:
    found: Iterable[R] = sorted(records.values(), key=_age, reverse=True)
    if after is not None:
        last = records.get(after)
        found = [record for record in found if last is not None and _age(record) < _age(last)]
    return list(found)[:limit]


def _age(record: Application | Tenant) -> tuple[datetime, str]:
    return record.created_at, record.id
