"""The statements of the PostgreSQL store, and how a `Query` becomes one. Both drivers read `$1`."""

# ruff: noqa: S608 - put together from names and places; what comes from outside is a value

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sojourn.session import lowest_id
from sojourn.stores.narrowing import network_of
from sojourn.stores.postgres.rows import COLUMNS, PACKED
from sojourn.stores.protocol import Query

__all__ = [
    "BEGIN_EPOCH",
    "COUNT",
    "COUNT_PEOPLE",
    "DIAGNOSE",
    "DROP_PARTITIONS",
    "EXPIRE",
    "FORGET",
    "FORGET_EACH",
    "GET",
    "GET_MANY",
    "INSERT",
    "INSERT_WITHIN",
    "KEPT",
    "LEASE",
    "MAKE_PARTITIONS",
    "POLL",
    "REDACT",
    "REDACTED",
    "REPLACE",
    "REVOKE",
    "SELECT",
    "TOUCH",
    "TRIM",
    "asked",
    "oldest",
    "says_all",
]

# No session lives longer than 400 days (`Policy.lifetime`), and ids are in the order of creation: partitions
# that are older are not looked at for what lives.
_LONGEST = timedelta(days=400)
_COLUMNS = ", ".join(COLUMNS)
_OWN = ", ".join(f"s.{name}" for name in COLUMNS)
_NUMBER = {name: f"${number}" for number, name in enumerate(COLUMNS, start=1)}
_VALUES = ", ".join(_NUMBER.values())
_NEXT = len(COLUMNS) + 1

# INSERT, INSERT_WITHIN and REPLACE are for `Connections.write`: the last value comes back before all others.

# ── one session ──────────────────────────────────────────────────────────────────────────────────

GET = f"select {PACKED} from sessions where id = $1"
# An array alone would have every partition looked into; the lowest and the highest of it spare most of them.
GET_MANY = f"select {PACKED} from sessions where id = any ($1::uuid[]) and id >= $2 and id <= $3"

# The minutes of `due` and `over` follow from what is inserted.
_ALIVE = f"case when {_NUMBER['revoked_at']}::timestamptz is null then "
_MINUTES = (
    f"{_ALIVE}sojourn_minute_after({_NUMBER['expires_at']}) end, sojourn_minute_of({_NUMBER['revoked_at']})"
)
INSERT = f"""
    insert into sessions ({_COLUMNS}, due, over) values ({_VALUES}, {_MINUTES})
    on conflict (id) do nothing
    returning ${_NEXT}::integer
"""

# What gives way ends first, inside the function, whose statements see what others committed before it had the
# lock on the user. `is null` in the outer part: then nobody is in the way.
INSERT_WITHIN = f"""
    with room as materialized (
        select * from sojourn_make_room(
            {_NUMBER["id"]}, {_NUMBER["user_id"]}, {_NUMBER["device_id"]},
            {_NUMBER["application_id"]}, {_NUMBER["tenant_id"]}, {_NUMBER["profile"]},
            ${_NEXT}, ${_NEXT + 1}, ${_NEXT + 2}::integer[], ${_NEXT + 3}::text[], ${_NEXT + 4}::integer[]
        )
    ), added as (
        insert into sessions ({_COLUMNS}, due, over)
        select {_VALUES}, {_MINUTES} where not exists (select from room where because is null)
        on conflict (id) do nothing
        returning id
    )
    select ${_NEXT + 5}::integer, exists (select from added), ended, because, rule
    from (select) one left join room on true
"""

_MERGED = ("id", "seen_at", "expires_at", "confirmed_at")
_ASSIGNMENTS = ", ".join(f"{name} = {_NUMBER[name]}" for name in COLUMNS if name not in _MERGED)
_LATER = f"least(greatest(expires_at, {_NUMBER['expires_at']}), {_NUMBER['ends_at']})"
REPLACE = f"""
    update sessions set
        {_ASSIGNMENTS},
        seen_at = greatest(seen_at, {_NUMBER["seen_at"]}),
        expires_at = {_LATER},
        confirmed_at = coalesce(
            case when generation = {_NUMBER["generation"]} then confirmed_at end, {_NUMBER["confirmed_at"]}
        ),
        due = {_ALIVE}least(due, sojourn_minute_after({_LATER})) end,
        over = sojourn_minute_of({_NUMBER["revoked_at"]})
    where id = {_NUMBER["id"]} and version = {_NUMBER["version"]} - 1
        and revoked_at is null and expires_at > ${_NEXT} and due is not null
    returning ${_NEXT + 1}::integer
"""

# ── many sessions ────────────────────────────────────────────────────────────────────────────────

