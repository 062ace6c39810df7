-- Who is signed in to one application, or belongs to one tenant: to end them all must not read everybody's.

create index sessions_live_of_application on sessions (application_id, id)
    where application_id is not null and revoked_at is null;
create index sessions_live_of_tenant on sessions (tenant_id, id)
    where tenant_id is not null and revoked_at is null;
