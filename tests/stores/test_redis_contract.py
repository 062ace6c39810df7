"""The store in Redis and in a Redis Cluster keeps the contract."""

from __future__ import annotations

import pytest

from sojourn.stores.protocol import Store
from sojourn.stores.redis import RedisStore
from sojourn.testing import StoreContract
from tests.servers.redis import Cluster, Redis

pytestmark = pytest.mark.servers


class TestRedis(StoreContract):
    @pytest.fixture
    def new_store(self, redis_server: Redis) -> Store:
        return RedisStore(redis_server.new_database())


class TestCluster(StoreContract):
    @pytest.fixture
    def new_store(self, cluster: Cluster) -> Store:
        return RedisStore(cluster.emptied())
