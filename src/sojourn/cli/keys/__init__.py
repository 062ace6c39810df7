"""`sojourn keys`: the server keys."""
