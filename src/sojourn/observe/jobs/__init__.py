"""Bulk revocations: counted, begun, carried out in the background, undone."""
