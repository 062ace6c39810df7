"""The hint: what a page's own script may know of the session cookie that it cannot read."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from sojourn import lifecycle
from sojourn.policy import Policy
from sojourn.session import Session
from sojourn.token import Keys

__all__ = ["hint"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NOBODY = "-"


def hint(session: Session, policy: Policy, keys: Keys, now: datetime) -> str:
    """`v1.<generation>.<idle end>.<absolute end>.<now>.<user>.<session>`: nothing of it opens anything.

    Times are milliseconds since 1970; without an idle limit its end is `-`. The last two are keyed
    hashes, so that a tab can tell whether it is still the same person, and the same session, without
    a page learning an id. What tabs compare is generation and session: if either differs, the token
    that their last request bore has been replaced.
    """
    idle = None if policy.of(session).idle_timeout is None else lifecycle.idle_end(session, policy)
    parts = (
        "v1",
        str(session.generation),
        _NOBODY if idle is None else _milliseconds(idle),
        _milliseconds(session.ends_at),
        _milliseconds(now),
        _NOBODY if session.user_id is None else _tag(keys, "hint user", session.user_id.encode()),
        _tag(keys, "hint session", session.id.bytes),
    )
    return ".".join(parts)


def _milliseconds(at: datetime) -> str:
    return str((at - _EPOCH) // _MILLISECOND)


def _tag(keys: Keys, purpose: str, message: bytes) -> str:
    return base64.urlsafe_b64encode(keys.mac(purpose, message)[:8]).rstrip(b"=").decode()
