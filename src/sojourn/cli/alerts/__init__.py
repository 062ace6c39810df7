"""`sojourn alerts`: what is unusual about sessions."""
