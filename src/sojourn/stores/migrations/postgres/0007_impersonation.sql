-- The administrator who acts as the user, the session of theirs with which this one ends, and which version of it
-- that session must not be renewed beyond; null: nobody does.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

alter table sessions
    add column impersonator_id text,
    add column parent_id uuid,
    add column parent_version integer;

-- As before, but an impersonation neither takes room nor makes it.
create or replace function sojourn_make_room(
    new_id uuid, owner text, browser text, application text, tenant text, named text,
    now timestamptz, oldest uuid, limits integer[], acts text[], sames integer[]
) returns table (ended uuid, because text, rule integer)
language plpgsql set search_path from current as $$
#variable_conflict use_column
declare
    replaced uuid[];
    others uuid[];
    seen timestamptz[];
    alike integer[];
    scope uuid[];
    surplus uuid[] := '{}';
    over integer;
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema() || ' sojourn ' || owner, 0));
    if exists (select from sessions s where s.id = new_id) then
        return query select null::uuid, null::text, null::integer;
        return;
    end if;
    select -- once: to look into every week takes longer than all the rest
        array_agg(o.id) filter (where o.here),
        array_agg(o.id) filter (where not o.here),
        array_agg(o.seen_at) filter (where not o.here),
        array_agg(o.alike) filter (where not o.here)
    into replaced, others, seen, alike
    from (
        select s.id, s.seen_at,
            coalesce(s.device_id = browser, false)
                and s.application_id is not distinct from application
                and s.tenant_id is not distinct from tenant as here,
            (s.application_id is not distinct from application)::integer
                + 2 * (s.tenant_id is not distinct from tenant)::integer
                + 4 * (s.profile is not distinct from named)::integer as alike
        from sessions s
        where s.user_id = owner and s.id >= oldest and s.revoked_at is null and s.expires_at > now
            and s.parent_id is null
    ) o;
    for n in 1..cardinality(limits) loop
        continue when coalesce(cardinality(others), 0) < limits[n]; -- as nearly always
        select array_agg(o.id order by case when acts[n] = 'end_idle' then o.seen_at end, o.id) into scope
        from unnest(others, seen, alike) o (id, seen_at, alike)
        where o.alike & sames[n] = sames[n] and o.id <> all (surplus);
        over := coalesce(cardinality(scope), 0) - limits[n] + 1;
        continue when over <= 0;
        if acts[n] = 'refuse' then
            return query select unnest(scope), null::text, n;
            return;
        end if;
        surplus := surplus || scope[: over];
    end loop;
    if replaced is null and surplus = '{}' then
        return;
    end if;
    return query
        update sessions s
        set revoked_at = now, version = s.version + 1, due = null, over = sojourn_minute_of(now),
            reason = case when s.id = any (replaced) then 'replaced' else 'cap' end
        where s.id = any (replaced || surplus) and s.id >= oldest
            and s.revoked_at is null and s.expires_at > now
        returning s.id, s.reason, null::integer;
end
$$;
