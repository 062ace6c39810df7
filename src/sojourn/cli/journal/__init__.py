"""`sojourn journal`: what happened to sessions."""