# One statement is one transaction, so the setting holds for its commit alone: activity need not wait for the
# disk. Rows are locked first, by descending id like those of REVOKE: two who want the same rows queue up. A
# join takes them in whatever order its plan has; then each waits for the other until the server finds out.
# The lowest and the highest id spare it the partitions that none of them is in.
TOUCH = """
    with touched as materialized (
        select id from sessions
        where id = any ($1::uuid[]) and id >= $6::uuid and id <= $7::uuid
            and revoked_at is null and expires_at > $5::timestamptz and due is not null
            and ($8::timestamptz is null or seen_at <= $8 or rotated_at is not null and confirmed_at is null)
        order by id desc for no key update
    )
    update sessions s set
        seen_at = greatest(s.seen_at, u.seen_at),
        expires_at = least(greatest(s.expires_at, u.expires_at), s.ends_at),
        confirmed_at = coalesce(s.confirmed_at, case when s.generation = u.generation then $5 end)
    from touched
    join unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::integer[])
        as u (id, seen_at, expires_at, generation) on u.id = touched.id
    where s.id = touched.id and s.id >= $6::uuid and s.id <= $7::uuid
        and (select set_config('synchronous_commit', 'off', true)) is not null
"""

# Packed when it is known which; before that it would be done for all that match.
SELECT = f"select {PACKED} from ({{found}}) found order by {{order}}"
COUNT = "select count(*) from sessions where {conditions}"
COUNT_PEOPLE = "select count(distinct user_id) from sessions where {conditions}"
KEPT = "select coalesce(sum(sessions), 0)::bigint, coalesce(sum(signed_in), 0)::bigint from sojourn_live"

# The bounds spare it the partitions that none of them is in, and `oldest` those that need not even be opened;
# a join would read all there is. What triggers do for each row is done once for all, and they are told so:
# that was two thirds of what it takes to end many.
REVOKE = """
    with ending as materialized (
        {found}
    ), ended as (
        update sessions s set
            revoked_at = {at}, reason = {reason}, revoked_by = {by}, note = {note}, version = s.version + 1,
            due = null, over = sojourn_minute_of({at})
        where s.id = any (array(select id from ending))
            and s.id >= (select id from ending order by id limit 1)
            and s.id <= (select id from ending order by id desc limit 1)
            and s.id >= {oldest}
            and (select set_config('sojourn.told', 'all', true)) is not null
        returning s.id, greatest(s.version, s.void_below) as version
    ), told as (
        insert into sojourn_log (id, version, revoked_at, reason)
        select id, version, {at}, {reason} from ended
    )
    select ended.id from ended cross join (
        select case when count(*) > 0 then
            sojourn_told(-count(due), -count(user_id) filter (where due is not null))
        end from ending
    ) once
"""

# ── in the background ────────────────────────────────────────────────────────────────────────────

EXPIRE = f"""
    with past as materialized (
        select id from sessions where due <= sojourn_minute_of($1)
        order by due limit $2 for no key update skip locked
    ), looked as (
        update sessions s set
            due = case when s.expires_at > $1 then sojourn_minute_after(s.expires_at) end,
            over = case when s.expires_at <= $1 then sojourn_minute_of(s.expires_at) end
        from past where s.id = past.id
        returning s.due, {_OWN}
    )
    select (select count(*) from past), n.packed from (select) one left join (
        select {PACKED} as packed from looked where due is null
    ) n on true
"""

LEASE = """
    insert into sojourn_leases as held (name, holder, until) values ($1, $2, $4)
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where held.until <= $3 or held.holder = excluded.holder
    returning true
"""

# Where a row is kept decides nothing, so this may go by the server's clock.
MAKE_PARTITIONS = "select sojourn_make_partitions(clock_timestamp(), 3)"
DROP_PARTITIONS = "select sojourn_drop_partitions($1)"
FORGET_EACH = """
    with gone as (
        delete from sessions where id = any($1) and coalesce(revoked_at, expires_at) <= $2 returning id
    )
    select count(*) from gone
"""
REDACTED = (
    *("id", "version", "ip", "place", "device", "device_id"),
    *("impersonator_id", "revoked_by", "note"),
)
# Rows are locked first, like those of TOUCH.
REDACT = """
    with over as materialized (
        select s.id as of, r.* from sessions s
        join unnest(
            $5::uuid[], $6::integer[], $7::text[], $8::text[], $9::bytea[], $10::text[], $11::text[],
            $12::text[], $13::text[]
        ) as r ({redacted}) on r.id = s.id and r.version = s.version
        where s.id = any ($1::uuid[]) and s.id >= $2::uuid and s.id <= $3::uuid
            and coalesce(s.revoked_at, s.expires_at) <= $4::timestamptz
        order by s.id desc for no key update of s
    ), redacted as (
        update sessions s set
            ip = over.ip, place = over.place, device = over.device, device_id = over.device_id,
            impersonator_id = over.impersonator_id, revoked_by = over.revoked_by, note = over.note
        from over where s.id = over.of and s.id >= $2::uuid and s.id <= $3::uuid
        returning s.id
    )
    select count(*) from redacted
""".replace("{redacted}", ", ".join(REDACTED))
FORGET = "select sojourn_forget($1, $2)"
TRIM = "select sojourn_trim($1)"

