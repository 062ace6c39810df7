-- Who ends many by one statement keeps log and count for all of them at once. And fewer weeks are made ahead:
-- each is opened by every question about a user.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- The same, but for what a statement of the store's own does itself: it says so by a setting, which the end of
-- the statement takes back. What is typed by hand does not know of it, and is told of by the trigger.
drop trigger sojourn_changed on sessions;
create trigger sojourn_changed after update of revoked_at, void_below, due, user_id on sessions for each row
when (
    (
        old.revoked_at is null and new.revoked_at is not null
        or new.void_below > old.void_below
        or (old.due is null) <> (new.due is null)
        or (old.user_id is null) <> (new.user_id is null)
    )
    and current_setting('sojourn.told', true) is distinct from 'all'
)
execute function sojourn_changed();

create or replace function sojourn_counted() returns trigger
language plpgsql set search_path from current as $$
declare
    gathered bigint := coalesce(nullif(current_setting('sojourn.gathered', true), ''), '0')::bigint;
    signed_in bigint := ((gathered + 2147483648) & 4294967295) - 2147483648;
begin
    if gathered <> 0 then
        perform sojourn_count((gathered - signed_in) / 4294967296, signed_in);
        perform set_config('sojourn.gathered', '', true);
    end if;
    if current_setting('sojourn.told', true) = 'all' then
        perform set_config('sojourn.told', '', true);
    end if;
    return null;
end
$$;

-- Count those who ended, and wake those who follow. Once for all of a statement that writes its lines itself.
create function sojourn_told(sessions bigint, signed_in bigint) returns boolean
language plpgsql set search_path from current as $$
begin
    perform sojourn_count(sessions, signed_in);
    perform pg_notify('sojourn', '');
    return true;
end
$$;

create or replace function cleanup_expired_sessions(kept interval default '90 days') returns bigint
language plpgsql set search_path from current as $$
declare
    total bigint;
    batch bigint;
begin
    perform sojourn_make_partitions(clock_timestamp(), 3);
    total := sojourn_drop_partitions(clock_timestamp() - kept);
    for n in 1..100 loop
        batch := sojourn_forget(clock_timestamp() - kept, 1000);
        total := total + batch;
        exit when batch < 1000;
    end loop;
    return total;
end
$$;

-- The empty ones beyond the third week from now.
do $drop$
declare
    partition text;
    used boolean;
begin
    for partition in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'sessions'::regclass and c.relname ~ '^sessions_\d{8}$'
        and c.relname > sojourn_partition(clock_timestamp() + interval '504 hours')
    loop
        execute format('select exists (select from %I)', partition) into used;
        if not used then
            execute format('drop table %I', partition);
        end if;
    end loop;
end
$drop$;
