-- Bulk revocations. Times are microseconds since 1970, UTC; ids 16 bytes.

create table jobs (
    id blob primary key, -- UUIDv7
    state text not null,
    wanted text, -- JSON: which sessions are meant; null: those that are targets already, or it was erased
    asked text, -- JSON: the same as the administrator put it
    sample text not null, -- JSON: the ids of some of them
    expected integer not null,
    done integer not null default 0, -- of all that were targets, once these are forgotten
    skipped integer not null default 0,
    created_at integer not null,
    started_at integer,
    over_at integer, -- since then nothing happens to it
    by text not null, -- a user id, or who used the command line
    by_session blob, -- in which they did it
    own integer not null, -- whether that session is meant too
    reason text not null,
    note text,
    undo_for integer not null, -- seconds
    undo_until integer,
    spares_administrators integer not null,
    cursor blob, -- below this id nobody has looked yet; null: at the newest
    found integer not null default 0, -- whether all targets are known
    error text
) strict, without rowid;

create index jobs_at_work on jobs (state) where over_at is null;
create index jobs_over on jobs (over_at) where over_at is not null;

-- Written before a session is touched: whoever goes on with a job knows what may have been done already.
create table job_targets (
    job blob not null,
    session blob not null,
    state text not null check (state in ('waiting', 'ended', 'held', 'lifted', 'skipped')),
    primary key (job, session)
) strict, without rowid;

create index job_targets_by_state on job_targets (job, state);
