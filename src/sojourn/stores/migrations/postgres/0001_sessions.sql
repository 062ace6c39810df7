-- One row per session, in partitions by week of creation: ids are UUIDv7, so the order of the primary key
-- is the order of creation, and weeks that are long dead go by dropping a table.
--
-- What a touch changes (seen_at, expires_at, confirmed_at) is in no index and no predicate of one, so that a
-- touch rewrites one row in its page and nothing else. Columns of a fixed width come first: no padding.

-- Everything lives in the first schema of the search path. Functions keep it, whoever calls them.
select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

create table sessions (
    id               uuid        not null,
    created_at       timestamptz not null,
    seen_at          timestamptz not null,
    expires_at       timestamptz not null,
    ends_at          timestamptz not null,
    authenticated_at timestamptz,
    rotated_at       timestamptz,
    confirmed_at     timestamptz,
    forgiven_at      timestamptz,
    revoked_at       timestamptz,

    due              integer,              -- minute since 1970 in which to look whether it has expired; null: ended
    over             integer,              -- minute since 1970 in which it had ended, once that was noticed
    key_id           integer     not null,
    generation       integer     not null,
    version          integer     not null,
    void_below       integer     not null,
    aal              smallint    not null,
    remember         boolean     not null,
    renew_due        boolean     not null,

    user_id          text,                 -- null: a visitor
    salt             bytea       not null,
    device           bytea       not null, -- packed, see postgres/device.py
    device_id        text,                 -- not in `device`, so that it can be asked for
    application_id   text,
    tenant_id        text,
    place            text,                 -- JSON: city, country
    ip               text,
    amr              text,                 -- JSON; null: none
    reason           text,
    revoked_by       text,
    note             text,
    data             text,                 -- JSON; null: none

    primary key (id) with (fillfactor = 100) -- ids come in order, so nothing is inserted into a full page
) partition by range (id);

-- Hash indexes hold four bytes of a user id instead of all of it: a third of the size of a B-tree. Two of
-- them, so that what a user has ended is not in the way of what lives. Fuller than usual: a fifth smaller, and
-- a look-up meets a second page more often, which it has in memory.
create index sessions_live_of_user on sessions using hash (user_id) with (fillfactor = 90)
    where revoked_at is null;
create index sessions_revoked_of_user on sessions using hash (user_id) where revoked_at is not null;
create index sessions_due on sessions (due) where due is not null;
-- What lives, in order: in a week whose sessions have ended there is next to nothing to walk through.
create index sessions_live on sessions (id) with (fillfactor = 100) where due is not null;
create index sessions_over on sessions (over) where over is not null;

-- Takes what is outside every week: imported rows, clocks that are far off, weeks that nobody has made.
create table sessions_default partition of sessions default with (fillfactor = 90);

-- Not `least` alone: it passes over a null.
create function sojourn_minute_after(at timestamptz) returns integer
language sql immutable as $$
    select case when at is not null then least(ceil(extract(epoch from at) / 60), 2147483647)::integer end
$$;

create function sojourn_minute_of(at timestamptz) returns integer
language sql immutable as $$
    select case when at is not null then least(floor(extract(epoch from at) / 60), 2147483647)::integer end
$$;

-- Who has which lease, and until when.
create table sojourn_leases (
    name   text        not null primary key,
    holder text        not null,
    until  timestamptz not null
);

-- ── how many live ──────────────────────────────────────────────────────────────────────────────

-- What is due, by differences: their sum is the number. Added only, so that nobody waits for anybody;
-- now and then somebody folds what has gathered into one row.
create table sojourn_live (
    sessions  bigint not null,
    signed_in bigint not null
);

create function sojourn_count(sessions bigint, signed_in bigint) returns void
language plpgsql set search_path from current as $$
begin
    if sessions = 0 and signed_in = 0 then
        return;
    end if;
    insert into sojourn_live values (sessions, signed_in);
    -- Under a stricter isolation two who fold at once would fail.
    if random() < 0.01 and current_setting('transaction_isolation') = 'read committed' then
        with gathered as (
            select ctid from sojourn_live limit 10000 for update skip locked
        ), folded as (
            delete from sojourn_live where ctid = any (array(select ctid from gathered)) returning *
        )
        insert into sojourn_live select sum(f.sessions), sum(f.signed_in) from folded f having count(*) > 0;
    end if;
end
$$;

create function sojourn_inserted() returns trigger
language plpgsql set search_path from current as $$
begin
    perform sojourn_count(count(*), count(user_id)) from added where due is not null;
    return null;
end
$$;

create trigger sojourn_inserted after insert on sessions
referencing new table as added for each statement execute function sojourn_inserted();

create function sojourn_truncated() returns trigger
language plpgsql set search_path from current as $$
begin
    delete from sojourn_live;
    return null;
end
$$;

create trigger sojourn_truncated after truncate on sessions
for each statement execute function sojourn_truncated();
