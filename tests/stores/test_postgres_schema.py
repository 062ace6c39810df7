"""PostgreSQL: tables, partitions, triggers and functions, by hand and by the store."""

# ruff: noqa: S608 - names and ids of the tests' own

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import msgspec
import psycopg
import pytest

from sojourn.blocking import drive
from sojourn.errors import SettingsError
from sojourn.session import Reason, Seen, Session, lowest_id, new_id
from sojourn.stores import migrate as migrations
from sojourn.stores.postgres import PostgresStore
from sojourn.stores.postgres.rows import COLUMNS, to_row
from sojourn.stores.postgres.sql import REVOKE, SELECT, TOUCH, asked
from sojourn.stores.protocol import Cap, Entry, Query
from sojourn.testing import make_session
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)  # these tests are about partitions and statements that know the server's clock
DAY = timedelta(days=1)
ALL = Query(live_at=NOW, about=True)
SIGNED_IN = Query(live_at=NOW, about=True, signed_in=True)


class Database:
    """A store in a new database, in its blocking face, and a superuser's prompt."""

    def __init__(self, server: Postgres) -> None:
        self.server, self.url = server, server.new_database()
        self.store = PostgresStore(self.url).blocking()

    def sql(self, statement: str) -> list[Any]:
        return self.server.execute(statement, database=self.url.rpartition("/")[2])

    def started(self, **fields: Any) -> Session:
        session = make_session(**({"created_at": NOW} | fields))
        assert drive(self.store.insert(session)).done
        return session

    def partitions(self) -> list[str]:
        return [
            name
            for (name,) in self.sql(
                "select inhrelid::regclass::text from pg_inherits "
                "where inhparent = 'sessions'::regclass order by 1"
            )
        ]

    def where(self, session: Session) -> str:
        ((name,),) = self.sql(f"select tableoid::regclass::text from sessions where id = '{session.id}'")
        return str(name)


@pytest.fixture
def db(postgres: Postgres) -> Iterator[Database]:
    database = Database(postgres)
    drive(database.store.entries())  # the schema is made at the first use
    yield database
    drive(database.store.close())


def week_of(at: datetime) -> str:
    return f"sessions_{at - timedelta(days=at.weekday()):%Y%m%d}"


# ── columns and indexes ───────────────────────────────────────────────────────────────────────


def test_every_field_of_a_session_has_its_column(db: Database) -> None:
    assert set(Session.__struct_fields__) - set(COLUMNS) == set()
    columns = {
        name
        for (name,) in db.sql(
            "select attname from pg_attribute where attrelid = 'sessions'::regclass and attnum > 0"
        )
    }
    assert columns == {*COLUMNS, "due", "over"}


def test_no_index_holds_what_a_touch_changes(db: Database) -> None:
    indexes = [text for (text,) in db.sql("select indexdef from pg_indexes where tablename like 'sessions%'")]
    assert indexes
    assert not [
        text for text in indexes for name in ("seen_at", "expires_at", "confirmed_at") if name in text
    ]


def test_a_touch_writes_no_index_and_no_line(db: Database) -> None:
    session = db.started()
    counted = (
        "select sum(pg_stat_get_xact_tuples_updated(c.oid)), sum(pg_stat_get_xact_tuples_hot_updated(c.oid)) "
        "from pg_class c where relname like 'sessions%' and relkind = 'r'"
    )

    async def touch() -> Any:
        async with db.store.engine._connections.transaction(10) as connection:
            for second in range(1, 6):
                seen_at = NOW + timedelta(seconds=second)
                use = ([session.id], [seen_at], [seen_at + 15 * DAY], [0], NOW, session.id, session.id, None)
                await connection.all(TOUCH, *use)
            return (await connection.all(counted))[0]

    updated, in_place = drive(touch())
    assert (updated, in_place) == (5, 5)
    assert db.sql("select count(*) from sojourn_log") == [(0,)]


