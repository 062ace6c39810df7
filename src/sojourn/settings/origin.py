"""The origin: scheme, host and port that browsers show, on which cookies and CSRF checks rest."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sojourn.errors import SettingsError
from sojourn.settings_text import without_password
from sojourn.web.carrier import is_loopback

__all__ = ["origin_of"]


def origin_of(text: str, *, host: str, port: int, development: bool) -> str:
    """*text* as browsers send it; without one, where a server on a loopback *host* is reached."""
    if text:
        return _checked(text, development=development)
    if is_loopback(host):
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}" if port == 80 else f"http://{shown}:{port}"
    raise SettingsError(
        f"SOJOURN_ORIGIN is not set, and the server listens on {host}, where others reach it; "
        "set it to what people see in the address bar, such as https://accounts.example.org"
    )


def _checked(text: str, *, development: bool) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not bare:
        raise SettingsError(
            f"SOJOURN_ORIGIN is {without_password(text)!r}; "
            "give scheme, host and perhaps a port, nothing more, such as https://accounts.example.org"
        )
    if parts.scheme == "http" and not is_loopback(host) and not development:
        raise SettingsError(
            f"SOJOURN_ORIGIN is {text!r}: over plain http anybody on the way reads the credentials; "
            "use https://, or set SOJOURN_DEVELOPMENT=1 on a machine where that does not matter"
        )
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, usual) else "")


_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*")
