"""Metrics: what a scraper is told, put together when it asks; nothing here is on the way of a request."""
