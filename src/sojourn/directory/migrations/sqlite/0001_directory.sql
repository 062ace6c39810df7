-- On whose behalf sessions are started, the codes with which that is asked for, and messages on their way
-- out. Times and spans are microseconds, times since 1970-01-01, UTC. Lists and mappings are JSON.

create table applications (
    id                            text    not null primary key,
    name                          text    not null,
    secret_hash                   text, -- SHA-256; null: a public client
    previous_secret_hash          text, -- good until `previous_until`
    previous_until                integer,
    redirect_uris                 text    not null,
    post_logout_redirect_uris     text    not null,
    back_channel_logout_uri       text,
    back_channel_session_required integer not null,
    grants                        text    not null,
    scopes                        text    not null,
    algorithm                     text    not null,
    access_ttl                    integer,
    rules                         text    not null,
    created_at                    integer not null,
    disabled_at                   integer
) strict, without rowid;

create index applications_by_age on applications (created_at, id);

create table tenants (
    id         text    not null primary key,
    slug       text    not null unique,
    name       text    not null,
    status     text    not null check (status in ('active', 'suspended')),
    rules      text    not null,
    created_at integer not null
) strict, without rowid;

create index tenants_by_age on tenants (created_at, id);

-- Under the SHA-256 of the code. What was redeemed stays for a while, so that a second attempt is noticed.
create table authorization_codes (
    digest         text    not null primary key,
    application_id text    not null,
    payload        text    not null,
    expires_at     integer not null,
    redeemed_at    integer,
    reused_at      integer,
    session_id     blob -- what came of it
) strict, without rowid;

create index authorization_codes_by_end on authorization_codes (expires_at);

-- Ids are UUIDv7, so the order of the primary key is that of creation.
create table outbox (
    id         blob    not null primary key,
    kind       text    not null,
    target     text    not null,
    body       blob    not null, -- emptied when it was delivered
    created_at integer not null,
    due_at     integer not null, -- whoever has claimed it has it until then
    attempts   integer not null,
    last_error text,
    done_at    integer,
    dead_at    integer
) strict, without rowid;

create index outbox_due on outbox (due_at, id) where done_at is null and dead_at is null;
create index outbox_done on outbox (done_at) where done_at is not null;
create index outbox_dead on outbox (dead_at) where dead_at is not null;
