-- The administrator who acts as the user, the session of theirs with which this one ends, and which version of it
-- that session must not be renewed beyond; null: nobody does.

alter table sessions add column impersonator_id text;
alter table sessions add column parent_id text;
alter table sessions add column parent_version integer not null default 0;
