"""`sojourn applications`: what may have people sign in here."""
