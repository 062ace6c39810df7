"""Rules of one application, tenant or profile: fields of a policy, as values or as operators write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, get_args

from msgspec import Struct

from sojourn import settings_text as read
from sojourn.errors import SettingsError
from sojourn.policy import AtCap, Binding, Policy
from sojourn.session import Session

__all__ = ["RULES", "OwnCap", "Rulebook", "Scope", "normal", "over", "parsed", "room"]

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
    "at_cap": partial(read.one_of, get_args(AtCap)),
    "visitor_lifetime": read.span,
    "binding": partial(read.one_of, get_args(Binding)),
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


def over(policy: Policy, *layers: Mapping[str, Any]) -> Policy:
    """*policy* under rules, as `parsed` gives them, of which the later win over the earlier.

    It never fails over rules that `normal` has admitted, whatever policy they meet since: what is
    longer than the lifetime or the idle timeout leaves room for is lowered.
    """
    given: dict[str, Any] = {}
    for values in layers:
        given |= values
    return policy.changed(**given | room(policy, given, yielding=True)) if given else policy


Scope = Literal["application_id", "tenant_id", "profile"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class OwnCap(Struct, frozen=True):
    """How many sessions of one user may live that have the same *scope*."""

    scope: Scope
    limit: int
    at_cap: AtCap


class Rulebook:
    """The exceptions of a policy: rules of applications and tenants by id, of profiles by name.

    The rules of a tenant win over those of an application, *remembered* ones (of sessions with
    `remember`) over both, and those of a profile over all. Fields of the policy as values:

        Policy(exceptions=Rulebook(profiles={"admin": {"lifetime": timedelta(hours=12)}}))

    A cap counts where it was set: `max_sessions` of an application the sessions of one user in that
    application. The policy's own counts them all, and holds beside it.
    """

    def __init__(
        self,
        *,
        applications: Mapping[str, Mapping[str, Any]] = _NONE,
        tenants: Mapping[str, Mapping[str, Any]] = _NONE,
        profiles: Mapping[str, Mapping[str, Any]] = _NONE,
        remembered: Mapping[str, Any] = _NONE,
    ) -> None:
        self.remembered = dict(remembered)
        self._layers: dict[Scope, dict[str, Mapping[str, Any]]] = {
            "application_id": dict(applications),
            "tenant_id": dict(tenants),
            "profile": dict(profiles),
        }
        for values in (self.remembered, *(v for layer in self._layers.values() for v in layer.values())):
            _check(values)
        self._forget()

    def learn(self, scope: Scope, rules: Mapping[str, Mapping[str, Any]]) -> None:
        """Put *rules* in the place of what was known for *scope*: what is kept in a database may change."""
        for values in rules.values():
            _check(values)
        if self._layers[scope] != rules:
            self._layers = {**self._layers, scope: dict(rules)}
            self._forget()

    def learn_one(self, scope: Scope, name: str, rules: Mapping[str, Any]) -> None:
        """Put *rules* in the place of what was known for one."""
        known = self._layers[scope]
        if known.get(name, _NONE) != rules:
            self.learn(
                scope, {**known, name: rules} if rules else {k: v for k, v in known.items() if k != name}
            )

    def knows(self, profile: str) -> bool:
        """Whether there are rules for *profile*: else a session need not have it."""
        return profile in self._layers["profile"]

    def of(self, policy: Policy, session: Session) -> Policy:
        """*policy* as it is for *session*: nearly always worked out before."""
        if not self._any:
            return policy
        key = session.application_id, session.tenant_id, session.remember, session.profile
        known = self._known.get(key)
        if known is None or known[0] is not policy:
            if len(self._known) >= _MOST:
                self._known.clear()
            plain = policy.changed(exceptions=None)
            known = self._known[key] = policy, over(plain, *self._layers_of(session))
        return known[1]

    def caps(self, policy: Policy, session: Session) -> list[OwnCap]:
        """The caps that its application, its tenant and its profile have of their own."""
        found = []
        for scope, layer in self._layers.items():
            values = layer.get(getattr(session, scope) or "", _NONE)
            limit = values.get("max_sessions", policy.max_sessions)
            if limit is not None and ("max_sessions" in values or "at_cap" in values):
                found.append(OwnCap(scope, limit, values.get("at_cap", policy.at_cap)))
        return found

    def longest(self, policy: Policy) -> timedelta:
        lifetimes: list[timedelta] = [policy.lifetime, *self._values("lifetime")]
        return max(lifetimes)

    def shortest_touch(self, policy: Policy) -> timedelta:
        """Also of those whose idle timeout is so short that they have to be seen more often."""
        short = [span / 4 for name in ("idle_timeout", "lifetime") for span in self._values(name) if span]
        touches: list[timedelta] = [policy.touch_every, *self._values("touch_every"), *short]
        return min(touches)

    def _values(self, name: str) -> list[Any]:
        layers = [values for layer in self._layers.values() for values in layer.values()]
        return [values[name] for values in (*layers, self.remembered) if name in values]

    def _layers_of(self, session: Session) -> list[Mapping[str, Any]]:
        by_id = [self._layers[scope].get(getattr(session, scope) or "", _NONE) for scope in _BY_ID]
        remembered = self.remembered if session.remember else _NONE
        return [*by_id, remembered, self._layers["profile"].get(session.profile or "", _NONE)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rulebook):
            return NotImplemented
        return (self._layers, self.remembered) == (other._layers, other.remembered)

    __hash__ = object.__hash__  # it learns: by what it knows now nobody would find it again

    def _forget(self) -> None:
        self._any = bool(self.remembered) or any(self._layers.values())
        self._known: dict[tuple[str | None, str | None, bool, str | None], tuple[Policy, Policy]] = {}


_BY_ID: tuple[Scope, ...] = ("application_id", "tenant_id")
_MOST = 10_000  # policies that were worked out lately


def _check(values: Mapping[str, Any]) -> None:
    """Refuse what is no rule, and a value that no policy could have."""
    if unknown := values.keys() - RULES.keys():
        raise SettingsError(f"there is no rule {sorted(unknown)[0]!r} here; rules are {', '.join(RULES)}")
    over(Policy(), values)


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
