-- People, the ways in which they sign in, and how often that was tried. Times are microseconds since
-- 1970-01-01, UTC. Ids of users are UUIDv7 as text, so the order of the primary key is that of creation.

create table users (
    id                  text    not null primary key,
    email               text    not null unique, -- as `clean_email` gives it
    name                text    not null,
    role                text    not null check (role in ('user', 'admin')),
    created_at          integer not null,
    disabled_at         integer,
    credentials_version integer not null, -- raised before sessions are ended: see `Accounts.sign_in`
    search              text    not null  -- e-mail address and name, folded, so that they can be asked for
) strict, without rowid;

-- Whether somebody else can still administer is asked at every demotion.
create index users_administering on users (id) where role = 'admin' and disabled_at is null;

-- The model of Auth.js. A password is one more provider, whose secret is `password_hash`.
create table accounts (
    user_id             text    not null references users (id) on delete cascade,
    type                text    not null,
    provider            text    not null,
    provider_account_id text    not null,
    refresh_token       text,
    access_token        text,
    expires_at          integer,
    token_type          text,
    scope               text,
    id_token            text,
    session_state       text,
    password_hash       text, -- PHC string
    primary key (provider, provider_account_id)
) strict, without rowid;

create index accounts_by_user on accounts (user_id, provider);

-- `due_at` is when a key is as if it had never been used, so a row from the past means nothing.
create table rate_limits (
    key    text    not null primary key, -- a keyed hash
    due_at integer not null
) strict, without rowid;
