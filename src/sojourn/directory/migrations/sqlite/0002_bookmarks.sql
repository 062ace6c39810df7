-- How far somebody has read something that goes on, such as the log of revocations.

create table bookmarks (
    name  text not null primary key,
    place text not null
) strict, without rowid;
