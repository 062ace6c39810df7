"""Sojourn: login sessions that people can see, revoke and trust."""

from sojourn.blocking import Sessions
from sojourn.errors import Refusal, SessionError
from sojourn.policy import Policy
from sojourn.session import Device, Place, Reason, Session
from sojourn.sessions import ANYBODY, AsyncSessions, Issued, Validated
from sojourn.stores import Query, Store, open_store
from sojourn.token import Key, Keys

__all__ = [
    "ANYBODY",
    "AsyncSessions",
    "Device",
    "Issued",
    "Key",
    "Keys",
    "Place",
    "Policy",
    "Query",
    "Reason",
    "Refusal",
    "Session",
    "SessionError",
    "Sessions",
    "Store",
    "Validated",
    "open_store",
]

__version__ = "0.1.0"