@pytest.mark.parametrize(
    "query", [Query(user_id="ada"), Query(user_id="ada", live_at=NOW), Query(id=lowest_id(NOW))]
)
def test_no_question_about_one_user_reads_a_whole_table(db: Database, query: Query) -> None:
    sql, values = asked(SELECT, query, limit=100)
    db.sql(
        "insert into sessions select (json_populate_record(null::sessions, json_build_object("
        "'id', sojourn_lowest_id(now() - n * interval '1 second'), 'created_at', now(), 'seen_at', now(), "
        "'expires_at', now() + '1 day', 'ends_at', now() + '1 day', 'key_id', 1, 'generation', 0, "
        "'version', 1, 'void_below', 0, "
        "'aal', 1, 'remember', false, 'renew_due', false, 'user_id', n::text, 'salt', '', "
        "'device', ''))).* from generate_series(1, 3000) n"
    )
    db.sql("analyze sessions")
    plan = drive(db.store.engine.all("explain " + sql, *values))
    text = "\n".join(line for (line,) in plan)
    assert f"Seq Scan on {week_of(NOW)}" not in text
    assert "Index" in text


def test_what_lives_is_found_newest_first_whatever_week_and_partition_it_is_in(db: Database) -> None:
    db.sql(f"select sojourn_make_partitions('{(NOW - 30 * DAY).isoformat()}', 3)")
    days = [-398, -60, -29, -25, -21, -20, -8, -7, -1, 0, 3, 13, 14, 20, 400]  # some in weeks, some in none
    lives = {"expires_at": NOW + 500 * DAY, "ends_at": NOW + 500 * DAY, "application_id": "shop"}
    sessions = [db.started(created_at=NOW + day * DAY, **lives) for day in days]
    for day in days:
        db.started(created_at=NOW + day * DAY, expires_at=NOW + 500 * DAY, ends_at=NOW + 500 * DAY)
    found: list[Session] = []
    while page := drive(
        db.store.select(
            Query(live_at=NOW, application_id="shop", limit=4, after=found[-1].id if found else None)
        )
    ):
        found += page
    assert found == sessions[::-1]
    query = Query(application_id="shop", live_at=NOW, limit=4)
    for _ in range(4):
        ended = drive(db.store.revoke(query, at=NOW, reason=Reason.ADMIN))
        assert ended == [session.id for session in found[:4]]
        found = found[4:]
    assert drive(db.store.count(Query(live_at=NOW))) == len(days)


def plan(db: Database, statement: str, query: Query, **values: Any) -> str:
    """How the server runs a *statement* that is prepared, as the store's connections have it."""

    async def explain() -> str:
        async with db.store.engine._connections.transaction(10) as connection:
            sql, given = asked(statement, query, **values)
            literals = [None if value is None else str(value) for value in given]
            await connection.run(f"prepare asked as {sql}")
            quoted = ", ".join("null" if text is None else f"'{text}'" for text in literals)
            rows = await connection.all(f"explain execute asked({quoted})")
            await connection.run("deallocate asked")
            return "\n".join(row[0] for row in rows)

    return drive(explain())


def scanned(text: str) -> set[str]:
    """The partitions that *text*, a plan, looks into."""
    return set(re.findall(r"(?:Scan|using \S+) on (sessions_\w+)", text))


def test_what_is_too_old_to_live_is_not_opened(db: Database) -> None:
    db.sql(f"select sojourn_make_partitions('{(NOW - 90 * DAY).isoformat()}', 13)")
    query = Query(user_id="ada", live_at=NOW)
    since = msgspec.structs.replace(query, created_since=NOW - 10 * DAY)
    ending: dict[str, Any] = {"at": NOW, "reason": "user", "by": None, "note": None}
    oldest = week_of(
        NOW - 10 * DAY
    )  # by the day of the week five or six partitions ago; the default one is later
    recent = {name for name in db.partitions() if name >= oldest}
    for statement, values in ((SELECT, {"limit": 100}), (REVOKE, {"limit": 100} | ending)):
        assert len(scanned(plan(db, statement, query, **values))) == len(db.partitions())
        assert scanned(plan(db, statement, since, **values)) == recent