# ── the log ──────────────────────────────────────────────────────────────────────────────────────

# The lines that the snapshot $1 did not see, as far as $2 sees them, after the line ($3, $4): what was under
# way in $1, or began later. One statement, so that the lines, the new snapshot and what was cut off fit.
POLL = """
    with base as materialized (
        select $1::text::pg_snapshot as old, coalesce($2::text::pg_snapshot, pg_current_snapshot()) as target
    ), lines as (
        (
            select l.* from base, sojourn_log l
            where l.xid = any (array(select pg_snapshot_xip(base.old) from base))
                and (l.xid, l.number) > ($3::text::xid8, $4) and pg_visible_in_snapshot(l.xid, base.target)
            order by l.xid, l.number limit $5 + 1
        ) union all (
            select l.* from base, sojourn_log l
            where l.xid >= coalesce((select pg_snapshot_xmax(base.old) from base), '0'::xid8)
                and (l.xid, l.number) > ($3::text::xid8, $4) and pg_visible_in_snapshot(l.xid, base.target)
            order by l.xid, l.number limit $5 + 1
        )
        order by xid, number limit $5 + 1
    )
    select
        (select epoch::text from sojourn_epoch where place = sojourn_place()),
        base.target::text,
        clock_timestamp(),
        greatest(pg_snapshot_xmax(base.old), pg_snapshot_xmax(base.target))
            <= pg_snapshot_xmax(pg_current_snapshot())
        and (
            base.old is null or pg_snapshot_xmax(base.old) > t.xid and not exists (
                select from pg_snapshot_xip(base.old) x
                where x <= t.xid and pg_visible_in_snapshot(x, t.seen_by)
            )
        ),
        l.xid::text, l.number, l.id, l.version, l.revoked_at, l.reason
    from base cross join sojourn_trimmed t left join lines l on true
    order by l.xid, l.number
"""

BEGIN_EPOCH = """
    insert into sojourn_epoch (place) values (sojourn_place()) on conflict (place) do nothing returning true
"""

# ── for `sojourn doctor` ──────────────────────────────────────────────────────────────────────────

DIAGNOSE = """
    select current_setting('fsync')::boolean, current_setting('synchronous_commit') <> 'off',
        pg_is_in_recovery(), to_regclass(sojourn_partition(
            date_trunc('week', clock_timestamp() at time zone 'UTC') at time zone 'UTC' + interval '336 hours'
        )) is not null
"""

# ── questions ────────────────────────────────────────────────────────────────────────────────────

_OVER_AT = "coalesce(revoked_at, expires_at)"
_CONDITIONS = {
    "user_id": "user_id = {}",
    "id": "id = {}",
    "except_id": "id <> {}",
    "application_id": "application_id = {}",
    "tenant_id": "tenant_id = {}",
    "device_id": "device_id = {}",
    "country": "place::json ->> 1 = {}",
    "live_at": "revoked_at is null and expires_at > {}",
    "ended_since": f"{_OVER_AT} >= {{}}",
    "ended_by": f"{_OVER_AT} <= {{}}",
    "seen_since": "seen_at >= {}",
    "after": "id < {}",
}
_ORDERS = {"id": "id desc", "seen": "seen_at desc, id desc"}
# The same order, but no index has it: what is one user's is found by the user, and never by walking through
# everybody's in order, as a plan has it that was made while a week was empty.
_AFTERWARDS = "uuid_send(id) desc"


# Those that match, in order. What lives is walked through week by week, the newest first, until there are
# enough: where few match, all weeks at once would each be walked through for its first.
_FOUND = "select {columns} from sessions where {conditions} order by {order} limit {limit}{lock}"
_WALKED = """
    select one.* from unnest({lows}, {highs}) week (low, high), lateral (
        select {columns} from sessions where id >= week.low and id < week.high and {conditions}
        order by id desc limit {limit}{lock}
    ) one limit {limit}
"""


