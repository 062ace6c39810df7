"""Sessions in Redis, one server or a cluster: `store` has the verbs, `wire` and `blocking` are the faces."""

from sojourn.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
