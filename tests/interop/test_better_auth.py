"""The client of Better Auth, as it is published, against the server: see `js/better_auth_*.mjs`."""

from __future__ import annotations

import pytest

from tests.interop.better_auth import CHECKS, ours, said


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """What became of each check; they run once for all tests of this module."""
    with ours(tmp_path_factory.mktemp("better-auth")) as given:
        return said(given)


@pytest.mark.parametrize("name", CHECKS)
def test_it_serves_the_client_of_better_auth(rows, name):
    row = rows[name]
    assert row["ok"], f"{row['title']}\n{row['why']}"


def test_every_check_has_run(rows):
    assert list(rows) == CHECKS
    assert [name for name, row in rows.items() if "skipped" in row] == []
