"""Every decision about a session: pure functions from session, policy and now to an outcome."""

from __future__ import annotations

from sojourn.lifecycle.beginning import carry, impersonate, start
from sojourn.lifecycle.change import mark_for_renewal, renew, require_fresh, update
from sojourn.lifecycle.ends import end, ended, idle_end, used
from sojourn.lifecycle.outcome import Outcome
from sojourn.lifecycle.rotation import refresh, rotation_due
from sojourn.lifecycle.use import admit, bear, validate

__all__ = [
    "Outcome",
    "admit",
    "bear",
    "carry",
    "end",
    "ended",
    "idle_end",
    "impersonate",
    "mark_for_renewal",
    "refresh",
    "renew",
    "require_fresh",
    "rotation_due",
    "start",
    "update",
    "used",
    "validate",
]
