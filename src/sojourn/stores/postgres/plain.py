"""Values as the statements of both databases have them: whole numbers of 64 bits, any text, bytes."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["register"]

# PostgreSQL knows no text with a zero in it. So zero is written as two characters, and what begins them too.
_ESCAPE = "\x10"
_WRITTEN = {"\0": f"{_ESCAPE}0", _ESCAPE: f"{_ESCAPE}1"}
_READ = {written: read for read, written in _WRITTEN.items()}
_TO_WRITE = re.compile("[\0\x10]")
_TO_READ = re.compile("\x10[01]")


def register(psycopg: Any, connection: Any) -> None:
    """Have *connection* write and read them so.

    Text and bytes have the type that the statement asks for, like a null: otherwise each way to mix them
    would be a statement of its own to the server.
    """
    numeric, string = psycopg.types.numeric, psycopg.types.string
    adapters = connection.adapters
    adapters.register_dumper(int, numeric.Int8BinaryDumper)
    adapters.register_dumper(bytes, type("Bytes", (string.BytesBinaryDumper,), {"oid": 0}))
    adapters.register_dumper(str, _text_dumper(psycopg))
    adapters.register_loader("text", _text_loader(psycopg))


def _text_dumper(psycopg: Any) -> Any:
    class Text(psycopg.adapt.Dumper):  # type: ignore[misc]
        oid = 0

        def dump(self, obj: str) -> bytes:
            return _TO_WRITE.sub(lambda found: _WRITTEN[found[0]], obj).encode()

    return Text


def _text_loader(psycopg: Any) -> Any:
    class Loader(psycopg.adapt.Loader):  # type: ignore[misc]
        format = psycopg.pq.Format.BINARY

        def load(self, data: Any) -> str:
            text = str(data, "utf-8")
            return _TO_READ.sub(lambda found: _READ[found[0]], text) if _ESCAPE in text else text

    return Loader
