"""Refusals carry a code for machines, a sentence for people, and the facts for both."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from sojourn import Reason, errors
from sojourn.errors import Refusal

ID = UUID(int=7)
BASES = {
    errors.Refusal,
    errors.SessionError,
    errors.RequestError,
    errors.AccountError,
    errors.DirectoryError,
    errors.WorkError,
}
KINDS: list[type[Refusal]] = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)
]
LEAVES = [kind for kind in KINDS if kind not in BASES]

ARGUMENTS: dict[type[Refusal], tuple[Any, ...]] = {
    errors.SessionExpired: ("idle", timedelta(minutes=15)),
    errors.SessionRevoked: (ID, Reason.ADMIN),
    errors.FreshnessRequired: (timedelta(minutes=10),),
    errors.TooManySessions: (3, ()),
    errors.RateLimited: (timedelta(seconds=30),),
    errors.OAuthError: ("invalid_grant", "This grant is not good."),
}


def _made(kind: type[Refusal]) -> Refusal:
    return kind(*ARGUMENTS.get(kind, ()))


def _drawn() -> dict[str, tuple[int, str | None]]:
    """Name → depth and code, as the tree at the head of the file has them."""
    rows = re.findall(r"^    ([│├└─ ]*)(\w+) {2,}(\w+)", errors.__doc__ or "", re.M)
    return {name: (len(branch) // 4, word) for branch, name, word in rows if branch}


def test_the_tree_at_the_head_of_the_file_names_every_refusal():
    assert set(_drawn()) == {kind.__name__ for kind in KINDS if kind is not Refusal}


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_the_tree_gives_each_refusal_its_code(kind):
    assert _drawn()[kind.__name__][1] == kind.code


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not Refusal], ids=lambda kind: kind.__name__
)
def test_the_tree_hangs_each_refusal_on_its_base(kind):
    assert _drawn()[kind.__name__][0] == len(kind.__mro__) - len(Refusal.__mro__)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_code_of_its_own_kind(kind):
    sharing = [other for other in LEAVES if other.code == kind.code]
    assert kind.code != Refusal.code
    # Not found is one code on purpose: a session and an account that are not there look alike.
    assert sharing == [kind] or kind.code == "not_found"


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_refusal_has_a_sentence_for_people(kind):
    assert _made(kind).message.endswith(".")


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_refusal_prints_its_sentence(kind):
    assert str(_made(kind)) == _made(kind).message


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_refusal_is_exported(kind):
    assert kind.__name__ in errors.__all__


def test_facts_leave_out_what_is_not_known():
    assert Refusal("No.", one=1, none=None).facts == {"one": 1}


def test_another_sentence_may_be_given():
    assert str(errors.BodyRejected("The body is not JSON.")) == "The body is not JSON."


@pytest.mark.parametrize(("limit", "told"), [("idle", "inactive"), ("absolute", "reached its end")])
def test_an_expiry_says_which_end_was_reached(limit, told):
    refusal = errors.SessionExpired(limit, timedelta(minutes=15))
    assert told in refusal.message
    assert refusal.facts == {"reason": limit, "limit_seconds": 900}


def test_a_revocation_says_why():
    assert errors.SessionRevoked(ID, Reason.ADMIN).facts == {"reason": "admin"}


def test_freshness_says_how_fresh():
    assert errors.FreshnessRequired(timedelta(minutes=10)).facts == {"max_age": 600}
    stronger = errors.FreshnessRequired(timedelta(minutes=10), aal=2)
    assert stronger.facts == {"max_age": 600, "acr_values": "aal2"}
    assert stronger.challenge == {"max_age": "600", "acr_values": "aal2"}


def test_too_many_sessions_keeps_their_records_out_of_the_public_facts():
    assert errors.TooManySessions(3, ()).facts == {"limit": 3}


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(timedelta(seconds=30), 30), (timedelta(milliseconds=1001), 2), (timedelta(0), 1)],
)
def test_retry_after_is_in_whole_seconds_and_never_too_early(wait, seconds):
    assert errors.RateLimited(wait).retry_after == seconds


def test_a_request_error_has_the_status_that_says_it_best():
    assert (errors.BodyRejected("Too large.").status, errors.CsrfFailed().status) == (400, 403)


def test_a_request_error_may_be_given_another_status():
    assert errors.BodyRejected("Too large.", status=413).status == 413


@pytest.mark.parametrize("fault", [errors.SettingsError, errors.QueryNotSupported])
def test_a_mistake_of_the_programmer_is_no_refusal(fault):
    assert not issubclass(fault, Refusal)
