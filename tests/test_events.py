"""Events are facts in the past tense, with the names of CAEP and OWASP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sojourn import Reason, events

AT = datetime(2026, 11, 1, tzinfo=UTC)
KINDS: list[type[events.Event]] = [
    kind for kind in vars(events).values() if isinstance(kind, type) and kind.__base__ is events.Event
]


def test_every_event_has_a_name_of_its_own():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names) == len(events.__all__) - len({"Event", "Verdict"})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_is_exported(kind):
    assert kind.__name__ in events.__all__


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_says_when(kind):
    assert "at" in kind.__struct_fields__


def test_an_event_cannot_be_altered():
    event = events.Revoked(at=AT, reason=Reason.USER)
    with pytest.raises(AttributeError):
        event.reason = Reason.ADMIN  # type: ignore[misc]


@pytest.mark.req("OL-01")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (events.Started, "session-established"),
        (events.Revoked, "session-revoked"),
        (events.SignInFailed, "authn-login-fail"),
    ],
)
def test_names_line_up_with_the_standards(kind, name):
    assert kind.name == name
