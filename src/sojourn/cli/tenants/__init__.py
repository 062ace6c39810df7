"""`sojourn tenants`: the organisations whose people sign in here."""
