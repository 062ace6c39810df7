-- Alerts, and up to where the journal was looked through. Times are microseconds since 1970, ids 16 bytes.

create table alerts (
    id blob primary key,
    rule text not null,
    severity text not null,
    key text not null,
    title text not null,
    factors text not null, -- JSON: a list of sentences
    user_id text,
    session_id blob,
    count integer not null,
    opened_at integer not null,
    last_at integer not null,
    acknowledged_at integer,
    acknowledged_by text,
    resolved_at integer,
    resolved_by text,
    told_at integer -- when its messages were in the outbox; null: they are still to be written
) strict, without rowid;

-- What makes two occurrences one alert.
create unique index alerts_at_work on alerts (key) where resolved_at is null;
create index alerts_untold on alerts (id) where told_at is null;
create index alerts_of_user on alerts (user_id) where user_id is not null;
create index alerts_over on alerts (resolved_at) where resolved_at is not null;

create table alert_cursors (
    name text primary key, -- 'lines': a place in the journal; 'counts': a number of a span of time
    place integer not null
) strict, without rowid;

insert into alert_cursors (name, place) values ('lines', 0), ('counts', 0);
