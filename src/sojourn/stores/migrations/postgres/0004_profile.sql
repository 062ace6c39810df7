-- The named rules under which a session was started; null: those that have no name.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

alter table sessions add column profile text;
