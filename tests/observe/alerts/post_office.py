"""A mail server on this machine: SMTP as far as we speak it, with STARTTLS, and what it may do instead."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class PostOffice:
    """`refuses`: the answer to a command instead of the usual one, by the command's first word."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.heard: list[tuple[str, bool]] = []  # each command, and whether nobody could listen
        self.refuses: dict[str, str] = {}
        self.silent = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, tls: ssl.SSLContext | None = None, *, implicit: bool = False
    ) -> AsyncIterator[PostOffice]:
        office = cls(tls)
        server = await asyncio.start_server(office._serve, "127.0.0.1", 0, ssl=tls if implicit else None)
        office.port = server.sockets[0].getsockname()[1]
        try:
            yield office
        finally:
            server.close()

    def text(self, which: int = -1) -> str:
        found = self.mails[which].get_content()
        assert isinstance(found, str)
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.silent:
                await reader.read()
                return
            await self._talk(reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 office.test\r\n")
        to: list[str] = []
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            secure = writer.get_extra_info("ssl_object") is not None
            self.heard.append((line, secure))
            word = line.split()[0].upper()
            if word == "DATA" and word not in self.refuses:
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                found = message_from_bytes(body.replace(b"\r\n..", b"\r\n."), policy=policy.default)
                assert isinstance(found, EmailMessage)
                self.mails.append(found)
                self.recipients.append(to)
                writer.write(f"{self.refuses.get('.', '250 kept')}\r\n".encode())
                continue
            if word == "RCPT":
                to = [*to, line.split("<")[1].split(">")[0]]
            writer.write(f"{self.refuses.get(word) or self._answer(word, secure)}\r\n".encode())
            if word == "STARTTLS" and self.tls is not None:
                await writer.drain()
                await writer.start_tls(self.tls)
            if word == "QUIT":
                return

    def _answer(self, word: str, secure: bool) -> str:
        if word == "EHLO":
            return "250-office.test\r\n250-AUTH PLAIN\r\n250 " + ("STARTTLS" if self.tls else "8BITMIME")
        return {"STARTTLS": "220 go", "AUTH": "235 in", "QUIT": "221 bye"}.get(word, "250 ok")
