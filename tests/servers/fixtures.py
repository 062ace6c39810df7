"""The fixtures: each server is started once a run, when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.postgres import Postgres
    from tests.servers.redis import Cluster, Redis

__all__ = ["cluster", "postgres", "redis_server"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; `postgres.new_database()` gives the URL of an empty database."""
    from tests.servers.postgres import Postgres

    with Postgres.started() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis server with an append-only file; `redis_server.new_database()`: the URL of an empty one."""
    from tests.servers.redis import Redis

    with Redis.started() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Redis Cluster of three masters and three replicas; `cluster.emptied()` gives its URL."""
    from tests.servers.redis import Cluster

    with Cluster.started() as servers:
        yield servers
