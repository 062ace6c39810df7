"""`sojourn policy`: what other rules would do."""
