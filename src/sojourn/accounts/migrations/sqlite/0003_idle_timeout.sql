-- How many seconds without use end the sessions of a user, if they say so; null: as the policy has it.

alter table users add column idle_timeout integer;
