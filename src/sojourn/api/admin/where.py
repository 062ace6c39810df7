"""What administrators search sessions by, as an address or a body says it, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_network
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import asdict
from msgspec.structs import replace as _replaced

from sojourn.accounts import Accounts
from sojourn.addresses import Addresses
from sojourn.api.admin.base import moment
from sojourn.errors import BodyRejected
from sojourn.searching import Search, State
from sojourn.sessions import AsyncSessions
from sojourn.stores.protocol import Query

__all__ = ["MEANINGS", "MOST_USERS", "Where", "asked", "searched"]

MOST_USERS = 1000  # that one search may be about
_MOST_ENDED = 100  # whose sessions one word may end

_Text = Annotated[str, Meta(max_length=200)]
_Time = Annotated[datetime, Meta(tz=True)]

MEANINGS = {
    "q": "a user (e-mail address, name, id), an address or network, part of a device's name, a session id",
    "user_id": "only sessions of this user",
    "ip": "only from this address or network, such as 10.1.0.0/16",
    "device": "only of devices with this in their name, whatever the case of ASCII letters",
    "country": "only from this country (ISO 3166-1 alpha-2), as far as is known",
    "kind": "only of this kind of device: desktop, mobile, tablet, bot, api, unknown",
    "state": "active (the default), ended or all",
    "application_id": "only sessions of this application",
    "tenant_id": "only sessions of this tenant",
    "created_since": "only those that began at or after this instant",
    "created_before": "only those that began before this instant",
}


class Where(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Fields are joined by *and*; see `MEANINGS`."""

    q: _Text | None = None
    user_id: _Text | None = None
    ip: _Text | None = None
    device: _Text | None = None
    country: _Text | None = None
    kind: _Text | None = None
    state: State = "active"
    application_id: _Text | None = None
    tenant_id: _Text | None = None
    created_since: _Time | None = None
    created_before: _Time | None = None

    def __bool__(self) -> bool:
        """Whether it says anything at all, but for the state."""
        return any(value for name, value in asdict(self).items() if name != "state")


def asked(query: Mapping[str, str]) -> Where:
    """What the query of an address asks for."""
    given = {name: query[name].strip() for name in MEANINGS if query.get(name, "").strip()}
    for name, text in given.items():
        if len(text) > _LONGEST:
            raise BodyRejected(f"{name} is longer than {_LONGEST} characters.", status=422, field=name)
    state = given.pop("state", "active")
    if state not in ("active", "ended", "all"):
        raise BodyRejected("state must be active, ended or all.", status=422, field="state")
    times = {name: moment(name, given.pop(name)) for name in _TIMES if name in given}
    return Where(state=state, **times, **given)  # type: ignore[arg-type]


async def searched(
    where: Where, sessions: AsyncSessions, accounts: Accounts, *, whole: bool = False
) -> Search:
    """*where* as the sessions are asked for; who is meant by `q` is looked up in *accounts*.

    Of more than a thousand people the latest thousand are meant, and the search says that it is cut. If
    it must be the *whole*, more than a hundred are refused.
    """
    query = Query(
        signed_in=True,
        user_id=where.user_id,
        application_id=where.application_id,
        tenant_id=where.tenant_id,
        ip=_kept(where.ip, sessions),
        country=None if where.country is None else where.country.upper(),
        kind=where.kind,
        text=where.device,
    )
    wanted = Search(query=query, state=where.state, since=where.created_since, until=where.created_before)
    return wanted if where.q is None else await _meant(where.q, wanted, sessions, accounts, whole)


# ── how ───────────────────────────────────────────────────────────────────────────────────────

_LONGEST = 200  # characters
_TIMES = ("created_since", "created_before")


async def _meant(q: str, wanted: Search, sessions: AsyncSessions, accounts: Accounts, whole: bool) -> Search:
    """*wanted*, narrowed by what *q* most likely is."""
    if (id := _uuid(q)) is not None and await sessions.store.get(id) is not None:
        return _with(wanted, id=id)
    if _is_network(q):
        return _with(_once(wanted, "ip"), ip=_kept(q, sessions))
    most = _MOST_ENDED if whole else MOST_USERS
    found = await accounts.select(search=q, limit=most + 1)
    if whole and len(found) > most:
        raise BodyRejected(f"More than {most} users match q. Say more of whom you mean.", status=422)
    ids = {user.id for user in found[:most]}
    if await accounts.get(q) is not None or await sessions.store.select(Query(user_id=q, limit=1)):
        ids.add(q)
    if ids or "@" in q:
        mine = wanted.query.user_id
        cut = len(found) > most and mine not in ids
        return _of_users(wanted, ids if mine is None else ids & {mine}, cut=cut)
    return _with(_once(wanted, "text"), text=q)


def _once(wanted: Search, name: str) -> Search:
    """*wanted*, unless it asks for a *name* already: two are more than one question can say."""
    if getattr(wanted.query, name) is not None:
        raise BodyRejected("q asks for what another field asks for; leave one of them out.", status=422)
    return wanted


def _with(wanted: Search, **fields: object) -> Search:
    return _replaced(wanted, query=_replaced(wanted.query, **fields))


def _of_users(wanted: Search, ids: set[str], *, cut: bool) -> Search:
    return _replaced(_with(wanted, user_id=None), users=tuple(sorted(ids)), cut=cut)


def _kept(ip: str | None, sessions: AsyncSessions) -> str | None:
    """An address as the policy has it stored: where only networks or hashes are kept, those are found."""
    if ip is None or "/" in ip:
        return ip
    return Addresses(sessions.policy.addresses, sessions.keys).of(ip)


def _is_network(text: str) -> bool:
    if not any(mark in text for mark in ".:"):
        return False  # "7" is an address too, for who counts
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
