-- The journal, and counts of what happened. Times are microseconds since 1970-01-01, UTC.

-- A chain for each start of a process that writes; `number` and `hash` are those of its last line.
create table chains (
    chain  integer not null primary key,
    writer text    not null unique,
    number integer not null,
    hash   blob    not null
) strict;

-- A user's pseudonym, and the key under which their personal fields lie, wrapped by the server key `key_id`.
-- Without `user_id`: whoever is not known. To erase a user is to delete their rows.
create table people (
    pseudonym blob    not null primary key,
    user_id   text,
    key_id    integer not null,
    key       blob    not null,
    since     integer not null
) strict, without rowid;

create index people_by_user on people (user_id, since);
create index people_by_key on people (key_id);

-- Raised whenever a row of `people` changes or goes, so that who has read them before reads them again.
create table people_changes (
    number integer not null
) strict;

insert into people_changes (number) values (0);

-- `hash` is over all but `place`, `personal` and itself, and over the hash of the line before in its chain.
create table lines (
    place      integer primary key autoincrement, -- in the order of commits, and never used again
    chain      integer not null,
    number     integer not null,
    at         integer not null,
    name       text    not null,
    session_id blob,
    person     blob,
    facts      text    not null, -- JSON; nothing about a person
    personal   blob, -- JSON under the person's key; null: there is none, or no longer
    digest     blob, -- of it, under the person's key too
    hash       blob    not null
) strict;

create unique index lines_by_chain on lines (chain, number);
create index lines_by_session on lines (session_id) where session_id is not null;
create index lines_by_person on lines (person) where person is not null;
create index lines_by_name on lines (name);
create index lines_with_personal on lines (at) where personal is not null;

-- Between which places the lines of an hour lie: what was late lies among later ones.
create table spans (
    hour  integer not null primary key, -- number since 1970
    first integer not null,
    last  integer not null
) strict;

-- What the chains had come to, signed. `before` is the `mac` of the seal before. A `cut` says where the
-- chains begin, since what was before is forgotten.
create table seals (
    id     integer not null primary key,
    at     integer not null,
    place  integer not null,
    kind   text    not null check (kind in ('seal', 'cut')),
    heads  text    not null, -- JSON: writer -> [number, hash] of the chains that went on since
    oldest integer not null, -- the first seal that is kept
    before blob    not null,
    key_id integer not null,
    mac    blob    not null
) strict;

create index seals_by_time on seals (kind, at);

create table tallies (
    step   text    not null check (step in ('minute', 'hour')),
    metric text    not null,
    at     integer not null,
    label  text    not null,
    count  integer not null,
    total  real    not null,
    primary key (step, metric, at, label)
) strict, without rowid;

-- The same since the beginning; never forgotten.
create table totals (
    metric text    not null,
    label  text    not null,
    count  integer not null,
    total  real    not null,
    primary key (metric, label)
) strict, without rowid;

-- What each process last said about itself.
create table reports (
    process text    not null primary key,
    at      integer not null,
    said    text    not null -- JSON: name -> number
) strict, without rowid;
