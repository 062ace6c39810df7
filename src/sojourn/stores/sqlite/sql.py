"""The statements of the session store on SQLite, and how a `Query` becomes one."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sojourn.session import lowest_id
from sojourn.stores.narrowing import folded, network_of
from sojourn.stores.protocol import Query
from sojourn.stores.sqlite.rows import COLUMNS, MINUTE, PACKED, ROTATED, microseconds

__all__ = [
    "COUNT",
    "COUNT_FEW",
    "COUNT_KEPT",
    "COUNT_PEOPLE",
    "END",
    "EXPIRE",
    "FIND",
    "FIND_OVER",
    "GET",
    "INSERT",
    "IS_DUE",
    "LEASE",
    "NOT_DUE",
    "OTHERS",
    "PURGE",
    "REDACT",
    "REPLACE",
    "REVOKE",
    "REVOKE_FEW",
    "REVOKE_FOUND",
    "ROTATE",
    "SELECT",
    "TOUCH",
    "asked",
    "insert_within",
    "oldest",
]

# What several of them share: no session lives longer than 400 days (`Policy.lifetime`) and ids are in
# the order of creation, so what is alive is at the end of an index, and no question reads further back.
_LONGEST = timedelta(days=400)
_MERGED = ("id", "seen_at", "expires_at", "confirmed_at")
_ROW = (*COLUMNS, "device_id", "due")
_SHARED = {
    "{columns}": ", ".join(COLUMNS),
    "{packed}": PACKED,
    "{row}": ", ".join(_ROW),
    "{values}": ", ".join(f":{name}" for name in _ROW),
    "{assignments}": ", ".join(f"{name} = :{name}" for name in COLUMNS if name not in _MERGED),
    "{rotated}": ", ".join(f"{name} = :{name}" for name in ROTATED if name not in _MERGED),
    "{merged}": """
        seen_at = max(seen_at, :seen_at),
        expires_at = min(max(expires_at, :expires_at), :ends_at),
        confirmed_at = coalesce(case when generation = :generation then confirmed_at end, :confirmed_at)
    """,
    "{live}": "revoked_at is null and expires_at > :at",
    # Nor has anybody whose clock is ahead noticed its end: what `expire` has told is not untold.
    "{lives_on}": "revoked_at is null and expires_at > :at and due is not null",
    # No impersonations: they neither take room nor make it.
    "{live_of_user}": """
        user_id = :user_id and id >= :oldest and revoked_at is null and expires_at > :at and parent_id is null
    """,
    "{ended}": "revoked_at = :at, reason = :reason, version = version + 1, due = null",
    "{over_at}": "coalesce(revoked_at, expires_at)",
    "{minute}": str(MINUTE),
}


def _sql(text: str) -> str:
    for name, sql in _SHARED.items():
        text = text.replace(name, sql)
    return text


def _of_row(text: str, *more: str) -> str:
    """A statement whose values are a row, and *more*, by number: to look up thirty names takes 10 µs."""
    numbers = {name: f"?{number}" for number, name in enumerate((*_ROW, *more), start=1)}
    return re.sub(r":(\w+)", lambda name: numbers[name[1]], _sql(text))


# ── one session ──────────────────────────────────────────────────────────────────────────────────

GET = _sql("select {packed} from sessions where id = ?")

INSERT = _of_row("insert into sessions ({row}) values ({values}) on conflict (id) do nothing")

# Only if nobody has to make room; that is so nearly always, and then it is a single statement.
_INSERT_WITHIN = """
    insert into sessions ({row}) select {values} where (
        select {bounds} and not coalesce(max(
            device_id = :device_id and application_id is :application_id and tenant_id is :tenant_id
        ), 0)
        from sessions where {live_of_user}
    )
    on conflict (id) do nothing
