"""The schema of the ledger on PostgreSQL: number for number that of the file beside it."""
