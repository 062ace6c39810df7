"""Erasing a user: sessions, account, codes and messages go, and the key of what the journal says of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from sojourn.accounts import Accounts, User
from sojourn.backchannel import Notices
from sojourn.directory import Directory
from sojourn.errors import AccountNotFound
from sojourn.events import AdminActed
from sojourn.observe.journal.line import Filter
from sojourn.observe.ledger import Ledger
from sojourn.observe.traces import Traces
from sojourn.privacy.export import every_session
from sojourn.privacy.others import unname
from sojourn.session import Reason, Session
from sojourn.sessions import AsyncSessions
from sojourn.stores.sqlite.scrub import scrub

__all__ = ["Erased", "erase"]

_log = logging.getLogger("sojourn")
_BATCH = 500
_ACTS = ("admin-action",)  # of who was an administrator once


class Erased(Struct, frozen=True, kw_only=True):
    """What is gone. `messages`: and codes; `lines`: of the journal, whose contents are."""

    account: bool
    sessions: int
    messages: int
    lines: int

    @property
    def anything(self) -> bool:
        return self.account or bool(self.sessions or self.messages or self.lines)


async def erase(
    user_id: str,
    *,
    sessions: AsyncSessions,
    accounts: Accounts,
    directory: Directory,
    ledger: Ledger | None = None,
    by: str | None = None,
    flush: Callable[[], Awaitable[Any]] | None = None,
) -> Erased:
    """End what lives, and forget the user. `Forbidden` for the last administrator. It can be repeated.

    What stays says nothing about a person: lines of the journal under a pseudonym whose key is gone,
    counts, and the ids of ended sessions in the log that other processes follow. *flush*: writes what
    the journal of this process still has to write. What stands in backups goes with the backups.
    """
    user = await accounts.get(user_id)
    await accounts.require_deletable(user_id)
    traces = _traces(user_id, user, await every_session(sessions, user_id))
    if flush is not None:
        await flush()
    # First what is found by the account and the sessions: whoever is cut off after it can repeat it all.
    lines = await _forget_what_others_hold(traces, user, sessions, ledger)
    known = user is not None
    try:
        await accounts.delete(user_id, by=by)
    except AccountNotFound:
        known = False
    # Applications are told by what the records of the sessions say, so before those are gone.
    await Notices(sessions, directory).read(sessions.clock())
    gone = await _forget_sessions(user_id, sessions)
    # Not those that name the user by their id alone: an application is still to be told of the end.
    messages = await directory.store.forget_user(user_id, [] if user is None else [user.email])
    if flush is not None:
        await flush()
    if ledger is not None:  # what was written meanwhile
        lines += await ledger.erase(traces) + await ledger.erase_alerts(user_id)
    await _scrubbed(sessions.store, accounts.store, directory.store, ledger)
    erased = Erased(account=known, sessions=gone, messages=messages, lines=lines)
    if erased.anything:  # of whom it does not say: that would be kept
        sessions.emit(AdminActed(at=sessions.clock(), act="erase", by=by or "system", count=gone))
    return erased


def _traces(user_id: str, user: User | None, found: Sequence[Session]) -> Traces:
    """By what the user is known elsewhere."""
    return Traces(
        user_id=user_id,
        words=frozenset(word for word in (user.email, user.name) if word) if user else frozenset(),
        addresses=frozenset(session.ip for session in found if session.ip),
        sessions=frozenset(session.id for session in found),
        notes=frozenset(session.note for session in found if session.note),
    )


async def _forget_sessions(user_id: str, sessions: AsyncSessions) -> int:
    """How many are forgotten."""
    await sessions.revoke_all(user_id, reason=Reason.ACCOUNT_DELETED)  # began while the account went
    ids = [session.id for session in await every_session(sessions, user_id)]
    gone = 0
    for first in range(0, len(ids), _BATCH):
        gone += await sessions.store.forget(ids[first : first + _BATCH], at=sessions.clock())
    return gone


async def _forget_what_others_hold(
    traces: Traces, user: User | None, sessions: AsyncSessions, ledger: Ledger | None
) -> int:
    """Of how many lines of the journal. To look at every session takes long, and most are named in none."""
    jobs: list[UUID] = []
    acted = user is None or user.role == "admin"
    if ledger is not None:
        jobs = await ledger.erase_jobs(traces)
        acts = Filter(user_id=traces.user_id, names=_ACTS, limit=1)
        acted = acted or bool(jobs or await ledger.lines(acts))
    if acted:
        await unname(traces, sessions)
    if ledger is None:
        return 0
    return await ledger.erase(traces, jobs=jobs) + await ledger.erase_alerts(traces.user_id)


async def _scrubbed(*stores: Any) -> None:
    """Out of the write-ahead logs, too, in which what was deleted would stand until they are overwritten."""
    paths = {store.engine.path for store in stores if getattr(getattr(store, "engine", None), "path", None)}
    for path in paths:
        if not await scrub(path):
            _log.warning(
                "what was erased may stand in %s-wal until that is written over: others are reading", path
            )