"""


@lru_cache(maxsize=64)
def insert_within(scopes: tuple[tuple[str, ...], ...]) -> str:
    """Takes a row, `at`, `oldest`, and the limit for each of *scopes*: see `CapRule.same`."""
    counted = [" and ".join(f"{name} is :{name}" for name in same) or "1" for same in scopes]
    bounds = [f"coalesce(sum({one}), 0) < :limit{n}" for n, one in enumerate(counted)]
    limits = [f"limit{n}" for n in range(len(scopes))]
    return _of_row(_INSERT_WITHIN.replace("{bounds}", " and ".join(bounds) or "1"), "at", "oldest", *limits)


OTHERS = _sql("""
    select id, seen_at, device_id, application_id, tenant_id, profile from sessions where {live_of_user}
""")
END = _sql("update sessions set {ended} where id = :id")

REPLACE = _of_row(
    """
    update sessions set {assignments}, device_id = :device_id, {merged},
        due = case when :revoked_at is null
            then min(due, (min(max(expires_at, :expires_at), :ends_at) + {minute} - 1) / {minute}) end
    where id = :id and version = :version - 1 and {lives_on}
    """,
    "at",
)
# For a session in which nothing but `ROTATED` differs: no index and no trigger has to do with those,
# and `expires_at` can only move forward, to which `due` is indifferent.
ROTATE = _of_row(
    "update sessions set {rotated}, {merged} where id = :id and version = :version - 1 and {lives_on}", "at"
)

# One statement for all: each time that Python begins or steps one, other threads and it compete for the lock.
TOUCH = _sql("""
    update sessions set
        seen_at = max(sessions.seen_at, use.seen_at),
        expires_at = min(max(sessions.expires_at, use.expires_at), sessions.ends_at),
        confirmed_at = coalesce(confirmed_at, case when sessions.generation = use.generation then :at end)
    from (
        select substr(:ids, key * 16 + 1, 16) as id,
            json_extract(value, '$[0]') as seen_at,
            json_extract(value, '$[1]') as expires_at,
            json_extract(value, '$[2]') as generation
        from json_each(:uses)
    ) as use
    where sessions.id = use.id and sessions.revoked_at is null and sessions.expires_at > :at
        and sessions.due is not null and (
        sessions.seen_at <= :since or confirmed_at is null and sessions.generation = use.generation
    )
""")

LEASE = """
    insert into sojourn_leases (name, holder, until) values (:name, :holder, :until)
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where holder = excluded.holder or until <= :at
"""

# ── many ─────────────────────────────────────────────────────────────────────────────────────────

SELECT = _sql("select id, {packed} from sessions where {conditions} order by {order} limit :limit")
COUNT = _sql("select count(*) from sessions where {conditions}")
COUNT_FEW = _sql("select count(*) from (select 1 from sessions where {conditions} limit :limit)")
COUNT_PEOPLE = _sql("select count(distinct user_id) from sessions where {conditions}")
COUNT_KEPT = "select sum(sessions) from sojourn_counts where signed_in >= ?"

_REVOKE = """
    update sessions set {ended}, revoked_by = :by, note = :note
    where id in (select id from sessions where {conditions} order by {order} limit :limit)
"""
REVOKE = _sql(f"{_REVOKE} returning id")

# Nothing if they are more than so many.
_FEW = "not exists (select 1 from sessions where {conditions} limit 1 offset :few)"
REVOKE_FEW = _sql(f"{_REVOKE} and {_FEW} returning id")

FIND = _sql("select id from sessions where {conditions} order by {order} limit :limit")
REVOKE_FOUND = _sql("""
    with recursive place (n) as (
        select 1 where length(:ids) > 0 union all select n + 16 from place where n + 16 < length(:ids)
    )
    update sessions set {ended}, revoked_by = :by, note = :note
    where id in (select substr(:ids, n, 16) from place) and {live}
    returning id
""")

# Whoever was seen since `due` was written gets a new one, and is not told of: its `due` is not null.
IS_DUE = "select 1 from sessions where due <= ? limit 1"
EXPIRE = _sql("""
    update sessions set due = case when expires_at > :at then (expires_at + {minute} - 1) / {minute} end
    where id in (select id from sessions where due <= :minute order by due limit :limit)
    returning {columns}, due
""")

FIND_OVER = _sql("""
    select id from sessions where id > :after and id < :newest and {over_at} < :before
    order by id limit :limit
