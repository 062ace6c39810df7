"""Mail: handed to the operator's own mail server, over TLS unless it runs on this machine."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit
from uuid import UUID

from sojourn.delivery import Declined, Undelivered
from sojourn.session import Discreet

__all__ = ["TARGET", "Mailer", "Relay", "address_of", "relay_of"]

TARGET = "mail"  # one receiver, whoever the mail is for: that server is away, or it is not

_DEADLINE = 15.0  # seconds for all of it ...
_PATIENCE = 10.0  # ... and for each answer
_PORTS = {"smtp": 587, "smtps": 465}


class Relay(Discreet, frozen=True, kw_only=True):
    """A mail server that takes what we send."""

    host: str
    port: int
    implicit_tls: bool = False  # from the first byte on (RFC 8314), and not by STARTTLS
    user: str | None = None
    password: str | None = None

    @property
    def local(self) -> bool:
        """On this machine, where nobody is on the way."""
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost"

    def __repr__(self) -> str:
        return f"<Relay {self.host}:{self.port}>"


def relay_of(text: str) -> Relay:
    """The server that `smtp://user:password@host:587` names, or `ValueError`, which does not quote it."""
    wrong = "give smtp://user:password@host:587, or smtps:// for TLS from the first byte on"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(wrong)
    return Relay(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def address_of(text: str) -> Address:
    """*text*, `ops@example.org` or `Sojourn <no-reply@example.org>`, or `ValueError`."""
    name, _, rest = text.rpartition("<")
    spec = rest.removesuffix(">").strip() if name or text.startswith("<") else text.strip()
    user, _, domain = spec.rpartition("@")
    try:
        if not user or not domain or any(c.isspace() for c in spec):
            raise ValueError
        return Address(display_name=name.strip().strip('"'), username=user, domain=domain)
    except (ValueError, IndexError, MessageError):
        raise ValueError("give an e-mail address, such as ops@example.org") from None


class Mailer:
    """Hands mail to a *relay*. One that refuses a recipient for good is `Declined`, all else `Undelivered`.

    What it says is not passed on, since it may quote an address. *trust*: whose certificates are good;
    None: those that the system trusts.
    """

    def __init__(
        self,
        relay: Relay,
        sender: Address,
        *,
        trust: ssl.SSLContext | None = None,
        deadline: float = _DEADLINE,
    ) -> None:
        self._relay, self._sender = relay, sender
        self._trust, self._deadline = trust, deadline

    async def send(self, to: Iterable[str], subject: str, text: str, *, id: UUID, at: datetime) -> None:
        """Send *text* once more, or for the first time: the `Message-ID` follows from *id*."""
        try:
            message = self._message([address_of(one) for one in to], subject, text, id=id, at=at)
        except (ValueError, MessageError):
            raise Declined("an address is none that mail is sent to") from None
        talk = _Talk(self._relay, message, self._context())
        try:
            async with asyncio.timeout(self._deadline):
                await asyncio.to_thread(talk.hold)
        except TimeoutError:
            raise Undelivered(f"the mail server took longer than {self._deadline:g} s") from None
        except smtplib.SMTPException as error:
            raise _why(error) from None
        except OSError as error:
            raise Undelivered(f"the mail server: {type(error).__name__}") from None
        finally:
            talk.cut()

    def _message(self, to: list[Address], subject: str, text: str, *, id: UUID, at: datetime) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = at
        message["Message-ID"] = f"<{id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # nobody's holiday answers it (RFC 3834)
        message.set_content(text)
        return message

    def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context()
        return self._trust


class _Talk:
    """One conversation with the server, on a thread, which another one may cut off."""

    def __init__(self, relay: Relay, message: EmailMessage, context: ssl.SSLContext) -> None:
        self._relay, self._message, self._context = relay, message, context
        self._socket: socket.socket | None = None
        self._over = False

    def hold(self) -> None:
        with self._connected() as smtp:
            self._socket = smtp.sock
            if self._over:
                return
            if not self._relay.implicit_tls and not self._relay.local:
                smtp.starttls(context=self._context)
                self._socket = smtp.sock
            if self._relay.user is not None:
                smtp.login(self._relay.user, self._relay.password or "")
            smtp.send_message(self._message)

    def cut(self) -> None:
        """End it, wherever it is: a thread that waits for an answer wakes."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.implicit_tls:
            return smtplib.SMTP_SSL(relay.host, relay.port, timeout=_PATIENCE, context=self._context)
        return smtplib.SMTP(relay.host, relay.port, timeout=_PATIENCE)


def _why(error: smtplib.SMTPException) -> Declined | Undelivered:
    """For good, if the server will not take it for whom it is; what is wrong with us can be mended."""
    match error:
        case smtplib.SMTPRecipientsRefused() if all(500 <= code < 600 for code, _ in _codes(error)):
            return Declined("the mail server refuses the recipient")
        case smtplib.SMTPDataError() if 500 <= error.smtp_code < 600:
            return Declined(f"the mail server refuses the message with {error.smtp_code}")
        case smtplib.SMTPResponseException():
            return Undelivered(f"the mail server answered {error.smtp_code}")
    return Undelivered(f"the mail server: {type(error).__name__}")


def _codes(error: smtplib.SMTPRecipientsRefused) -> Iterable[tuple[int, bytes]]:
    return error.recipients.values()
