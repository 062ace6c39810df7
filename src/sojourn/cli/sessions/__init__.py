"""`sojourn sessions`: who is signed in."""
