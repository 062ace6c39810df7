-- Alerts, and up to where the journal was looked through. Times are microseconds since 1970, ids 16 bytes.

create table alerts (
    id bytea not null primary key,
    rule text not null,
    severity text not null,
    key text not null,
    title text not null,
    factors text not null, -- JSON: a list of sentences
    user_id text,
    session_id bytea,
    count bigint not null,
    opened_at bigint not null,
    last_at bigint not null,
    acknowledged_at bigint,
    acknowledged_by text,
    resolved_at bigint,
    resolved_by text,
    told_at bigint, -- when its messages were in the outbox; null: they are still to be written

    -- What makes two occurrences one alert. By hash, since it may be long.
    constraint alerts_at_work exclude using hash (key with =) where (resolved_at is null)
);

create index alerts_untold on alerts (id) where told_at is null;
create index alerts_of_user on alerts using hash (user_id) where user_id is not null;
create index alerts_over on alerts (resolved_at) where resolved_at is not null;

create table alert_cursors (
    name text not null primary key, -- 'lines': a place in the journal; 'counts': a number of a span of time
    place bigint not null
);

insert into alert_cursors (name, place) values ('lines', 0), ('counts', 0);
