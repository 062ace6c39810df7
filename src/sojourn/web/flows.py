"""The cookies of sign-ins that are on their way to a provider: one each, so that two tabs get on together."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.web.visit import Visit

__all__ = ["MOST", "carried", "forget", "keep"]

MOST = 4  # at once in one browser: a page that opens many must not fill the Cookie header
_FLOW = "flow-"
_SLOT = re.compile(r"[0-9a-f]{16}")


def keep(visit: Visit, slot: str, sealed: str, *, lasting: timedelta) -> None:
    """Have the browser bring *sealed* back. The oldest sign-ins that it has not finished give way."""
    visit.put(_FLOW + slot, visit.site.carrier.set_parked(_FLOW + slot, sealed, lasting=lasting))
    older = [name for name in _found(visit) if name != slot]
    for name in older[: max(0, len(older) - MOST + 1)]:  # browsers send what is older first (RFC 6265, 5.4)
        forget(visit, name)


def carried(visit: Visit, slot: str) -> str | None:
    """What the browser brought for *slot*. A name that comes twice with two values is nobody's."""
    return _found(visit).get(slot)


def forget(visit: Visit, slot: str) -> None:
    visit.put(_FLOW + slot, visit.site.carrier.clear_parked(_FLOW + slot))


def _found(visit: Visit) -> dict[str, str]:
    visit.presented  # noqa: B018 -- to have looked at the cookies: the answer depends on them
    found = visit.site.carrier.beside(visit.cookie_header, _FLOW)
    return {slot: sealed for slot, sealed in found.items() if _SLOT.fullmatch(slot)}
