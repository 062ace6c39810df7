-- Functions for the store, for a scheduler such as pg_cron, and for people at a prompt.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- ── for people ─────────────────────────────────────────────────────────────────────────────────

-- End one session: `select sojourn_revoke('0198…', 'admin')`. False: it is not there, or has ended already.
create function sojourn_revoke(id uuid, reason text default 'admin') returns boolean
language plpgsql set search_path from current as $$
begin
    update sessions s
    set revoked_at = clock_timestamp(), reason = sojourn_revoke.reason, version = s.version + 1,
        due = null, over = sojourn_minute_of(clock_timestamp())
    where s.id = sojourn_revoke.id and s.revoked_at is null and s.expires_at > clock_timestamp();
    return found;
end
$$;

-- Forget what ended longer than `kept` ago, make partitions ahead and drop dead ones; how many sessions went.
-- For a scheduler: `select cron.schedule('sojourn', '*/10 * * * *', 'select cleanup_expired_sessions()')`.
-- At most 100,000 a call, so that no transaction is long.
create function cleanup_expired_sessions(kept interval default '90 days') returns bigint
language plpgsql set search_path from current as $$
declare
    total bigint;
    batch bigint;
begin
    perform sojourn_make_partitions(clock_timestamp(), 8);
    total := sojourn_drop_partitions(clock_timestamp() - kept);
    for n in 1..100 loop
        batch := sojourn_forget(clock_timestamp() - kept, 1000);
        total := total + batch;
        exit when batch < 1000;
    end loop;
    return total;
end
$$;

-- ── for the store ──────────────────────────────────────────────────────────────────────────────

