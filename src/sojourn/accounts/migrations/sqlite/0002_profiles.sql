-- Pictures, verified addresses, and for how long and why somebody may not sign in. Provider tokens are
-- sealed from here on; nothing wrote any before.

alter table users add column image text;
alter table users add column email_verified_at integer;
alter table users add column updated_at integer;
alter table users add column disabled_until integer;
alter table users add column disabled_note text;

alter table accounts add column created_at integer;
alter table accounts add column updated_at integer;
