"""The schema of each engine, as numbered files of SQL."""
