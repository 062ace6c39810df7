"""The User-Agent in few bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.shorthand import _KNOWN, long, short

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"
_PIECES = st.sampled_from([*_KNOWN.decode().split(), "curl/8.5.0", " ", "é", "\0", "\U0001f600"])


@pytest.mark.parametrize(
    "agent",
    [
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME} Safari/537.36",
        f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME} Safari/537.36 Edg/143.0.0.0",
        f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.1 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    ],
)
def test_what_a_browser_says_is_short(agent: str) -> None:
    assert len(short(agent)) <= 18
    assert long(short(agent)) == agent


@given(st.text() | st.lists(_PIECES).map("".join))
def test_whatever_is_said_comes_back_and_is_hardly_longer(agent: str) -> None:
    assert long(short(agent)) == agent
    assert len(short(agent)) <= len(agent.encode()) + 5


@given(st.text(min_size=1), st.data())
def test_what_is_cut_short_is_an_error(agent: str, data: st.DataObject) -> None:
    deflated = short(agent)
    with pytest.raises(ValueError, match=r"cut short|not deflated"):
        long(deflated[: data.draw(st.integers(1, len(deflated) - 1))])


@given(st.binary())
def test_other_bytes_are_a_text_or_an_error(deflated: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(long(deflated), str)


def test_what_was_not_deflated_is_an_error() -> None:
    with pytest.raises(ValueError, match="not deflated"):
        long(b"\xff" * 8)
