"""Every decision about a session: pure functions from session, policy and now to an outcome."""

from __future__ import annotations

from sojourn.lifecycle.beginning import carry, impersonate, start
from sojourn.lifecycle.binding import Here, bind, changes, require_bound
from sojourn.lifecycle.change import (
    limit_idle,
    mark_for_renewal,
    rename,
    renew,
    require_fresh,
    require_settled,
    unproven,
    update,
)
from sojourn.lifecycle.ends import Ending, end, ended, ending, idle_end, used
from sojourn.lifecycle.holding import hold, hold_for, lift, lift_for
from sojourn.lifecycle.outcome import Outcome, Standing
from sojourn.lifecycle.rotation import refresh, rotation_due
from sojourn.lifecycle.use import admit, bear, standing, validate

__all__ = [
    "Ending",
    "Here",
    "Outcome",
    "Standing",
    "admit",
    "bear",
    "bind",
    "carry",
    "changes",
    "end",
    "ended",
    "ending",
    "hold",
    "hold_for",
    "idle_end",
    "impersonate",
    "lift",
    "lift_for",
    "limit_idle",
    "mark_for_renewal",
    "refresh",
    "rename",
    "renew",
    "require_bound",
    "require_fresh",
    "require_settled",
    "rotation_due",
    "standing",
    "start",
    "unproven",
    "update",
    "used",
    "validate",
]