def asked(statement: str, query: Query, **values: Any) -> tuple[str, list[Any]]:
    """*statement* with the conditions of *query* and the other *values* in it, and all values in order."""
    found: list[Any] = []

    def place(value: Any) -> str:
        found.append(value)
        return f"${len(found)}{_CASTS.get(type(value), '')}"

    places: dict[str, str] = {}
    conditions = [
        text.format(place(value))
        for name, text in _CONDITIONS.items()
        if (value := getattr(query, name)) is not None
    ]
    if query.created_before is not None:
        conditions.append(f"id < {place(lowest_id(query.created_before))}")
    if query.ip is not None:
        conditions.append(_address(query.ip, place))
    lowest = _lowest(query)
    if lowest is not None:
        bound = place(lowest)
        conditions.append(f"id >= {bound}")
        places["oldest"] = bound
    if query.live_at is not None:
        if query.user_id is None and query.id is None:
            conditions.append("due is not null")  # by the index of what lives, past weeks that are dead
    elif query.user_id is not None:
        # Each half has an index of its own; together they are no condition.
        conditions.append("(revoked_at is null or revoked_at is not null)")
    if query.signed_in:
        conditions.append("user_id is not null")
    if query.unheld:
        conditions.append("held is null")
    places |= {name: place(value) for name, value in values.items()}
    places |= {
        "conditions": " and ".join(conditions),
        "order": _AFTERWARDS if query.order == "id" and query.user_id is not None else _ORDERS[query.order],
        "columns": "id, due, user_id" if statement is REVOKE else _COLUMNS,
        "lock": " for no key update" if statement is REVOKE else "",
    }
    if "{found}" in statement:
        walked = _by_week(query)
        if walked and query.live_at is not None:
            weeks = _weeks(int(query.live_at.timestamp()) // _WEEK)
            while lowest and weeks[-2] <= lowest:
                weeks = weeks[:-1]
            places |= {"lows": place(weeks[1:]), "highs": place(weeks[:-1])}
        places["found"] = (_WALKED if walked else _FOUND).format_map(places)
    return statement.format_map(places), found


def says_all(query: Query) -> bool:
    """Whether SQL can ask all that *query* does: of a device that is packed it cannot, nor of most networks.

    (What casts a text to an address fails on what is none.)
    """
    return query.kind is None and query.text is None and (query.ip is None or _is_text(query.ip))


def _is_text(wanted: str) -> bool:
    """Whether *wanted* is found by its very text: an address with one spelling, or none at all."""
    network = network_of(wanted)
    return network is None or (network.version == 4 and network.num_addresses == 1)


def _address(wanted: str, place: Callable[[Any], str]) -> str:
    """What is so of every address in *wanted*, and of few others."""
    network = network_of(wanted)
    if network is None or _is_text(wanted):
        return f"ip = {place(wanted if network is None else str(network.network_address))}"
    if network.version == 6:
        return "strpos(ip, ':') > 0"
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    return f"starts_with(ip, {place('.'.join((*octets, '')) if octets else '')})"


def _lowest(query: Query) -> UUID | None:
    """No session with a lower id matches."""
    if query.live_at is not None:
        return oldest(query.live_at, query.created_since)
    return None if query.created_since is None else lowest_id(query.created_since)


def _by_week(query: Query) -> bool:
    return query.live_at is not None and query.user_id is None and query.id is None and query.order == "id"


@lru_cache(maxsize=4)
def _weeks(number: int) -> list[UUID]:
    """Where the weeks begin of what lives in the week *number*, newest first; before them the end of all."""
    # Weeks of partitions begin on Mondays, those since 1970 on Thursdays.
    monday = datetime.fromtimestamp(number * _WEEK, UTC) - timedelta(days=3)
    begins = [lowest_id(monday + timedelta(weeks=n)) for n in range(2, -_LONGEST.days // 7 - 2, -1)]
    return [UUID(int=(1 << 128) - 1), *begins]


_WEEK = 7 * 24 * 3600
_CASTS = {
    datetime: "::timestamptz",
    UUID: "::uuid",
    int: "::integer",
    str: "::text",
    type(None): "::text",
    list: "::uuid[]",
}


def oldest(at: datetime, since: datetime | None = None) -> UUID:
    """No session with a lower id can be alive at *at*; *since*: or began before that."""
    known = _lowest_id(int((at - _LONGEST).timestamp()) // 3600)
    return known if since is None else max(known, lowest_id(since))


@lru_cache(maxsize=64)
def _lowest_id(hour: int) -> UUID:
    return lowest_id(datetime.fromtimestamp(hour * 3600, UTC))