""")
# For a whole stretch of ids. The first statement, or deleting would be taken for somebody's act by hand.
NOT_DUE = _sql("""
    update sessions set due = null
    where id between :first and :last and due is not null and {over_at} < :before
""")
REDACT = _sql("""
    update sessions set ip = :ip, place = :place, device = :device, device_id = :device_id,
        impersonator_id = :impersonator_id, revoked_by = :revoked_by, note = :note
    where id = :id and version = :version and {over_at} <= :at
""")
PURGE = _sql("delete from sessions where id between :first and :last and {over_at} < :before")

# ── queries ──────────────────────────────────────────────────────────────────────────────────────

# What each field of a `Query` asks. The plus keeps SQLite from taking the index by user for a question
# that is not about one user.
_CONDITIONS = {
    "user_id": "user_id = :user_id",
    "id": "id = :id",
    "except_id": "id <> :except_id",
    "application_id": "application_id = :application_id",
    "tenant_id": "tenant_id = :tenant_id",
    "device_id": "device_id = :device_id",
    "ip": "ip = :ip",
    "country": "place ->> '$.country' = :country",
    "kind": "device ->> '$.kind' = :kind",
    "text": """(
        instr(lower(device ->> '$.name'), :text)
        or instr(lower(coalesce(device ->> '$.custom_name', '')), :text)
        or instr(lower(coalesce(device ->> '$.model', '')), :text)
    )""",
    "live_at": "revoked_at is null and expires_at > :live_at",
    "ended_since": _sql("{over_at} >= :ended_since"),
    "ended_by": _sql("{over_at} <= :ended_by"),
    "seen_since": "seen_at >= :seen_since",
    "signed_in": "+user_id is not null",
    "unheld": "held is null",
}
_SCOPES = ("application_id", "tenant_id")
_ORDERS = {"id": "id desc", "seen": "seen_at desc, id desc"}


def asked(statement: str, query: Query) -> tuple[str, dict[str, Any]]:
    """*statement* with the conditions of *query* in it, and their values."""
    given = {name: value for name in _CONDITIONS if (value := getattr(query, name)) not in (None, False)}
    values = {name: _plain(value) for name, value in given.items()} | {"limit": query.limit}
    conditions = {name: _CONDITIONS[name] for name in given}
    if query.user_id is not None or query.id is not None:  # of whom there are fewer than of any scope
        conditions |= {name: f"+{conditions[name]}" for name in _SCOPES if name in conditions}
    if query.ip is not None:
        conditions["ip"] = _address(query.ip, values)
    if query.text is not None:
        values["text"] = folded(query.text)
    conditions["bounds"] = _bounds(query, values)
    statement = statement.replace("{conditions}", " and ".join(filter(None, conditions.values())))
    return statement.replace("{order}", _ORDERS[query.order]), values


def _bounds(query: Query, values: dict[str, Any]) -> str:
    """Between which ids the rows are. One on each side: of two SQLite begins at whichever is named first."""
    lowest = [] if query.live_at is None else [oldest(query.live_at)]
    highest = [] if query.after is None else [query.after.bytes]
    if query.created_since is not None:
        lowest.append(lowest_id(query.created_since).bytes)
    if query.created_before is not None:
        highest.append(lowest_id(query.created_before).bytes)
    values |= {"lowest": max(lowest, default=None), "below": min(highest, default=None)}
    return " and ".join(["id >= :lowest"] * bool(lowest) + ["id < :below"] * bool(highest))


def _address(wanted: str, values: dict[str, Any]) -> str:
    """By a network: what is no text of it at all, most addresses, is passed by before Python is asked."""
    network = network_of(wanted)
    if network is None or (network.version == 4 and network.num_addresses == 1):
        values["ip"] = wanted if network is None else str(network.network_address)
        return _CONDITIONS["ip"]
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    values["like"] = ".".join((*octets, "*")) if network.version == 4 else "*:*"
    return "ip glob :like and sojourn_within(ip, :ip)"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return microseconds(value)
        case UUID():
            return value.bytes
    return value


def oldest(at: datetime) -> bytes:
    """No session with a lower id can be alive at *at*."""
    return lowest_id(at - _LONGEST).bytes
