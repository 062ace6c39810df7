-- The log of what others must not learn late. Triggers write it, whoever changes a session and however.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

create table sojourn_log (
    number     bigint      not null generated always as identity,
    xid        xid8        not null default pg_current_xact_id(),
    at         timestamptz not null default clock_timestamp(),
    id         uuid        not null,
    version    integer     not null,
    revoked_at timestamptz,
    reason     text,
    primary key (xid, number)
);

-- What has been cut off the beginning of the log: the highest transaction, and what was over when it was cut.
create table sojourn_trimmed (
    one_row boolean     not null primary key default true check (one_row),
    xid     xid8        not null default '0',
    seen_by pg_snapshot not null default pg_current_snapshot()
);
insert into sojourn_trimmed default values;

-- The identity of the log. PostgreSQL empties an unlogged table when it recovers from a crash, on a standby that
-- takes over and in a restored backup: just when numbers of transactions may be given out a second time.
-- `place` tells a copy made by pg_dump from its original.
create unlogged table sojourn_epoch (
    place text not null primary key,
    epoch uuid not null default gen_random_uuid()
);

create function sojourn_place() returns text
language sql stable set search_path from current as $$
    select oid || '.' || 'sojourn_epoch'::regclass::oid from pg_database where datname = current_database()
$$;

-- ── what a change of a session leaves behind ───────────────────────────────────────────────────

-- An ending by hand: the caller knows no column but `revoked_at`.
create function sojourn_ending() returns trigger
language plpgsql set search_path from current as $$
begin
    new.due := null;
    new.over := sojourn_minute_of(new.revoked_at);
    return new;
end
$$;

create trigger sojourn_ending before update of revoked_at on sessions for each row
when (old.revoked_at is null and new.revoked_at is not null and new.due is not null)
execute function sojourn_ending();

-- For each row of a statement that may change 100,000, so nothing is done twice here: the log is named with its
-- schema because a search path of its own would cost as much as all the rest, and what is counted is gathered in
-- one setting of the transaction until the statement ends (sessions * 2^32 + signed_in).
do $make$
begin
    execute format($function$
create function sojourn_changed() returns trigger
language plpgsql as $$
declare
    ended boolean := old.revoked_at is null and new.revoked_at is not null;
    were bigint := (old.due is not null)::integer;
    are bigint := (new.due is not null)::integer;
begin
    if ended or new.void_below > old.void_below then
        -- One more than the version that snapshots may have of it, even if the version was left alone.
        insert into %1$I.sojourn_log (id, version, revoked_at, reason) values (
            new.id,
            greatest(new.void_below, case when ended then greatest(new.version, old.version + 1) end),
            case when ended then new.revoked_at end,
            case when ended then coalesce(new.reason, 'system') end
        );
        perform pg_notify('sojourn', '');
    end if;
    if were <> are or (old.user_id is null) <> (new.user_id is null) then
        perform set_config('sojourn.gathered', (
            coalesce(nullif(current_setting('sojourn.gathered', true), ''), '0')::bigint
            + (are - were) * 4294967296
            + case when new.user_id is null then 0 else are end
            - case when old.user_id is null then 0 else were end
        )::text, true);
    end if;
    return null;
end
$$
    $function$, current_schema());
end
$make$;

-- Not on a touch: it sets none of these columns.
create trigger sojourn_changed after update of revoked_at, void_below, due, user_id on sessions for each row
when (
    old.revoked_at is null and new.revoked_at is not null
    or new.void_below > old.void_below
    or (old.due is null) <> (new.due is null)
    or (old.user_id is null) <> (new.user_id is null)
)
execute function sojourn_changed();

create function sojourn_counted() returns trigger
language plpgsql set search_path from current as $$
declare
    gathered bigint := coalesce(nullif(current_setting('sojourn.gathered', true), ''), '0')::bigint;
    signed_in bigint := ((gathered + 2147483648) & 4294967295) - 2147483648;
begin
    if gathered <> 0 then
        perform sojourn_count((gathered - signed_in) / 4294967296, signed_in);
        perform set_config('sojourn.gathered', '', true);
    end if;
    return null;
end
$$;

create trigger sojourn_counted after update of revoked_at, void_below, due, user_id on sessions
for each statement execute function sojourn_counted();

-- Whoever names a partition does not name the table: each has its own, see sojourn_make_partition.
create trigger sojourn_counted after update of revoked_at, void_below, due, user_id on sessions_default
for each statement execute function sojourn_counted();

-- A session that is deleted while it lives ends as well. (Nothing here decides by this clock but that.)
create function sojourn_deleted() returns trigger
language plpgsql set search_path from current as $$
begin
    perform sojourn_count(-count(*), -count(user_id)) from gone where due is not null;
    insert into sojourn_log (id, version)
        select id, version + 1 from gone where due is not null and expires_at > clock_timestamp();
    if found then
        perform pg_notify('sojourn', '');
    end if;
    return null;
end
$$;

create trigger sojourn_deleted after delete on sessions
referencing old table as gone for each statement execute function sojourn_deleted();
