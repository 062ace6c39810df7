"""The User-Agent in few characters: half of a sealed snapshot, which travels with each request."""

from __future__ import annotations

__all__ = ["long", "short"]

_BEGINNING = "Mozilla/5.0 ("
_WORDS = (  # of which nearly every browser says some; a character each that comes in no header
    ("\x02", ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"),
    ("\x03", " Safari/537.36"),
    ("\x04", "Windows NT 10.0; Win64; x64"),
    ("\x05", "Macintosh; Intel Mac OS X 10_15_7"),
    ("\x06", ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/"),
    ("\x07", ".0.0.0"),
)
_AS_IT_IS, _SHORT = "\x00", "\x01"
_MARKS = frozenset((_AS_IT_IS, _SHORT, *(mark for mark, _ in _WORDS)))


def short(agent: str) -> str:
    """*agent*, shorter if it is one of a browser. Whoever changes this changes the version of snapshots."""
    if not _MARKS.isdisjoint(agent):
        return _AS_IT_IS + agent
    if not agent.startswith(_BEGINNING):
        return agent
    rest = agent[len(_BEGINNING) :]
    for mark, word in _WORDS:
        rest = rest.replace(word, mark)
    return _SHORT + rest


def long(text: str) -> str:
    """What `short` made *text* of."""
    first = text[:1]
    if first == _SHORT:
        text = _BEGINNING + text[1:]
        for mark, word in _WORDS:
            text = text.replace(mark, word)
        return text
    return text[1:] if first == _AS_IT_IS else text
