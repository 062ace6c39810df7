"""One POST to somebody else's server: to addresses that were checked, without redirects, in bounded time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import urlencode, urlsplit

import httpcore2

import sojourn
from sojourn.delivery.guard import Guard
from sojourn.delivery.outcome import Undelivered

__all__ = ["Post", "Resolve", "addresses_of"]

Resolve = Callable[[str, int], Awaitable[list[str]]]

_DEADLINE = 10.0  # seconds for all of it: name, connection, TLS, the answer's first line
_MOST = 4  # addresses of one host that are tried ...
_NEXT = 2.0  # ... and the seconds after which the next one is
_PORTS = {"https": 443, "http": 80}
_FAULTS = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    OSError,  # of the resolver, too
    UnicodeError,  # a name that no resolver takes
)


async def addresses_of(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Post:
    """Sends forms and JSON. Each has its own connection, so that its host is looked up and checked each time.

    A name is resolved once, here, and the connection goes to what was checked: a name that is public when
    it is looked at and private when it is used gains nothing. The certificate is checked against the name.
    No proxy is taken from the environment.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        resolve: Resolve = addresses_of,
        deadline: float = _DEADLINE,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """*trust*: whose certificates are good; None: those that the system trusts, or SSL_CERT_FILE."""
        self._guard = guard
        self._resolve = resolve
        self._deadline = deadline
        self._trust = trust

    async def form(self, url: str, fields: Mapping[str, str]) -> int:
        """The status of the answer to *fields*, sent to *url*, or `Undelivered`.

        The rest of the answer is not read: nobody needs it, and it may be endless.
        """
        return await self._posted(url, urlencode(fields).encode(), _FORM)

    async def json(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """The same for *content* as it is, with *headers* of its own, among them what it is."""
        return await self._posted(url, content, headers)

    async def _posted(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._sent(url, content, headers)
        except TimeoutError:
            raise Undelivered(f"no answer within {self._deadline:g} s") from None
        except _FAULTS as error:
            raise Undelivered(f"{type(error).__name__}: {str(error)[:200]}") from None

    async def _sent(self, url: str, content: bytes, more: Mapping[str, str]) -> int:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        if scheme not in ("http", "https") or not host:
            raise Undelivered("the address does not begin with https://")
        port = parts.port or _PORTS[scheme]
        allowed = self._guard.check(scheme, await self._resolve(host, port))  # type: ignore[arg-type]
        target = httpcore2.URL(url)
        connection = httpcore2.AsyncHTTPConnection(
            target.origin, ssl_context=self._context(scheme), network_backend=_Pinned(allowed[:_MOST])
        )
        try:
            headers = [*more.items(), *_HEADERS.items(), ("host", parts.netloc)]
            async with connection.stream("POST", target, headers=headers, content=content) as answer:
                return int(answer.status)
        finally:
            await connection.aclose()

    def _context(self, scheme: str) -> ssl.SSLContext | None:
        if scheme == "https" and self._trust is None:
            self._trust = httpcore2.default_ssl_context()
        return self._trust


_FORM = {"content-type": "application/x-www-form-urlencoded"}
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "connection": "close",
    "user-agent": f"sojourn/{sojourn.__version__}",
}


class _Pinned(httpcore2.AsyncNetworkBackend):
    """Connects to the first of *addresses* that answers, whatever the name would lead to by now."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        *others, last = self._addresses
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, _NEXT, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)
