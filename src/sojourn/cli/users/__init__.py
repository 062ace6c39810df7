"""`sojourn users`: who may sign in."""
