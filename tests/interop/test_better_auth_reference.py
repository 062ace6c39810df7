"""The same checks against Better Auth itself: they ask the right thing, and where we differ, we really do."""

from __future__ import annotations

import pytest

from tests.interop.better_auth import CHECKS, said, theirs

# What somebody who means harm gets from theirs, and must not get from ours.
ATTACKS = {
    "revoked-1", "revoked-2", "revoked-3", "revoked-4", "revoked-5", "revoked-6", "revoked-7",
    "race-1", "race-2", "race-3",
    "outlive-1", "outlive-2", "outlive-4",
    "forwarded-1", "forwarded-2", "forwarded-4",
    "credential-1", "credential-3", "credential-4",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    with theirs() as running:
        return said(running.heard())


@pytest.mark.parametrize("name", CHECKS)
def test_better_auth_does_what_the_checks_say_of_it(rows, name):
    row = rows[name]
    assert row["ok"], f"{row['title']}\n{row['why']}"


def test_it_fails_where_ours_does_not(rows):
    assert {name for name in ATTACKS if not rows[name]["differs"]} == set()
