"""The schema of the directory on SQLite."""
