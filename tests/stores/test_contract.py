"""Every store of ours keeps the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import sojourn.testing
from sojourn.session import Session
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import StoreContract
from sojourn.testing.changes import FULL


class TestMemory(StoreContract):
    @pytest.fixture
    def new_store(self) -> Store:
        return MemoryStore()


class TestSQLiteFile(StoreContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Store:
        return SQLiteStore(tmp_path / "sessions.db")


class TestSQLiteInMemory(StoreContract):
    @pytest.fixture
    def new_store(self) -> Store:
        return SQLiteStore(None)


def test_the_session_of_the_round_trip_has_no_field_at_its_default() -> None:
    fields = msgspec.structs.fields(Session)
    assert [field.name for field in fields if getattr(FULL, field.name) == field.default] == []
    assert FULL.data
    assert not {None, "", "unknown"} & set(msgspec.structs.astuple(FULL.device))


def test_importing_the_tests_aids_needs_no_pytest() -> None:
    script = "import sys, sojourn.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_contract_says_that_it_needs_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ImportError, match="StoreContract needs pytest; install it"):
        sojourn.testing.__getattr__("StoreContract")
