"""Their CSRF token: one half in a cookie, the same in the body, and our MAC over it in the cookie too.

It comes on top of our own check of where a request comes from, because their client cannot do without.
"""

from __future__ import annotations

import hmac
import os
import re

from sojourn.api.routes import Call
from sojourn.errors import CsrfFailed
from sojourn.web.carrier import pairs

__all__ = ["check", "token_for"]

_PURPOSE = "authjs csrf token"
_VALUE = re.compile(r"([0-9a-f]{64})(?:%7[Cc]|\|)([0-9a-f]{64})")


def token_for(call: Call, name: str) -> str:
    """The token of this browser, which gets one now if it had none; the cookie is called *name*."""
    known = _known(call, name)
    if known is not None:
        return known
    token, site = os.urandom(32).hex(), call.visit.site
    mac = site.sessions.keys.mac(_PURPOSE, token.encode()).hex()
    secure = "; Secure" if site.carrier.secure else ""
    call.visit.put(name, f"{name}={token}%7C{mac}; Path=/; HttpOnly; SameSite=Lax{secure}")
    return token


def check(call: Call, name: str, given: str) -> None:
    """Refuse what does not name the token of the cookie; compared in constant time."""
    known = _known(call, name)
    if known is None or not hmac.compare_digest(known.encode(), given.encode()):
        raise CsrfFailed(status=400)


def _known(call: Call, name: str) -> str | None:
    """The token in the cookie, if we made it. Of two different cookies with that name neither counts."""
    call.visit.presented  # noqa: B018 - the answer depends on cookies, and doubled ones of ours are refused
    values = {value for key, value in pairs(call.visit.cookie_header) if key == name.encode()}
    match = _VALUE.fullmatch(values.pop().decode("latin-1")) if len(values) == 1 else None
    if match is None:
        return None
    token = match[1]
    made = call.visit.site.sessions.keys.made(_PURPOSE, token.encode(), bytes.fromhex(match[2]))
    return token if made else None
