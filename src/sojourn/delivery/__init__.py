"""Delivery: what waits in the outbox goes out, to receivers that may be slow, away or not what they seem."""

from __future__ import annotations

from sojourn.delivery.courier import Courier, Send, Sent
from sojourn.delivery.dispatch import LEASE, Dispatch
from sojourn.delivery.guard import Guard
from sojourn.delivery.outcome import Declined, Undelivered
from sojourn.delivery.post import Post

__all__ = ["LEASE", "Courier", "Declined", "Dispatch", "Guard", "Post", "Send", "Sent", "Undelivered"]
