"""A receiver on this machine that is told things, and what it may do instead of answering as it should."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Answer = Callable[["Receiver", Reader, Writer], Awaitable[None]]


class Asked:
    """One request: its first line, its headers by name, its body, which may be a form."""

    def __init__(self, head: str, body: bytes) -> None:
        self.line, *headers = head.split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in headers)}
        self.body = body
        self.form = parse_qs(body.decode())

    @property
    def token(self) -> str:
        (text,) = self.form["logout_token"]
        return text


class Receiver:
    """An application's address. `answer` is what comes next, and stays; *statuses* are used up first."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 200
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.instead: Answer | None = None
        self.most_at_once = self._now = 0
        self.port = 0
        self.connections = 0
        self.changed = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def listening(
        cls, *, tls: ssl.SSLContext | None = None, port: int = 0, host: str = "127.0.0.1"
    ) -> AsyncIterator[Receiver]:
        receiver = cls()
        server = await asyncio.start_server(receiver._serve, host, port, ssl=tls)
        receiver.port = server.sockets[0].getsockname()[1]
        try:
            yield receiver
        finally:
            server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/logout?from=sojourn"

    def payloads(self) -> list[dict[str, Any]]:
        return [payload(asked.token) for asked in self.asked]

    async def has_been_asked(self, times: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= times)

    async def is_idle(self) -> None:
        """Wait until nobody is served any more."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self._now == 0)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        self._now += 1
        self.most_at_once = max(self._now, self.most_at_once)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._now -= 1
            async with self.changed:
                self.changed.notify_all()

    async def _answer(self, reader: Reader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().removesuffix("\r\n\r\n")
        asked = Asked(head, b"")
        body = await reader.readexactly(int(asked.headers["content-length"]))
        async with self.changed:
            self.asked.append(Asked(head, body))
            self.changed.notify_all()
        if self.instead is not None:
            await self.instead(self, reader, writer)
            return
        status = self.statuses.pop(0) if self.statuses else self.status
        lines = [f"HTTP/1.1 {status} .", *(f"{name}: {value}" for name, value in self.headers.items())]
        writer.write(("\r\n".join(lines) + "\r\ncontent-length: 0\r\n\r\n").encode())
        await writer.drain()


def payload(token: str) -> dict[str, Any]:
    """What a JWT says, whoever signed it."""
    return decoded(token.split(".")[1])


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def never(receiver: Receiver, reader: Reader, writer: Writer) -> None:
    """Answer nothing, until the other end has had enough."""
    await reader.read()


async def closed(receiver: Receiver, reader: Reader, writer: Writer) -> None:
    """Hang up."""


def certificate(folder: Path, *hosts: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for *hosts*, and that of a client which trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a receiver")])
    names: list[x509.GeneralName] = [_named(host) for host in hosts]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "receiver.pem", folder / "receiver.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, secret)
    return server, ssl.create_default_context(cafile=str(pem))


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