def test_a_statement_by_hand_after_one_of_the_store_has_its_line(db: Database) -> None:
    """What the store tells the triggers holds for its own statement, even within a longer transaction."""
    one, two = db.started(), db.started(user_id="grace")
    query = Query(user_id="ada", live_at=NOW)
    sql, values = asked(REVOKE, query, limit=10, at=NOW, reason="user", by=None, note=None)

    async def both() -> list[Any]:
        async with db.store.engine._connections.transaction(10) as connection:
            ended = await connection.all(sql, *values)
            await connection.run("update sessions set revoked_at = now() where user_id = 'grace'")
            return [id for (id,) in ended]

    assert drive(both()) == [one.id]
    lines = drive(db.store.entries()).entries
    assert {(line.id, line.version, line.reason) for line in lines} == {
        (one.id, 2, Reason.USER),
        (two.id, 2, Reason.SYSTEM),
    }
    assert (drive(db.store.count(ALL)), drive(db.store.count(SIGNED_IN))) == (0, 0)


def test_a_revocation_that_is_undone_leaves_nothing(db: Database) -> None:
    session = db.started()
    sql, values = asked(
        REVOKE, Query(user_id="ada", live_at=NOW), limit=10, at=NOW, reason="user", by=None, note=None
    )

    async def undone() -> None:
        async with db.store.engine._connections.transaction(10) as connection:
            assert len(await connection.all(sql, *values)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(undone())
    assert drive(db.store.get(session.id)) == session
    assert drive(db.store.entries()).entries == ()
    assert drive(db.store.count(ALL)) == 1


def test_what_ends_is_counted_whoever_it_was(db: Database) -> None:
    for user_id in ("ada", "ada", None, "grace"):
        db.started(user_id=user_id)
    noticed = db.started(expires_at=NOW + DAY, user_id="mary")
    assert drive(db.store.expire(at=NOW + 2 * DAY)) == [noticed]
    ended = drive(db.store.revoke(Query(live_at=NOW), at=NOW, reason=Reason.ADMIN))
    assert len(ended) == 4  # a walk through what lives passes over what was noticed
    assert (drive(db.store.count(ALL)), drive(db.store.count(SIGNED_IN))) == (0, 0)
    assert drive(db.store.revoke(Query(user_id="mary"), at=NOW, reason=Reason.ADMIN)) == [noticed.id]
    assert drive(db.store.count(ALL)) == 0
    assert len(drive(db.store.entries()).entries) == 5


# ── partitions ────────────────────────────────────────────────────────────────────────────────


def test_partitions_are_made_three_weeks_ahead(db: Database) -> None:
    expected = [week_of(NOW + timedelta(weeks=n)) for n in range(4)]
    assert db.partitions() == [*expected, "sessions_default"]
    assert db.where(db.started()) == expected[0]
    assert db.sql("select sojourn_make_partitions(now(), 4)") == [(1,)]
    assert db.sql("select sojourn_make_partitions(now(), 4)") == [(0,)]


@pytest.mark.parametrize("year", [1999, 2199])
def test_what_is_outside_every_week_goes_into_the_default_partition(db: Database, year: int) -> None:
    session = db.started(created_at=datetime(year, 6, 1, tzinfo=UTC))
    assert db.where(session) == "sessions_default"
    assert drive(db.store.get(session.id)) == session


def test_rows_move_into_the_partition_that_is_made_for_them(db: Database) -> None:
    then = NOW - 100 * DAY
    early, other = db.started(created_at=then), db.started(created_at=then - 30 * DAY)
    assert drive(db.store.count(ALL)) == 2
    log = db.sql("select count(*) from sojourn_log")
    assert db.sql(f"select sojourn_make_partitions('{then.isoformat()}', 0)") == [(1,)]
    assert (db.where(early), db.where(other)) == (week_of(then), "sessions_default")
    assert drive(db.store.get(early.id)) == early
    assert drive(db.store.count(ALL)) == 2
    assert db.sql("select count(*) from sojourn_log") == log
    db.started(created_at=then, user_id="grace")
    db.sql(f"update {week_of(then)} set revoked_at = now()")  # behind the back of the whole table
    assert drive(db.store.count(ALL)) == 1
    db.sql("update sessions_default set revoked_at = now()")
    assert drive(db.store.count(ALL)) == 0


def test_a_partition_that_somebody_stands_in_the_way_of_is_left_for_later(db: Database) -> None:
    early = db.started(created_at=NOW - 100 * DAY)
    make = f"select sojourn_make_partitions('{early.created_at.isoformat()}', 0)"
    with psycopg.connect(db.url) as other:
        other.execute("select from sessions_default for update")
        assert db.sql(make) == [(0,)]
        assert db.where(early) == "sessions_default"
    assert db.sql(make) == [(1,)]


def test_purge_drops_a_partition_of_which_all_have_ended(db: Database) -> None:
    then = NOW - 100 * DAY
    db.sql(f"select sojourn_make_partitions('{then.isoformat()}', 1)")
    later = then + timedelta(weeks=1)
    for n in range(3):
        db.started(created_at=then, revoked_at=then + n * DAY, reason=Reason.USER)
        db.started(created_at=then, expires_at=then + n * DAY)
        db.started(created_at=later, expires_at=later + n * DAY)
    lives = db.started(created_at=later, ends_at=NOW + DAY, expires_at=NOW + DAY)
    assert drive(db.store.purge(before=NOW - 30 * DAY, limit=1)) == 6 + 1
    assert week_of(then) not in db.partitions()
    assert db.where(lives) == week_of(later)
    assert drive(db.store.count(ALL)) == 3
    assert db.sql("select count(*) from sojourn_log") == [(0,)]


def test_purge_keeps_a_partition_in_which_one_has_ended_a_moment_too_late(db: Database) -> None:
    then = NOW - 100 * DAY
    before = then.replace(second=30, microsecond=0) + 15 * DAY
    db.sql(f"select sojourn_make_partitions('{then.isoformat()}', 0)")
    late = [
        db.started(created_at=then, expires_at=before + timedelta(seconds=1)),
        db.started(created_at=then, revoked_at=before + timedelta(seconds=1), reason=Reason.USER),
    ]
    by_hand = db.started(created_at=then, expires_at=before + 2 * DAY)
    db.sql(f"update sessions set due = null where id = '{by_hand.id}'")  # in neither index
    for session in (*late, by_hand):
        db.started(created_at=then, expires_at=before - timedelta(hours=1))
        assert drive(db.store.purge(before=before)) == 1
        assert drive(db.store.get(session.id)) == session
        db.sql(f"delete from sessions where id = '{session.id}'")
    drive(db.store.purge(before=before))
    assert week_of(then) not in db.partitions()


def test_purge_leaves_a_partition_that_is_in_use_and_does_not_wait_long(db: Database) -> None:
    then = NOW - 100 * DAY
    db.sql(f"select sojourn_make_partitions('{then.isoformat()}', 0)")
    dead = db.started(created_at=then, expires_at=then + DAY)
    with psycopg.connect(db.url) as reader:
        reader.execute("select count(*) from sessions")
        assert drive(db.store.purge(before=NOW)) == 1  # row by row instead
        assert week_of(then) in db.partitions()
    assert drive(db.store.get(dead.id)) is None
    drive(db.store.purge(before=NOW))
    assert week_of(then) not in db.partitions()


def test_purge_waits_for_nobody_who_has_a_row_in_hand(db: Database) -> None:
    held, free = (db.started(expires_at=NOW - DAY, created_at=NOW - 2 * DAY) for _ in range(2))
    with psycopg.connect(db.url) as other:
        other.execute(f"select from sessions where id = '{held.id}' for update".encode())
        assert drive(db.store.purge(before=NOW)) == 1
        assert drive(db.store.get(free.id)) is None
    assert drive(db.store.purge(before=NOW)) == 1


def test_what_was_touched_since_is_not_forgotten_and_is_noticed_at_its_later_end(db: Database) -> None:
    session = db.started(expires_at=NOW + DAY)
    drive(db.store.touch({session.id: Seen(NOW + DAY / 2, NOW + 2 * DAY)}, at=NOW))
    assert drive(db.store.purge(before=NOW + 1.5 * DAY)) == 0
    assert drive(db.store.expire(at=NOW + 1.5 * DAY)) == []
    assert [s.id for s in drive(db.store.expire(at=NOW + 2.5 * DAY))] == [session.id]
    assert drive(db.store.purge(before=NOW + 3 * DAY)) == 1


# ── by hand ───────────────────────────────────────────────────────────────────────────────────


def test_a_plain_update_ends_voids_and_counts(db: Database) -> None:
    sessions = [db.started(version=5) for _ in range(3)]
    visitor = db.started(user_id=None)
    assert (drive(db.store.count(ALL)), drive(db.store.count(SIGNED_IN))) == (4, 3)
    cursor = drive(db.store.entries()).cursor
    db.sql("update sessions set revoked_at = '2030-01-01T00:00:00Z' where user_id = 'ada'")
    assert (drive(db.store.count(ALL)), drive(db.store.count(SIGNED_IN))) == (1, 0)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    lines = drive(db.store.entries(cursor)).entries
    # Their version is still 5: what is void is every snapshot of version 5, too.
    assert set(lines) == {Entry(session.id, 6, at, Reason.SYSTEM) for session in sessions}
    assert drive(db.store.expire(at=NOW + 400 * DAY)) == [visitor]
    assert drive(db.store.purge(before=at + DAY)) == 4


def test_a_plain_delete_of_what_lives_voids_and_counts(db: Database) -> None:
    lives, over = db.started(version=5), db.started(created_at=NOW - 2 * DAY, expires_at=NOW - DAY)
    cursor = drive(db.store.entries()).cursor
    db.sql("delete from sessions")
    assert drive(db.store.entries(cursor)).entries == (Entry(lives.id, 6),)
    assert drive(db.store.count(ALL)) == 0
    assert drive(db.store.get(over.id)) is None


def test_raising_void_below_by_hand_has_its_line(db: Database) -> None:
    session = db.started(version=5, void_below=2)
    cursor = drive(db.store.entries()).cursor
    db.sql("update sessions set void_below = 6")
    db.sql("update sessions set void_below = 6, revoked_by = null")
    db.sql("update sessions set void_below = 3")
    assert drive(db.store.entries(cursor)).entries == (Entry(session.id, 6),)
    assert drive(db.store.count(ALL)) == 1


def test_an_update_that_is_rolled_back_leaves_nothing(db: Database) -> None:
    db.started()
    cursor = drive(db.store.entries()).cursor
    db.sql("do $$ begin begin update sessions set revoked_at = now(); raise exception 'no'; "
           "exception when raise_exception then null; end; end $$")  # fmt: skip
    assert drive(db.store.entries(cursor)).entries == ()
    assert drive(db.store.count(ALL)) == 1


def test_the_count_is_exact_whatever_happens(db: Database) -> None:
    sessions = [db.started(user_id=None if n % 3 else "ada") for n in range(30)]
    drive(db.store.revoke(Query(id=sessions[0].id), at=NOW, reason=Reason.USER))
    drive(db.store.replace(sessions[1].change(user_id="grace"), at=NOW))
    drive(db.store.replace(sessions[2].change(revoked_at=NOW, reason=Reason.ADMIN), at=NOW))
    drive(db.store.insert(make_session(created_at=NOW), cap=Cap(at=NOW, limit=2)))
    db.sql("insert into sojourn_live values (0, 0)")
    for query in (ALL, SIGNED_IN):
        exact = Query(live_at=NOW, signed_in=query.signed_in)
        assert drive(db.store.count(query)) == drive(db.store.count(exact))
    db.sql("truncate sessions")
    assert drive(db.store.count(ALL)) == 0


# ── functions ─────────────────────────────────────────────────────────────────────────────────


def test_sojourn_revoke_ends_one_session_once(db: Database) -> None:
    session, other = db.started(), db.started()
    call = f"select sojourn_revoke('{session.id}')"
    assert [db.sql(call), db.sql(call)] == [[(True,)], [(False,)]]
    stored = drive(db.store.get(session.id))
    assert stored is not None
    assert (stored.reason, stored.version) == (Reason.ADMIN, 2)
    assert db.sql(f"select sojourn_revoke('{other.id}', 'password_changed')") == [(True,)]
    assert {entry.reason for entry in drive(db.store.entries()).entries} == {
        Reason.ADMIN,
        Reason.PASSWORD_CHANGED,
    }
    assert db.sql("select sojourn_revoke(gen_random_uuid())") == [(False,)]


def test_cleanup_expired_sessions_forgets_what_ended_long_ago(db: Database) -> None:
    then = NOW - 120 * DAY
    for n in range(5):
        db.started(created_at=then + n * DAY, expires_at=then + (n + 1) * DAY)
    recent = db.started(created_at=NOW - 10 * DAY, expires_at=NOW - DAY)
    db.sql(f"drop table {week_of(NOW + timedelta(weeks=3))}")
    assert db.sql("select cleanup_expired_sessions()") == [(5,)]
    assert drive(db.store.get(recent.id)) == recent
    assert week_of(NOW + timedelta(weeks=3)) in db.partitions()
    assert db.sql("select cleanup_expired_sessions('1 hour')") == [(1,)]


def test_functions_work_whatever_the_search_path(db: Database) -> None:
    session = db.started()
    db.sql("select 1 from set_config('search_path', '', false), public.sojourn_revoke("
           f"'{session.id}')")  # fmt: skip
    assert drive(db.store.entries()).entries[0].id == session.id
    assert drive(db.store.count(ALL)) == 0


def test_lowest_id_is_ours(db: Database) -> None:
    for at in (NOW, datetime(1999, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)):
        assert db.sql(f"select sojourn_lowest_id('{at.isoformat()}')") == [(lowest_id(at),)]
        assert lowest_id(at) < new_id(at, "ada")


# ── migrations ────────────────────────────────────────────────────────────────────────────────


def migrate(url: str, barrier: Barrier) -> list[str]:
    store = PostgresStore(url).blocking()
    barrier.wait()
    done = drive(store.migrate())
    drive(store.insert(make_session()))
    drive(store.close())
    return done


def test_of_many_processes_that_migrate_at_once_one_does(postgres: Postgres) -> None:
    url, spawn = postgres.new_database(), get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(4) as pool:
        barrier = manager.Barrier(4, timeout=60)
        done = pool.starmap(migrate, [(url, barrier)] * 4)
    names = [migration.name for migration in migrations.load("sojourn.stores.migrations.postgres")]
    assert sorted(done) == [[], [], [], names]
    store = PostgresStore(url, create=False).blocking()
    assert drive(store.count(ALL)) == 4
    assert drive(store.status()).applied == tuple(names)
    assert not drive(store.engine.compare())
    drive(store.close())


def test_a_database_of_an_older_release_knows_no_profiles_and_no_impersonations(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    known = migrations.load("sojourn.stores.migrations.postgres")
    with monkeypatch.context() as before:
        before.setattr(migrations, "load", lambda package: known[:3])
        old = PostgresStore(url).blocking()
        drive(old.migrate())
        drive(old.close())
    session = make_session(data={"x": 1})
    values = dict(zip(COLUMNS, to_row(session), strict=True)) | {"due": 0}
    for unknown in (
        *("profile", "impersonator_id", "parent_id", "parent_version"),
        *("held", "idle_timeout"),
    ):
        del values[unknown]
    with psycopg.connect(url) as db:
        columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
        db.execute(f"insert into sessions ({columns}) values ({places})", list(values.values()))
    store = PostgresStore(url, create=False).blocking()
    with pytest.raises(SettingsError, match="has schema 3, this Sojourn needs schema"):
        drive(store.get(session.id))
    assert drive(store.migrate()) == [migration.name for migration in known[3:]]
    assert not drive(store.engine.compare())
    assert drive(store.get(session.id)) == session
    drive(store.close())


def test_without_create_no_schema_is_made(postgres: Postgres) -> None:
    url = postgres.new_database()
    store = PostgresStore(url, create=False).blocking()
    with pytest.raises(SettingsError, match=r"has no schema for sessions yet; run `sojourn migrate"):
        drive(store.get(make_session().id))
    assert drive(store.status()).pending[0] == "0001_sessions"
    drive(store.close())
    tables = "select count(*) from pg_tables where schemaname = 'public'"
    assert postgres.execute(tables, database=url.rpartition("/")[2]) == [(0,)]


def test_somebody_elses_sessions_are_left_alone(postgres: Postgres) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.execute("create table sessions (mine text)", database=name)
    store = PostgresStore(url).blocking()
    with pytest.raises(SettingsError, match="a table sessions that is not Sojourn's"):
        drive(store.get(make_session().id))
    drive(store.close())
    postgres.execute("create schema apart", database=name)
    apart = PostgresStore(url + "?options=-csearch_path%3Dapart")
    session = make_session()

    async def main() -> None:
        assert (await apart.insert(session)).done
        assert (await apart.revoke(Query(id=session.id), at=NOW, reason=Reason.USER)) == []
        assert await apart.get(session.id) == session
        await apart.close()

    asyncio.run(main())
    assert postgres.execute("select count(*) from apart.sessions", database=name) == [(1,)]


def test_an_ordinary_role_is_enough(postgres: Postgres) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    postgres.execute(f"create role {name}_owner login", database=name)
    postgres.execute(f"create schema its authorization {name}_owner", database=name)
    store = PostgresStore(postgres.url(name, f"{name}_owner") + "?options=-csearch_path%3Dits").blocking()
    session = make_session(created_at=NOW)
    drive(store.insert(session, cap=Cap(at=NOW, limit=1)))
    drive(store.insert(make_session(created_at=NOW), cap=Cap(at=NOW, limit=1)))
    assert [entry.id for entry in drive(store.entries()).entries] == [session.id]
    assert drive(store.purge(before=NOW + DAY, log_before=NOW + DAY)) == 1
    assert drive(store.lease("worker", "me", at=NOW, until=NOW + DAY))
    assert drive(store.count(ALL)) == 1
    drive(store.close())


def test_what_breaks_a_promise_is_diagnosed(db: Database) -> None:
    # The servers of these tests run without fsync.
    assert [level for level, _, _ in drive(db.store.diagnose())] == ["bad"]
    for n in range(4):
        db.sql(f"drop table {week_of(NOW + timedelta(weeks=n))}")
    assert ["warn" for level, what, _ in drive(db.store.diagnose()) if "weeks to come" in what] == ["warn"]


def test_of_many_that_use_a_new_database_first_one_makes_the_schema(postgres: Postgres) -> None:
    async def main() -> None:
        for _ in range(5):
            store = PostgresStore(postgres.new_database())
            sessions = [make_session() for _ in range(8)]
            await asyncio.gather(*(store.insert(session) for session in sessions))
            assert await store.count(Query(user_id="ada")) == 8
            await store.close()

    asyncio.run(main())
