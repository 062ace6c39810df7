"""PostgreSQL keeps the contract."""

from __future__ import annotations

import pytest

from sojourn.stores import open_store
from sojourn.stores.protocol import Store
from sojourn.testing import StoreContract
from tests.servers.fixtures import postgres
from tests.servers.postgres import Postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.servers


class TestPostgres(StoreContract):
    @pytest.fixture
    def new_store(self, postgres: Postgres) -> Store:
        return open_store(postgres.new_database())
