"""What is known of a device in few bytes: it was half of a snapshot, which travels with each request."""

from __future__ import annotations

import zlib
from typing import TypeAlias

import msgspec

from sojourn.session import DeviceKind

__all__ = ["Described", "long", "short"]

# Kind, name, model, browser and its version, system and its version, User-Agent.
Described: TypeAlias = tuple[DeviceKind, str, str | None, str | None, str | None, str | None, str | None, str]

# The most frequent last: whatever differs from one of these is all that is written. They belong to the
# form of snapshots: who changes them changes its version.
_WEBKIT, _BLINK = "AppleWebKit/605.1.15 (KHTML, like Gecko)", "AppleWebKit/537.36 (KHTML, like Gecko)"
_PHONE, _MAC = "iPhone; CPU iPhone OS 18_7 like Mac OS X", "Macintosh; Intel Mac OS X 10_15_7"
_WINDOWS = "Windows NT 10.0; Win64; x64"
_COMMON: tuple[Described, ...] = (
    (
        *("desktop", "Firefox 140 on Windows", None, "Firefox", "140", "Windows", None),
        f"Mozilla/5.0 ({_WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        *("mobile", "Safari 26 on iOS", "iPhone", "Safari", "26", "iOS", None),
        f"Mozilla/5.0 ({_PHONE}) {_WEBKIT} Version/26.0 Mobile/15E148 Safari/604.1",
    ),
    (
        *("desktop", "Safari 26 on macOS", "Mac", "Safari", "26", "macOS", None),
        f"Mozilla/5.0 ({_MAC}) {_WEBKIT} Version/26.0 Safari/605.1.15",
    ),
    (
        *("mobile", "Chrome 140 on Android", None, "Chrome", "140", "Android", None),
        f"Mozilla/5.0 (Linux; Android 10; K) {_BLINK} Chrome/140.0.0.0 Mobile Safari/537.36",
    ),
    (
        *("desktop", "Edge 140 on Windows", None, "Edge", "140", "Windows", None),
        f"Mozilla/5.0 ({_WINDOWS}) {_BLINK} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    ),
    (
        *("desktop", "Chrome 140 on Linux", None, "Chrome", "140", "Linux", None),
        f"Mozilla/5.0 (X11; Linux x86_64) {_BLINK} Chrome/140.0.0.0 Safari/537.36",
    ),
    (
        *("desktop", "Chrome 140 on macOS", "Mac", "Chrome", "140", "macOS", None),
        f"Mozilla/5.0 ({_MAC}) {_BLINK} Chrome/140.0.0.0 Safari/537.36",
    ),
    (
        *("desktop", "Chrome 140 on Windows", None, "Chrome", "140", "Windows", None),
        f"Mozilla/5.0 ({_WINDOWS}) {_BLINK} Chrome/140.0.0.0 Safari/537.36",
    ),
)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Described).decode
_KNOWN = b"".join(_encode(described) for described in _COMMON)
_WINDOW = -11  # 2 KiB, in which the above has room, without a head and a checksum


def short(described: Described) -> bytes:
    """*described*, deflated beside what is common: of most browsers 9 to 31 bytes instead of 160."""
    deflating = zlib.compressobj(wbits=_WINDOW, memLevel=1, zdict=_KNOWN)
    return deflating.compress(_encode(described)) + deflating.flush()


def long(deflated: bytes) -> Described:
    """What `short` made *deflated* of; a `ValueError` or `msgspec.MsgspecError` if of nothing of the kind."""
    inflating = zlib.decompressobj(_WINDOW, _KNOWN)
    try:
        encoded = inflating.decompress(deflated)
    except zlib.error as error:
        raise ValueError("not deflated") from error
    described: Described = _decode(encoded)
    return described
