"""What a user may call a device of theirs: a short line of text that shows what it says."""

from __future__ import annotations

from unicodedata import category, normalize

from sojourn.errors import BodyRejected

__all__ = ["LONGEST", "cleaned"]

LONGEST = 60  # characters

_JOINERS = "\u200c\u200d"  # which Persian, Hindi and many an emoji need
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # some of them turn a line around (U+202E)


def cleaned(text: str | None) -> str | None:
    """*text* as it is kept, None if nothing is left of it; `BodyRejected` if it is too long."""
    if text is None:
        return None
    if len(text) > 10 * LONGEST:  # before the work
        raise _too_long()
    kept = "".join(" " if c.isspace() else c for c in text)
    kept = "".join(c for c in kept if c in _JOINERS or category(c) not in _UNSEEN)
    name = " ".join(normalize("NFC", kept).split())
    if len(name) > LONGEST:
        raise _too_long()
    return name if name.strip(_JOINERS + " ") else None


def _too_long() -> BodyRejected:
    return BodyRejected(f"A name has at most {LONGEST} characters.", status=422, field="name")
