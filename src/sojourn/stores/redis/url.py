"""What a `redis:` URL says: where the servers are, who asks, and how durable an acknowledgement is."""

from __future__ import annotations

import ssl
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct

from sojourn.errors import SettingsError

__all__ = ["Address", "RedisURL"]

_PORT = 6379
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
_KNOWN = ("timeout", "replicas", "wait_ms", "allow_loss", *_TLS)


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RedisURL(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """`redis://user:password@host:6379/0`, `rediss://` over TLS, `redis+cluster://host:7000,host:7001`.

    Parameters: `timeout` (seconds), `replicas` and `wait_ms` (a revocation is acknowledged when so many
    replicas have it), `allow_loss` (1: go on with settings that can lose revocations), and redis-py's names
    for TLS.
    """

    seeds: tuple[Address, ...]
    cluster: bool = False
    database: int = 0
    tls: bool = False
    timeout: float = 2.0
    replicas: int = 0
    wait_ms: int = 1000
    allow_loss: bool = False
    files: tuple[tuple[str, str], ...] = ()
    credentials: tuple[str, ...] = ()  # what AUTH sends

    def __repr__(self) -> str:
        return f"<RedisURL {', '.join(map(str, self.seeds))}>"

    @classmethod
    def parsed(cls, url: str) -> RedisURL:
        parts = urlsplit(url)
        scheme, _, kind = parts.scheme.partition("+")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := options.keys() - set(_KNOWN):
            raise SettingsError(
                f"a redis: URL has no parameter {', '.join(sorted(unknown))}; use {', '.join(_KNOWN)}"
            )
        parsed = cls(
            seeds=_seeds(parts),
            cluster=kind == "cluster",
            database=_number("the database", parts.path.strip("/") or "0"),
            tls=scheme == "rediss",
            timeout=_seconds(options.get("timeout", "2")),
            replicas=_number("replicas", options.get("replicas", "0")),
            wait_ms=_number("wait_ms", options.get("wait_ms", "1000")),
            allow_loss=options.get("allow_loss", "") in ("1", "true"),
            files=tuple((name, options[name]) for name in _TLS if name in options),
            credentials=_credentials(parts),
        )
        if parsed.cluster and parsed.database:
            raise SettingsError("a Redis Cluster has database 0 alone; remove the number from the URL")
        if parsed.replicas and not parsed.wait_ms:
            raise SettingsError("wait_ms=0 waits for replicas for ever; give milliseconds, 1000 for example")
        return parsed

    def context(self) -> ssl.SSLContext | None:
        """How to speak TLS, with the certificate checked; None: in the clear."""
        if not self.tls:
            return None
        files = dict(self.files)
        try:
            context = ssl.create_default_context(cafile=files.get("ssl_ca_certs"))
            if certificate := files.get("ssl_certfile"):
                context.load_cert_chain(certificate, files.get("ssl_keyfile"))
        except OSError as error:
            raise SettingsError(f"the files for TLS cannot be read ({error}); correct their names") from None
        if files.get("ssl_check_hostname", "1").lower() in ("0", "false"):
            context.check_hostname = False  # the certificate has to be of the authority all the same
        return context


def _seeds(parts: SplitResult) -> tuple[Address, ...]:
    hosts = parts.netloc.rpartition("@")[2] or "localhost"
    seeds = []
    for host in hosts.split(","):
        try:
            each = urlsplit(f"//{host}")
            seeds.append(Address(each.hostname or "localhost", each.port or _PORT))
        except ValueError as error:
            raise SettingsError(f"{host!r} is not host:port ({error}); correct the URL") from None
    return tuple(seeds)


def _credentials(parts: SplitResult) -> tuple[str, ...]:
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    if not password:
        return ()
    return (unquote(user), unquote(password)) if user else (unquote(password),)


def _number(what: str, text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{what} in a redis: URL is a whole number, not {text!r}; correct the URL")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 3600:
        raise SettingsError(f"timeout in a redis: URL is in seconds, not {text!r}; write 2 for example")
    return seconds
