"""The User-Agent in few bytes: a third of a sealed snapshot, which travels with each request."""

from __future__ import annotations

import zlib

__all__ = ["long", "short"]

# What browsers say, the most frequent last: whatever differs from one of these is all that is written. It
# belongs to the form of snapshots: who changes it changes their version.
_KNOWN = b"".join(
    (
        b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        b"Version/26.0 Mobile/15E148 Safari/604.1",
        b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        b"Version/26.0 Safari/605.1.15",
        b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
        b"Mobile Safari/537.36",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
        b"Safari/537.36 Edg/140.0.0.0",
        b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
        b"Chrome/140.0.0.0 Safari/537.36",
        b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        b"Chrome/140.0.0.0 Safari/537.36",
    )
)
_WINDOW = -11  # 2 KiB, in which the above has room, without a head and a checksum


def short(agent: str) -> bytes:
    """*agent*, deflated beside what browsers say: eight to fifteen bytes of most."""
    if not agent:
        return b""
    deflating = zlib.compressobj(wbits=_WINDOW, memLevel=1, zdict=_KNOWN)
    return deflating.compress(agent.encode()) + deflating.flush()


def long(deflated: bytes) -> str:
    """What `short` made *deflated* of; a `ValueError` if it made nothing of the kind."""
    if not deflated:
        return ""
    inflating = zlib.decompressobj(_WINDOW, _KNOWN)
    try:
        agent = inflating.decompress(deflated)
    except zlib.error as error:
        raise ValueError("not deflated") from error
    if not inflating.eof:
        raise ValueError("cut short")
    return agent.decode()
