"""The schema of the accounts on SQLite."""
