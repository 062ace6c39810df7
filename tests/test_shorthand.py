"""What is known of a device, in few bytes."""

from __future__ import annotations

from contextlib import suppress
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import device
from sojourn.session import DeviceKind
from sojourn.shorthand import _COMMON, Described, long, short

_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"
_PIECES = st.sampled_from(
    [
        *(word for described in _COMMON for word in described[-1].split()),
        *("curl/8.5.0", " ", "é", "\0", "\U0001f600"),
    ]
)
_WORDS = st.text() | st.lists(_PIECES).map(" ".join)
_DESCRIBED = st.tuples(
    st.sampled_from(get_args(DeviceKind)), _WORDS, *[st.none() | _WORDS] * 5, _WORDS
) | st.sampled_from(_COMMON)
_NOT_OURS = (ValueError, msgspec.MsgspecError)


def described(agent: str) -> Described:
    d = device.describe({"user-agent": agent}, id=None)
    return d.kind, d.name, d.model, d.browser, d.browser_version, d.os, d.os_version, d.user_agent


@pytest.mark.parametrize(
    "agent",
    [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_BLINK} Safari/537.36",
        f"Mozilla/5.0 (X11; Linux x86_64) {_BLINK} Safari/537.36 Edg/143.0.0.0",
        f"Mozilla/5.0 (Linux; Android 10; K) {_BLINK} Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.1 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    ],
)
def test_a_browser_is_few_bytes(agent: str) -> None:
    assert len(short(described(agent))) <= 35 < len(agent)
    assert long(short(described(agent))) == described(agent)


@pytest.mark.parametrize("common", _COMMON, ids=lambda common: common[1])
def test_what_is_common_is_what_a_device_is_described_as(common: Described) -> None:
    assert described(common[-1]) == common


@given(_DESCRIBED)
def test_whatever_is_known_comes_back_and_is_hardly_longer(known: Described) -> None:
    deflated = short(known)
    assert long(deflated) == known
    assert len(deflated) <= len(msgspec.msgpack.encode(known)) + 5


@given(_DESCRIBED, st.data())
def test_what_is_cut_short_is_an_error_or_whole(known: Described, data: st.DataObject) -> None:
    deflated = short(known)
    some = deflated[: data.draw(st.integers(0, len(deflated) - 1))]
    with suppress(*_NOT_OURS):  # the last bytes may only say that it ends
        assert long(some) == known


@given(st.binary())
def test_other_bytes_are_no_device(deflated: bytes) -> None:
    with suppress(*_NOT_OURS):
        kind, *_ = long(deflated)
        assert kind in get_args(DeviceKind)


def test_what_was_not_deflated_is_an_error() -> None:
    with pytest.raises(ValueError, match="not deflated"):
        long(b"\xff" * 8)
    with pytest.raises(msgspec.MsgspecError):
        long(b"")
