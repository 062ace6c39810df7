"""The schema of the session store on PostgreSQL."""
