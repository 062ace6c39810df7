"""Where ledgers of tests are: in files, and once more on a server."""

from __future__ import annotations

import pytest

from tests.observe import kit


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.servers)])
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs twice, and what it opens with `kit.opened` is in a file, and on a PostgreSQL server.

    `kit.IN_A_FILE` leaves it with the file.
    """
    if request.param == "server":
        monkeypatch.setattr(kit, "grounds", kit.OnServer(request.getfixturevalue("postgres")))
    return str(request.param)
