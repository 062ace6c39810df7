"""Alerts: what is unusual about sessions, noticed once, explained in words, and told to who watches."""
