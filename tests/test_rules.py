"""Rules of one application or tenant, over a policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import Policy
from sojourn.errors import SettingsError
from sojourn.rules import RULES, normal, over, parsed
from sojourn.settings import FIELDS

HOUR = timedelta(hours=1)
POLICIES = [Policy(), Policy.workforce(), Policy.high(), Policy.bank()]

_SPANS = st.tuples(st.integers(0, 400), st.sampled_from(["ms", "s", "m", "h", "d"])).map(
    lambda span: f"{span[0]}{span[1]}"
)
_TEXTS = _SPANS | st.sampled_from(["none", "0", "3", "refuse", "end_oldest"])
_LAYERS = st.dictionaries(st.sampled_from(sorted(RULES)), _TEXTS, max_size=4)


def ruled(policy: Policy, *layers: Mapping[str, str]) -> Policy:
    return over(policy, *map(parsed, layers))


def test_rules_are_fields_of_a_policy() -> None:
    assert RULES.keys() <= set(Policy.__struct_fields__)


@pytest.mark.parametrize("text", ["none", "0", "5m", "30d", "3", "1000001", "x", "", "-1s", "1.5h"])
def test_a_rule_is_read_as_the_setting_of_its_name(text: str) -> None:
    for field in FIELDS:
        if field.name in RULES:
            assert _read(RULES[field.name], text) == _read(field.parse, text), field.name


def _read(parse, text):
    try:
        return parse(text)
    except ValueError as error:
        return str(error)


def test_one_spelling_is_kept() -> None:
    written = {"lifetime": " 24h", "max-sessions": "3", "at_cap": "refuse", "idle_timeout": "none"}
    kept = {"at_cap": "refuse", "idle_timeout": "none", "lifetime": "1d", "max_sessions": "3"}
    assert normal(written, Policy()) == kept
    assert normal(kept, Policy()) == kept


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"colour": "red"}, "no rule 'colour' here; rules are lifetime"),
        ({"poll_every": "1s"}, "no rule 'poll_every'"),
        ({"lifetime": "12"}, "lifetime is '12'; give a number with a unit"),
        ({"lifetime": "none"}, "lifetime is 'none'"),
        ({"at_cap": "explode"}, "give one of end_oldest, end_idle, refuse"),
        ({"max_sessions": "0"}, "whole number from 1 on"),
        ({"lifetime": "500d"}, "at most 400 days"),
        ({"idle_timeout": "2h", "lifetime": "1h"}, "idle_timeout must not be longer than lifetime"),
        ({"idle_timeout": "31d"}, "idle_timeout must not be longer than lifetime"),
        ({"grace": "2m"}, "grace must be at most 1 minute"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_do(rules: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        normal(rules, Policy())


def test_without_rules_the_policy_is_the_same() -> None:
    policy = Policy()
    assert ruled(policy) is ruled(policy, {}, {}) is policy


def test_later_rules_win_over_earlier_ones() -> None:
    policy = ruled(Policy(), {"lifetime": "12h", "max_sessions": "3"}, {"lifetime": "6h"})
    assert (policy.lifetime, policy.max_sessions, policy.at_cap) == (6 * HOUR, 3, "end_idle")


def test_what_is_too_long_for_rules_of_another_layer_is_lowered() -> None:
    policy = ruled(
        Policy(), {"idle_timeout": "2h", "touch_every": "10m", "rotate_every": "1h"}, {"lifetime": "30s"}
    )
    assert (policy.lifetime, policy.idle_timeout) == (HOUR / 120, HOUR / 120)
    assert (policy.touch_every, policy.rotate_every) == (timedelta(seconds=7.5), None)


@given(st.sampled_from(POLICIES), st.sampled_from(POLICIES), _LAYERS, _LAYERS)
def test_rules_that_were_admitted_never_fail(
    then: Policy, now: Policy, one: dict[str, str], two: dict[str, str]
) -> None:
    """Whatever the policy has become since, and whatever other rules they meet."""
    layers = []
    for rules in (one, two):
        try:
            kept = normal(rules, then)
        except SettingsError:
            continue
        assert normal(kept, then) == kept
        layers.append(kept)
    policy = ruled(now, *layers)
    given = {name: value for rules in layers for name, value in parsed(rules).items()}
    assert policy.lifetime == given.get("lifetime", now.lifetime)
    assert policy.at_cap == given.get("at_cap", now.at_cap)
    assert policy.max_sessions == given.get("max_sessions", now.max_sessions)
    if policy.idle_timeout is not None and given.get("idle_timeout") is not None:
        assert policy.idle_timeout <= given["idle_timeout"]
