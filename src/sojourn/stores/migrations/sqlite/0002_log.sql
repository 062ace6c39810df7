-- What others must not learn late, and what the work in the background needs: a log, the ends by time
-- that wait to be noticed, counters, leases.
--
-- Triggers keep log and counters, so that a statement typed by hand is felt like any other. A touch
-- sets none of the columns that they watch, and pays nothing for them.

alter table sessions add column void_below integer not null default 0;
alter table sessions add column due integer; -- minutes since 1970: see whether it has ended; null: it is known to

update sessions set due = (expires_at + 59999999) / 60000000 where revoked_at is null;

-- A touch moves `expires_at` and leaves `due`, which is then early; whoever looks sets it right.
create index sessions_by_due on sessions (due) where due is not null;

-- ── the log ────────────────────────────────────────────────────────────────────────────────────

-- There is one writer at a time and `autoincrement` gives no number twice, so lines are committed in the
-- order of their numbers, without a gap. Forgotten are always the first ones.
create table sojourn_log (
    number     integer not null primary key autoincrement,
    session_id blob    not null,
    version    integer not null, -- snapshots of a lower version are void
    revoked_at integer,          -- with it, the session has ended
    reason     text,
    written_at integer not null  -- microseconds since 1970 by this machine's clock, right to the millisecond
) strict;

create table sojourn_log_epoch (epoch text not null) strict; -- which log this is: one row
insert into sojourn_log_epoch values (lower(hex(randomblob(8))));

-- The version of a line is the one that the change made. A statement typed by hand leaves `version` as it
-- was; then one more: no snapshot has a higher version than the stored one, so that voids them all.
create trigger sessions_log after update of revoked_at, void_below on sessions
when (new.revoked_at is not null and old.revoked_at is null) or new.void_below > old.void_below
begin
    insert into sojourn_log (session_id, version, revoked_at, reason, written_at)
    values (
        new.id,
        max(new.version, old.version + 1, new.void_below),
        new.revoked_at,
        case when new.revoked_at is not null then coalesce(new.reason, 'system') end,
        cast((julianday('now') - 2440587.5) * 86400000 as integer) * 1000
    );
end;

-- ── counters ───────────────────────────────────────────────────────────────────────────────────

create table sojourn_counts (
    signed_in integer not null primary key check (signed_in in (0, 1)),
    sessions  integer not null -- with a `due`
) strict;
insert into sojourn_counts
select 0, count(*) from sessions where due is not null and user_id is null
union all
select 1, count(*) from sessions where due is not null and user_id is not null;

create trigger sessions_counted after insert on sessions when new.due is not null
begin
    update sojourn_counts set sessions = sessions + 1 where signed_in = (new.user_id is not null);
end;

create trigger sessions_recounted after update of due, user_id on sessions
when (new.due is null) <> (old.due is null) or (new.user_id is null) <> (old.user_id is null)
begin
    update sojourn_counts set sessions = sessions - 1
    where old.due is not null and signed_in = (old.user_id is not null);
    update sojourn_counts set sessions = sessions + 1
    where new.due is not null and signed_in = (new.user_id is not null);
end;

-- Only by hand: `purge` empties `due` first. So the session lived, for all that anybody knew.
create trigger sessions_deleted after delete on sessions when old.due is not null
begin
    update sojourn_counts set sessions = sessions - 1 where signed_in = (old.user_id is not null);
    insert into sojourn_log (session_id, version, written_at)
    values (old.id, old.version + 1, cast((julianday('now') - 2440587.5) * 86400000 as integer) * 1000);
end;

-- What does not know of `due`: a statement typed by hand, or a process of the release before this one.
create trigger sessions_due after insert on sessions when new.due is null and new.revoked_at is null
begin
    update sessions set due = (expires_at + 59999999) / 60000000 where id = new.id;
end;
create trigger sessions_not_due after update of revoked_at on sessions
when new.revoked_at is not null and new.due is not null
begin
    update sessions set due = null where id = new.id;
end;

-- ── leases ─────────────────────────────────────────────────────────────────────────────────────

create table sojourn_leases (
    name   text    not null primary key,
    holder text    not null,
    until  integer not null -- microseconds since 1970, UTC
) strict;
