-- Bulk revocations. Times are microseconds since 1970, UTC; ids 16 bytes.

create table jobs (
    id bytea not null primary key, -- UUIDv7
    state text not null,
    wanted text, -- JSON: which sessions are meant; null: those that are targets already, or it was erased
    asked text, -- JSON: the same as the administrator put it
    sample text not null, -- JSON: the ids of some of them
    expected bigint not null,
    done bigint not null default 0, -- of all that were targets, once these are forgotten
    skipped bigint not null default 0,
    created_at bigint not null,
    started_at bigint,
    over_at bigint, -- since then nothing happens to it
    by text not null, -- a user id, or who used the command line
    by_session bytea, -- in which they did it
    own bigint not null, -- whether that session is meant too
    reason text not null,
    note text,
    undo_for bigint not null, -- seconds
    undo_until bigint,
    spares_administrators bigint not null,
    cursor bytea, -- below this id nobody has looked yet; null: at the newest
    found bigint not null default 0, -- whether all targets are known
    error text
);

create index jobs_at_work on jobs (state) where over_at is null;
create index jobs_over on jobs (over_at) where over_at is not null;

-- Written before a session is touched: whoever goes on with a job knows what may have been done already.
create table job_targets (
    job bytea not null,
    session bytea not null,
    state text not null check (state in ('waiting', 'ended', 'held', 'lifted', 'skipped')),
    primary key (job, session)
);

create index job_targets_by_state on job_targets (job, state);
