-- Until when an ending can be undone, by which session, and the absolute end that comes back with it, as JSON;
-- null: it is not held. And the idle timeout that its user chose, in seconds; null: the policy's alone.

select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

alter table sessions
    add column held text,
    add column idle_timeout integer;
