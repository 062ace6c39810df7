"""Settings as text: what an operator writes becomes a value, and a value what an operator would write.

Each parser raises `ValueError` with what would have been right.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

__all__ = [
    "as_is",
    "days",
    "flag",
    "metrics",
    "minutes",
    "names",
    "networks",
    "number_or_none",
    "object_or_file",
    "one_of",
    "prefix",
    "profiles",
    "redis",
    "rules",
    "span",
    "span_or_none",
    "span_or_off",
    "spelled",
    "version",
    "whole",
    "without_password",
]


def as_is(text: str) -> str:
    return text


def whole(lowest: int, highest: int, text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not lowest <= int(text) <= highest:
        raise ValueError(f"give a whole number from {lowest} to {highest}")
    return int(text)


def number_or_none(text: str) -> int | None:
    try:
        return None if text == "none" else whole(1, 1_000_000, text)
    except ValueError:
        raise ValueError("give a whole number from 1 on, or none for any number") from None


def flag(text: str) -> bool:
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise ValueError("give 1 or 0")


def one_of(choices: tuple[str, ...], text: str) -> str:
    if text not in choices:
        raise ValueError(f"give one of {', '.join(choices)}")
    return text


def version(known: tuple[str, ...], text: str) -> str:
    """One of *known*; the last for yes, off for no."""
    chosen = text.lower()
    try:
        return chosen if chosen in known else known[-1] if flag(chosen) else "off"
    except ValueError:
        raise ValueError(f"give {', '.join(known)} or off") from None


_LEAST = 16  # characters of a token: it is guessed over the network, and nobody has to remember it


def metrics(text: str) -> str:
    """`open`, `local`, `off`, or `token:` with a token that is long enough."""
    token = text.removeprefix("token:")
    if text in ("open", "local", "off") or (token != text and len(token) >= _LEAST and token.isascii()):
        return text
    raise ValueError(f"give open, local, off, or token: with at least {_LEAST} characters behind it")


def prefix(text: str) -> str:
    if text == "none":
        return ""
    if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", text):
        raise ValueError("give a path, plain and without a slash at its end, such as /auth, or none")
    return text


def redis(text: str) -> str:
    if not re.match(r"rediss?(\+cluster)?://", text):
        raise ValueError("give a redis:// address, or set SOJOURN_STORE for another kind of store")
    return text


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}


def span(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6}) ?([dhms]|ms)", text, re.ASCII)
    if match is None and text != "0":
        raise ValueError("give a number with a unit, such as 30d, 12h, 15m or 10s")
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)


def span_or_none(text: str) -> timedelta | None:
    try:
        return None if text == "none" else span(text)
    except ValueError as error:
        raise ValueError(f"{error}, or none") from None


def span_or_off(text: str) -> timedelta | None:
    """None for 0 as well: what lasts for no time is switched off."""
    return span_or_none(text) or None


def days(text: str) -> timedelta:
    return timedelta(days=whole(1, 400, text))


def minutes(text: str) -> timedelta:
    return timedelta(minutes=whole(1, 400 * 24 * 60, text))


def networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"{error}; give addresses or networks such as 10.0.0.0/8, with commas") from None


def names(text: str) -> tuple[str, ...]:
    if text == "none":
        return ()
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(found):
        raise ValueError("give names with commas, such as theme, language, or none")
    return found


def rules(text: str) -> dict[str, str]:
    """`name=value` with commas; what the names and values mean, somebody else says."""
    if text == "none":
        return {}
    found = {}
    for part in text.split(","):
        name, equals, value = (side.strip() for side in part.partition("="))
        if not name or not equals or not value or name in found:
            raise ValueError("give rules with commas, such as lifetime=12h,idle_timeout=15m, or none")
        found[name] = value
    return found


def profiles(text: str) -> dict[str, dict[str, str]]:
    """`name:rules` with semicolons."""
    if text == "none":
        return {}
    found = {}
    for part in text.split(";"):
        name, colon, said = (side.strip() for side in part.partition(":"))
        if not name or not colon or name in found:
            raise ValueError("give names with rules, such as admin:lifetime=12h;user:max_sessions=5, or none")
        found[name] = rules(said)
    return found


def object_or_file(text: str) -> Any:
    """JSON, or the path of a file with it. Nothing of it is quoted: it may hold secrets."""
    try:
        said = text if text.startswith("{") else Path(text).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise ValueError("give a JSON object, or the path of a file with one") from None
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        raise ValueError("what it says is not JSON") from None


def spelled(value: Any) -> str:
    """*value* as an operator would write it."""
    match value:
        case None:
            return "none"
        case bool():
            return "1" if value else "0"
        case timedelta():
            if value % _SECOND:
                return f"{value // _MILLISECOND}ms"
            seconds = int(value.total_seconds())
            unit = next((u for u, size in _SIZES.items() if seconds and seconds % size == 0), "s")
            return f"{seconds // _SIZES[unit]}{unit}" if seconds else "0"
        case dict():
            between = ";" if any(isinstance(part, dict) for part in value.values()) else ","
            sign = ":" if between == ";" else "="
            return between.join(f"{name}{sign}{spelled(part)}" for name, part in value.items()) or "none"
        case tuple():
            return ", ".join(str(part) for part in value) or "none"
    return str(value)


_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
_SIZES = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def without_password(text: str) -> str:
    """*text*, an address or a sentence with one, as it may be shown: without user and password.

    Rather too much is left out than too little: a password may contain "@", "/" or a space that
    should have been escaped.
    """
    return _PASSWORD.sub(r"\1***", _USER_AND_PASSWORD.sub("***@", text))


_USER_AND_PASSWORD = re.compile(r"(?<=://)(?!/).*@", re.DOTALL)
_PASSWORD = re.compile(r"(?i)((?:password|passwd|pwd|secret|token|api_?key)=)[^&\s]*")
