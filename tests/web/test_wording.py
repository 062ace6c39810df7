"""Times, counts and reasons, as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sojourn import Policy
from sojourn.errors import SessionExpired, SessionRevoked, TokenInvalid, TokenReplayed
from sojourn.session import Reason, new_id
from sojourn.testing import MORNING, make_session
from sojourn.web.pages import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "Active now"),
        (119, "Active now"),
        (120, "2 minutes ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (2 * 86400 - 1, "1 day ago"),
        (40 * 86400, "40 days ago"),
    ],
)
def test_the_past_is_rounded_down(seconds: int, said: str):
    assert wording.ago(MORNING, MORNING + timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=7, seconds=-1), "6 days, 23 hours"),
        (timedelta(days=1, minutes=59), "1 day"),
        (timedelta(hours=3, minutes=1), "3 hours, 1 minute"),
        (timedelta(minutes=12, seconds=59), "12 minutes"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=-1), "less than a minute"),
    ],
)
def test_what_is_left_has_two_units(span: timedelta, said: str):
    assert wording.left(span) == said


def test_a_date_is_whole():
    assert wording.date(datetime.fromisoformat("2025-11-08T17:45:00Z")) == "8 Nov 2025, 17:45 UTC"
    assert wording.instant(MORNING) == "2026-03-02T09:00:00Z"


def test_counts_agree_with_their_nouns():
    assert [wording.counted(n, "person") for n in (0, 1, 1284)] == ["0 people", "1 person", "1,284 people"]


def test_a_wait_is_rounded_up():
    assert [wording.patience(n) for n in (1, 90, 121)] == ["1 second", "90 seconds", "3 minutes"]


def test_a_refusal_is_told_to_the_sign_in_page_in_a_word():
    id = new_id(MORNING, "ada")
    assert wording.reason_code(SessionExpired("idle", timedelta(1))) == "idle"
    assert wording.reason_code(SessionRevoked(id, Reason.ADMIN)) == "admin"
    assert wording.reason_code(SessionRevoked(id, None)) == "session_revoked"
    assert wording.reason_code(TokenReplayed()) == "replay"
    assert wording.reason_code(TokenInvalid()) == "token_invalid"


def test_limits_come_from_the_policy():
    bank = Policy.bank()
    assert wording.signed_out("idle", bank) == "You were signed out because you were inactive for 5 minutes."
    assert wording.signed_out("absolute", bank) == "For your security, sessions end after 4 hours."
    endless = Policy(idle_timeout=None)
    assert wording.signed_out("idle", endless) == "You were signed out because you were inactive."
    assert wording.signed_out("free text", bank) is None


def test_an_ending_says_why_and_by_whom_but_no_name():
    def said(**fields: object) -> str:
        return wording.ending(make_session(**fields), Policy())

    assert said() == "Ended because it was not used"
    assert said(expires_at=MORNING + timedelta(days=30)) == "Ended after 30 days"
    own = {"reason": Reason.PASSWORD_CHANGED, "revoked_at": MORNING}
    assert said(**own, revoked_by="ada") == "Signed out because you changed your password"
    assert said(**own, revoked_by="root") == "Your password was changed by an administrator"
    for reason in Reason:
        assert "root" not in said(reason=reason, revoked_at=MORNING, revoked_by="root")