-- The smallest id of a session that was created at this time or later.
create function sojourn_lowest_id(at timestamptz) returns uuid
language sql immutable as $$
    select rpad(lpad(to_hex(greatest(0, floor(extract(epoch from at) * 1000))::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Make room for a session that signs in, as `Cap` says. One row for each session that ended, with its
-- reason; or for each that is in the way, without one; or, if the id is known, one row of nulls.
-- Whoever signs the same user in waits until this transaction is over.
create function sojourn_make_room(
    new_id uuid, owner text, browser text, now timestamptz, most integer, act text, oldest uuid
) returns table (ended uuid, because text)
language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
    others uuid[];
    replaced uuid[];
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn ' || owner, 0));
    if exists (select from sessions s where s.id = new_id) then
        return query select null::uuid, null::text;
        return;
    end if;
    select
        array_agg(s.id) filter (where s.device_id = browser),
        array_agg(s.id order by case when act = 'end_idle' then s.seen_at end, s.id)
            filter (where s.device_id is distinct from browser or browser is null)
    into replaced, others
    from sessions s
    where s.user_id = owner and s.id >= oldest and s.revoked_at is null and s.expires_at > now;
    others := nullif(others[: coalesce(cardinality(others) - most + 1, 0)], '{}');
    if act = 'refuse' and cardinality(others) > 0 then
        return query
            select s.id, null::text from sessions s
            where s.user_id = owner and s.id >= oldest and s.revoked_at is null and s.expires_at > now
            and (s.device_id is distinct from browser or browser is null);
        return;
    end if;
    if replaced is null and others is null then
        return; -- as nearly always: to find that there is nothing to update would look into every week again
    end if;
    return query
        update sessions s
        set revoked_at = now, version = s.version + 1, due = null, over = sojourn_minute_of(now),
            reason = case when s.id = any (replaced) then 'replaced' else 'cap' end
        where s.id = any (replaced || others) and s.id >= oldest
            and s.revoked_at is null and s.expires_at > now
        returning s.id, s.reason;
end
$$;

-- Delete up to `most` sessions that had ended before `before`. Rows that somebody else has in hand wait
-- for the next call.
create function sojourn_forget(before timestamptz, most integer) returns bigint
language plpgsql set search_path from current as $$
declare
    number bigint;
begin
    -- What was touched since it was last looked at is looked at again when it can have ended.
    with late as (
        select s.id from sessions s
        where s.due <= sojourn_minute_of(before) and s.expires_at >= before
        order by s.due limit most for no key update skip locked
    )
    update sessions s set due = sojourn_minute_after(s.expires_at) from late where s.id = late.id;
    with old as (
        select s.id from sessions s
        where s.over <= sojourn_minute_of(before) and coalesce(s.revoked_at, s.expires_at) < before
        order by s.over limit most for update skip locked
    ), unnoticed as (
        select s.id from sessions s
        where s.due <= sojourn_minute_after(before) and s.expires_at < before
        order by s.due limit most for update skip locked
    ), both_kinds as (
        select id from old union all select id from unnoticed limit most
    )
    delete from sessions s using both_kinds where s.id = both_kinds.id;
    get diagnostics number = row_count;
    return number;
end
$$;

-- Make the weekly partitions from the week of `at` on; how many are new. A week of which there are rows in the
-- default partition gets them moved; if that is a great deal, or somebody is in the way, it is left for next
-- time: the default partition takes what comes, and nothing is refused.
create function sojourn_make_partitions(at timestamptz, weeks integer) returns integer
language plpgsql set search_path from current as $$
declare
    made integer := 0;
    begins timestamptz;
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn partitions', 0));
    for n in 0..weeks loop
        begins := date_trunc('week', at at time zone 'UTC') at time zone 'UTC' + n * interval '168 hours';
        if to_regclass(sojourn_partition(begins)) is null then
            begin
                perform sojourn_make_partition(begins, begins + interval '168 hours');
                made := made + 1;
            exception
                when program_limit_exceeded then null;
                when lock_not_available or insufficient_privilege then exit; -- the others would meet the same
            end;
        end if;
    end loop;
    return made;
end
$$;

create function sojourn_partition(begins timestamptz) returns text
language sql immutable as $$ select to_char(begins at time zone 'UTC', '"sessions_"YYYYMMDD') $$;

create function sojourn_make_partition(begins timestamptz, ends timestamptz) returns void
language plpgsql set search_path from current set lock_timeout = '1s' as $$
declare
    name text := sojourn_partition(begins);
    low uuid := sojourn_lowest_id(begins);
    high uuid := sojourn_lowest_id(ends);
begin
    execute format('create table %I (like sessions including all) with (fillfactor = 90)', name);
    -- Attaching leaves other partitions alone; the default one is locked, to see that nothing in it belongs here.
    lock table only sessions in share update exclusive mode;
    lock table sessions_default in access exclusive mode;
    if (select count(*) from (select from sessions_default d where d.id >= low and d.id < high limit 50001) c) > 50000 then
        raise program_limit_exceeded using message = 'too many rows to move while others wait';
    end if;
    execute format(
        'with moved as (delete from sessions_default where id >= %L and id < %L returning *)
         insert into %I select * from moved', low, high, name);
    execute format('alter table sessions attach partition %I for values from (%L) to (%L)', name, low, high);
    execute format(
        'create trigger sojourn_counted after update of revoked_at, void_below, due, user_id on %I
         for each statement execute function sojourn_counted()', name);
end
$$;

-- Drop the first weekly partition whose sessions had all ended before `before`; how many sessions that were.
-- One, because everybody waits from the drop to the end of the transaction, and to count the next takes a while.
create function sojourn_drop_partitions(before timestamptz) returns bigint
language plpgsql set search_path from current set lock_timeout = '1s' as $$
declare
    partition record;
    total bigint := 0;
begin
    if not pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn partitions', 0)) then
        return 0;
    end if;
    for partition in
        select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'sessions'::regclass and c.relname ~ '^sessions_\d{8}$'
        and c.relname < sojourn_partition(before - interval '168 hours')
        order by c.relname
    loop
        begin
            total := sojourn_drop_partition(partition.name, before);
            exit when total > 0;
        exception when lock_not_available or insufficient_privilege then
            exit;
        end;
    end loop;
    return total;
end
$$;

create function sojourn_drop_partition(name text, before timestamptz) returns bigint
language plpgsql set search_path from current as $$
declare
    alive boolean;
    number bigint;
    ended bigint;
    waiting bigint;
    signed_in bigint;
begin
    -- First without a lock, by an index: a partition in use costs one look.
    execute format('select exists (select from %I where due > $1)', name)
        into alive using sojourn_minute_after(before);
    if alive then
        return 0;
    end if;
    execute format(
        'select exists (select from %1$I where over > $1)
            or exists (select from %1$I where over = $1 and coalesce(revoked_at, expires_at) >= $2)', name)
        into alive using sojourn_minute_of(before), before;
    if alive then
        return 0;
    end if;
    execute format(
        'select count(*), count(user_id), coalesce(bool_or(expires_at >= $1), false) from %I
         where due is not null', name)
        into waiting, signed_in, alive using before;
    if alive then
        return 0;
    end if;
    -- Counted by the indexes, which is four times as fast as by the rows.
    execute format('select count(*) from %I where over is not null', name) into ended;
    execute format('select count(*) from %I', name) into number;
    if number <> ended + waiting then -- somebody has cleared both columns by hand: what do the rows say?
        execute format('select coalesce(bool_or(coalesce(revoked_at, expires_at) >= $1), false) from %I', name)
            into alive using before;
        if alive then
            return 0;
        end if;
    end if;
    -- Then everybody waits, so again by the index alone: what has ended stays so.
    lock table only sessions in access exclusive mode;
    execute format('lock table %I in access exclusive mode', name);
    execute format('select exists (select from %I where due is not null and expires_at >= $1)', name)
        into alive using before;
    if alive then
        return 0;
    end if;
    execute format('drop table %I', name);
    perform sojourn_count(-waiting, -signed_in);
    return number;
end
$$;

-- Cut off what was written before this time; how many lines. Somebody else is at it: none.
create function sojourn_trim(before timestamptz) returns bigint
language plpgsql set search_path from current as $$
declare
    number bigint;
begin
    if not pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn log', 0)) then
        return 0;
    end if;
    with gone as (
        delete from sojourn_log where at < before returning xid
    ), cut as (
        update sojourn_trimmed t set
            xid = greatest(t.xid, (select xid from gone order by xid desc limit 1)),
            seen_by = pg_current_snapshot()
        where exists (select from gone)
    )
    select count(*) into number from gone;
    return number;
end
$$;

select sojourn_make_partitions(clock_timestamp(), 8);
