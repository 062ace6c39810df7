"""Serving HTTP: the port, with a clear error if it is taken, and what uvicorn is told."""

from __future__ import annotations

import errno
import logging
import re
import socket
from copy import deepcopy
from typing import Any

from sojourn.errors import SettingsError

__all__ = ["Unlinked", "bind", "uvicorn_options"]

_LINK = re.compile(r"(/not-me\?)\S*")


def bind(host: str, port: int, *, other: str) -> socket.socket:
    """A socket that is bound to *host* and *port*; *other* says how to choose another port."""
    family, kind, _, _, address = _resolved(host, port)
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise _refused(error, host, port, other) from None
    return listener


def _resolved(host: str, port: int) -> Any:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise SettingsError(
            f"{host} is no address of this machine ({error.strerror}); correct SOJOURN_HOST"
        ) from None


def _refused(error: OSError, host: str, port: int, other: str) -> SettingsError:
    match error.errno:
        case errno.EADDRINUSE:
            return SettingsError(f"port {port} is taken; stop the program that uses it, or {other}")
        case errno.EACCES | errno.EPERM:
            return SettingsError(f"port {port} is not open to this user; {other}")
        case errno.EADDRNOTAVAIL:
            return SettingsError(f"{host} is no address of this machine; correct SOJOURN_HOST")
    return SettingsError(f"{host}, port {port}: {error.strerror}; {other}")


def uvicorn_options(log_level: str) -> dict[str, Any]:
    """Forwarded headers are Sojourn's own business, so uvicorn must not have believed them before."""
    from uvicorn.config import LOGGING_CONFIG

    logs = deepcopy(LOGGING_CONFIG)
    logs["filters"] = {"links": {"()": Unlinked}}
    logs["handlers"]["access"]["filters"] = ["links"]
    logs["loggers"]["sojourn"] = {"handlers": ["default"], "level": log_level.upper(), "propagate": False}
    return {
        "log_config": logs,
        "log_level": log_level,
        "proxy_headers": False,
        "server_header": False,
        "lifespan": "on",
    }


class Unlinked(logging.Filter):
    """Keeps the link of a notice out of the access log: whoever reads that could press its button."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _LINK.sub(r"\1...", part) if isinstance(part, str) else part for part in record.args
            )
        return True
