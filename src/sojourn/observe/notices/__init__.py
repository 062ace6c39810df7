"""Notices: what happened goes out, signed to programs by webhook, in words to people by mail."""
