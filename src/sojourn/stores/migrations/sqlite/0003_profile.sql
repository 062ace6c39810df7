-- The named rules under which a session was started; null: those that have no name.

alter table sessions add column profile text;
