"""Questions to a provider: without redirects, with an end to the waiting and to the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from sojourn.errors import ProviderAway, ProviderRejected, SettingsError

if TYPE_CHECKING:
    import httpx2

__all__ = ["Said", "Wire"]

_DEADLINE = 10.0  # seconds for one question: name, connection, TLS and the whole answer
_LARGEST = 256 * 1024  # bytes of an answer; the largest lists of keys have some ten thousand
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "sojourn"}


class Said(Struct, frozen=True):
    """An answer. Its body is in no message and in no log: it may hold tokens."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"<Said {self.status}>"

    def object(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ProviderRejected(f"it answered {self.status}, and no JSON object") from None


class Wire:
    """Over an `httpx2.AsyncBaseTransport`. No redirect is followed, and no proxy of the environment used."""

    def __init__(
        self, transport: httpx2.AsyncBaseTransport | None = None, *, deadline: float = _DEADLINE
    ) -> None:
        try:
            import httpx2
        except ImportError:
            raise SettingsError("httpx2 is not installed; run `pip install 'sojourn[oidc]'`") from None
        self._httpx2, self._transport, self._deadline = httpx2, transport, deadline

    async def get(self, url: str, *, token: str | None = None) -> Said:
        """The answer to a GET; with *token* as a bearer's."""
        return await self._ask("GET", url, {"authorization": f"Bearer {token}"} if token else {})

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Said:
        return await self._ask("POST", url, headers, form)

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Said:
        if self._transport is None:
            self._transport = self._httpx2.AsyncHTTPTransport()
        request = self._httpx2.Request(method, url, headers={**_HEADERS, **headers}, data=form)
        phases = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = dict.fromkeys(phases, self._deadline)
        try:
            async with asyncio.timeout(self._deadline):
                said = await _answered(self._transport, request)
        except (TimeoutError, self._httpx2.TimeoutException):
            raise ProviderAway(f"no answer within {self._deadline:g} s") from None
        except (self._httpx2.TransportError, OSError, UnicodeError) as fault:
            # The address is ours, but what a driver says of a request may quote more of it.
            raise ProviderAway(type(fault).__name__) from None
        if said.status >= 500 or said.status == 429:
            raise ProviderAway(f"it answered {said.status}")
        return said


async def _answered(transport: httpx2.AsyncBaseTransport, request: httpx2.Request) -> Said:
    response = await transport.handle_async_request(request)
    try:
        if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
            raise ProviderRejected("its answer is compressed, which was not asked for")
        body = bytearray()
        async for chunk in response.stream:  # type: ignore[union-attr]
            body += chunk
            if len(body) > _LARGEST:
                raise ProviderRejected(f"its answer is larger than {_LARGEST // 1024} kB")
        return Said(response.status_code, bytes(body))
    finally:
        await response.aclose()
