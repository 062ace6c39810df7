"""Rules of one application or tenant: fields of a policy, as an operator writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from sojourn import settings_text as read
from sojourn.errors import SettingsError
from sojourn.policy import Policy

__all__ = ["RULES", "normal", "parsed", "room", "ruled"]

_MINUTE = timedelta(minutes=1)  # no generation may be shorter: see `Policy`

# Not every field of a policy: how snapshots are kept and the feed is followed is one matter for the process.
RULES: Mapping[str, Callable[[str], Any]] = {
    "lifetime": read.span,
    "idle_timeout": read.span_or_none,
    "activity_every": read.span,
    "touch_every": read.span,
    "rotate_every": read.span_or_none,
    "fresh_for": read.span,
    "grace": read.span,
    "lost_answer": read.span,
    "max_sessions": read.number_or_none,
    "at_cap": partial(read.one_of, ("end_oldest", "end_idle", "refuse")),
    "visitor_lifetime": read.span,
}


def parsed(rules: Mapping[str, str]) -> dict[str, Any]:
    """The values of *rules*, by field; a `SettingsError` says what cannot be read."""
    values = {}
    for name, text in rules.items():
        if name not in RULES:
            raise SettingsError(f"there is no rule {name!r} here; rules are {', '.join(RULES)}")
        try:
            values[name] = RULES[name](text)
        except ValueError as error:
            raise SettingsError(f"{name} is {text!r}; {error}") from None
    return values


def normal(rules: Mapping[str, str], policy: Policy) -> dict[str, str]:
    """*rules* in the one spelling in which they are kept; refused if they cannot work over *policy*."""
    values = parsed({name.strip().replace("-", "_"): text.strip() for name, text in rules.items()})
    policy.changed(**room(policy, values) | values)
    return {name: read.spelled(value) for name, value in sorted(values.items())}


def ruled(policy: Policy, *layers: Mapping[str, str]) -> Policy:
    """*policy* under rules, of which the later win over the earlier.

    It never fails over rules that `normal` has admitted, whatever policy they meet since: what is
    longer than the lifetime or the idle timeout leaves room for is lowered.
    """
    given: dict[str, Any] = {}
    for rules in layers:
        given |= parsed(rules)
    return policy.changed(**given | room(policy, given, yielding=True)) if given else policy


def room(base: Policy, given: Mapping[str, Any], *, yielding: bool = False) -> dict[str, Any]:
    """The rules of *base* that were not given, lowered to fit below those that were.

    *yielding*: those that were given too, but for the lifetime.
    """
    lifetime = given.get("lifetime", base.lifetime)
    limits = {"idle_timeout": lifetime, "fresh_for": lifetime, "visitor_lifetime": lifetime}
    idle = given.get("idle_timeout", base.idle_timeout and min(base.idle_timeout, lifetime))
    if yielding and idle is not None:
        idle = min(idle, lifetime)
    limits["rotate_every"] = lifetime
    if idle is not None:
        limits |= {"touch_every": idle / 4, "activity_every": idle / 2}
    if staleness := given.get("max_staleness", base.max_staleness):
        limits["poll_every"] = staleness / 2  # the other way round a promise would be loosened unasked
    lowered: dict[str, Any] = {}
    for name, limit in limits.items():
        value = given.get(name, getattr(base, name))
        if (yielding or name not in given) and value is not None and value > limit:
            lowered[name] = limit
    if lowered.get("rotate_every", _MINUTE) < _MINUTE:
        lowered["rotate_every"] = None  # the session is over before its token would be old
    return lowered
