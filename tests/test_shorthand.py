"""The User-Agent in few characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.shorthand import _MARKS, _WORDS, long, short

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"
_PIECES = st.sampled_from([*_MARKS, "Mozilla/5.0 (", *(word for _, word in _WORDS), ".0", "Chrome", "é"])


@pytest.mark.parametrize(
    ("agent", "most"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Safari/537.36", 8),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Safari/537.36", 8),
        (f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Safari/537.36 Edg/143.0.0.0", 40),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Mobile Safari/537.36", 40),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.1 Mobile/15E148 Safari/604.1",
            75,
        ),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", 45),
    ],
)
def test_what_a_browser_says_is_short(agent: str, most: int) -> None:
    assert len(short(agent)) <= most
    assert long(short(agent)) == agent


@pytest.mark.parametrize("agent", ["", "curl/8.5.0", "Mozilla/5.0", "okhttp/4.12.0"])
def test_what_no_browser_says_stays_as_it_is(agent: str) -> None:
    assert short(agent) == agent == long(agent)


@given(st.text() | st.lists(_PIECES).map("".join))
def test_whatever_is_said_comes_back(agent: str) -> None:
    assert long(short(agent)) == agent


@given(st.lists(_PIECES).map("".join))
def test_any_text_at_all_can_be_read(text: str) -> None:
    assert isinstance(long(text), str)
