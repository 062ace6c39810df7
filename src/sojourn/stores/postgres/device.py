"""A device as few bytes: an array of its fields, deflated with a dictionary of what user agents repeat.

A common browser takes 25 bytes instead of 200. The id is not in it, so that devices of one kind are the same
bytes, and are read once.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any

import msgspec

from sojourn.session import Device

__all__ = ["pack", "unpack"]

_FIELDS = (
    "kind",
    "name",
    "model",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "user_agent",
    "custom_name",
)
"""In this order for ever: a newer field goes to the end."""

# Never to be changed: rows were written with it. A better one gets the next number, and this one stays for
# reading. What is most likely stands last, where a reference to it is shortest.
_DICTIONARY = (
    b"okhttp/python-requests/curl/Go-http-client/PostmanRuntime/bottabletapiunknownUnknown device"
    b"SamsungBrowser/Samsung Internet on Android; SAMSUNG SM-OPR/Opera/Vivaldi/DuckDuckGo/YaBrowser/"
    b"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) iPadOS CriOS/FxiOS/EdgiOS/GSA/"
    b"Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
    b"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    b"\xa6mobile\xb1Firefox 140 on Linux\xa7Firefox\xa3140\xa5Linux\xc0"
    b"\xa6mobile\xb0Safari 26 on iOS\xa6iPhone\xa6Safari\xa226\xa3iOS\xc0"
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/26.0 Mobile/15E148 Safari/604.1"
    b"\xa7desktop\xb2Safari 26 on macOS\xa3Mac\xa6Safari\xa226\xa5macOS\xc0"
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    b"Version/26.0 Safari/605.1.15"
    b"\xa6mobile\xb5Chrome 140 on Android\xc0\xa6Chrome\xa3140\xa7Android\xa216"
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Mobile Safari/537.36"
    b"\xa7desktop\xb2Edge 140 on Windows\xc0\xa4Edge\xa3140\xa7Windows\xc0 Edg/140.0.0.0"
    b"\xa7desktop\xb3Chrome 140 on Linux\xc0\xa6Chrome\xa3140\xa5Linux\xc0"
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    b"\xa7desktop\xb3Chrome 140 on macOS\xa3Mac\xa6Chrome\xa3140\xa5macOS\xc0"
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Safari/537.36"
    b"\x98\xa7desktop\xb5Chrome 140 on Windows\xc0\xa6Chrome\xa3140\xa7Windows\xc0\xd9\x6f"
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/140.0.0.0 Safari/537.36"
)
_FIRST = b"\x01"  # what a packed device begins with: the number of its dictionary
_WINDOW = -12  # raw deflate; 4 kB reach back over all of the dictionary
_LONGEST = 65_536  # bytes that a packed device may unfold to

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


def pack(device: Device) -> bytes:
    """All of *device* but its id."""
    fields = [getattr(device, name) for name in _FIELDS]
    return _pack(*(fields if device.custom_name is not None else fields[:-1]))  # nearly all have none


@lru_cache(maxsize=1024)
def _pack(*fields: Any) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, _WINDOW, zdict=_DICTIONARY)
    return _FIRST + deflate.compress(_encode(fields)) + deflate.flush()


def unpack(packed: bytes, id: str | None) -> Device:
    """The device that was packed, with its *id*."""
    kind, name, model, browser, browser_version, os, os_version, user_agent, custom_name = _unpack(packed)
    return Device(
        id=id,
        kind=kind,
        name=name,
        model=model,
        custom_name=custom_name,
        browser=browser,
        browser_version=browser_version,
        os=os,
        os_version=os_version,
        user_agent=user_agent,
    )


@lru_cache(maxsize=4096)
def _unpack(packed: bytes) -> tuple[Any, ...]:
    if packed[:1] != _FIRST:
        raise ValueError(f"a device is packed in a way that this Sojourn does not know ({packed[:1]!r})")
    inflate = zlib.decompressobj(_WINDOW, zdict=_DICTIONARY)
    fields = _decode(inflate.decompress(packed[1:], _LONGEST))
    missing = [None] * (len(_FIELDS) - len(fields))
    return (*fields[: len(_FIELDS)], *missing)  # a newer release may have added some
