"""Is this set up well? Each check looks at one thing, changes nothing, and says what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path

from sojourn import keyring
from sojourn.doctor.journal import journal
from sojourn.doctor.stores import Finding, databases, file_of, wrong
from sojourn.errors import SettingsError
from sojourn.places_file import check
from sojourn.policy import Policy, words
from sojourn.settings import FIELDS, Loaded, Settings, load
from sojourn.web.carrier import is_loopback

__all__ = ["examine"]

_YEAR, _MONTH = timedelta(days=365), timedelta(days=30)
_OLD_PLACES = timedelta(days=60)


async def examine(
    arguments: Mapping[str, object] | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    now: datetime,
) -> list[Finding]:
    """Every finding, in the order in which they are best mended."""
    clock = _running(now)
    try:
        loaded = load(arguments, environment)
    except SettingsError as error:
        return [wrong("settings", error), *_unknown(environment)]
    settings = loaded.settings
    findings = [
        *_settings(loaded),
        *_unknown(environment),
        *_policy(settings),
        *_origin(settings),
        *_keys(settings, now),
        *_places(loaded, now),
    ]
    findings += [finding async for finding in databases(settings, now, clock)]
    findings += [finding async for finding in journal(settings, now)]
    return findings


def _running(now: datetime) -> Callable[[], datetime]:
    """A clock that was at *now* a moment ago: the checks before the store's take their time."""
    began = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - began)


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def _settings(loaded: Loaded) -> Iterator[Finding]:
    for row in loaded.rows():
        yield Finding("ok", row.field.env, f"{row.value} ({row.source})")


def _unknown(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = [field.env for field in FIELDS]
    for name in sorted(environment):
        if name.startswith("SOJOURN_") and name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"is {near[0]} meant?" if near else "remove it, or correct its name"
            yield Finding("warning", name, "is set, and nothing reads it", remedy)


def _places(loaded: Loaded, now: datetime) -> Iterator[Finding]:
    settings = loaded.settings
    if settings.geo_api_key is not None and not settings.places_from:
        source = loaded.sources["geo_api_key"]
        yield Finding("warning", source, "is set, and nobody is asked", "set SOJOURN_PLACES_FROM too")
    if settings.places is None:
        yield Finding("ok", "places", "none: people read Location unknown")
        return
    try:
        found = check(settings.places)
    except (OSError, SettingsError) as fault:
        said = fault.strerror if isinstance(fault, OSError) else str(fault)
        remedy = "run `sojourn places update`, or correct SOJOURN_PLACES"
        yield Finding("warning", "places", f"{settings.places}: {said}", remedy)
        return
    built = f"{found.kind} of {found.built_at:%Y-%m-%d}"
    if now - found.built_at > _OLD_PLACES:
        yield Finding("warning", "places", f"{built}, which is old", "run `sojourn places update`, by a cron")
    else:
        yield Finding("ok", "places", built)


def _policy(settings: Settings) -> Iterator[Finding]:
    policy = settings.policy()
    idle = f"after {words(policy.idle_timeout)} idle" if policy.idle_timeout else "never by being idle"
    yield Finding(
        "ok", "policy", f"{settings.preset}: a session ends after {words(policy.lifetime)}, or {idle}"
    )
    for unwise, what, remedy in _lax(policy):
        if unwise:
            yield Finding("warning", "policy", what, remedy)


def _lax(policy: Policy) -> list[tuple[bool, str, str]]:
    """What works, and is wider than the standards recommend."""
    return [
        (
            policy.lifetime > _MONTH,
            f"a sign-in lasts {words(policy.lifetime)}, more than 30 days",
            "lower SOJOURN_LIFETIME (NIST SP 800-63B-4, AAL1)",
        ),
        (
            policy.idle_timeout is None,
            "nobody is signed out for being idle",
            "set SOJOURN_IDLE_TIMEOUT, 14d for example (ASVS 7.3.1)",
        ),
        (
            policy.max_sessions is None,
            "a user may have any number of sessions",
            "set SOJOURN_MAX_SESSIONS (ASVS 7.1.2)",
        ),
        (
            policy.fresh_for > timedelta(hours=1),
            f"a sign-in suffices for sensitive acts for {words(policy.fresh_for)}",
            "lower SOJOURN_FRESH_FOR, to 10m for example (ASVS 7.5.1)",
        ),
        (
            policy.when_away == "go_on",
            "while the store is away a revocation is not felt",
            "set SOJOURN_WHEN_AWAY=refuse, or accept it (ASVS 7.4.1)",
        ),
    ]


# ── https ─────────────────────────────────────────────────────────────────────────────────────


def _origin(settings: Settings) -> Iterator[Finding]:
    if settings.https:
        yield Finding(
            "ok",
            "https",
            f"{settings.origin}; answers carry Strict-Transport-Security, without preload",
            "preload only when every subdomain has https for good: hstspreload.org",
        )
        yield from _proxies(settings)
    elif settings.development:
        yield Finding(
            "warning",
            "https",
            f"{settings.origin} is plain http, which SOJOURN_DEVELOPMENT allows",
            "before people sign in, set an https:// origin and remove SOJOURN_DEVELOPMENT",
        )
    else:
        yield Finding("ok", "https", f"{settings.origin} is plain http, and reached from this machine alone")
        if not is_loopback(settings.host):
            yield Finding(
                "warning",
                "https",
                f"the server listens on {settings.host}, but its origin is this machine alone",
                "set SOJOURN_ORIGIN to what people see in the address bar, or SOJOURN_HOST to 127.0.0.1",
            )


def _proxies(settings: Settings) -> Iterator[Finding]:
    if settings.development:
        yield Finding("warning", "https", "SOJOURN_DEVELOPMENT is on", "remove it where people sign in")
    if not settings.trusted_proxies:
        yield Finding(
            "error",
            "https",
            "no proxy is trusted, so every request counts as plain http, and signing in is refused",
            "set SOJOURN_TRUSTED_PROXIES to the address of the proxy that speaks https",
        )
    for network in settings.trusted_proxies:
        if ip_network(network).prefixlen == 0:
            yield Finding(
                "error",
                "https",
                f"{network} is everybody: any client can claim any address",
                "set SOJOURN_TRUSTED_PROXIES to the proxy's own address",
            )


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def _keys(settings: Settings, now: datetime) -> Iterator[Finding]:
    where = "SOJOURN_KEYS" if settings.keys else str(settings.keys_file)
    try:
        text = settings.keys or keyring.read_text(settings.keys_file)
        ring = keyring.parse(text, where=where)
    except SettingsError as error:
        yield wrong("keys", error)
        return
    yield Finding("ok", "keys", f"{where}: {', '.join(f'{key.id} {key.role}' for key in ring)}")
    for entry in keyring.entries(text, where=where):
        yield from _age(entry, now)
    if not settings.keys and settings.keys_file.absolute().parent in _folders(settings):
        yield Finding(
            "warning",
            "keys",
            f"{where} lies beside the database, so one backup holds both",
            "move it and set SOJOURN_KEYS_FILE: with both together sessions can be forged",
        )


def _age(entry: keyring.Entry, now: datetime) -> Iterator[Finding]:
    age, id = now.date() - entry.since, entry.key.id
    if entry.key.role == "signing" and age > _YEAR:
        yield Finding("warning", "keys", f"key {id} signs since {entry.since}", "run `sojourn keys rotate`")
    if entry.key.role == "next" and age > _MONTH:
        yield Finding(
            "warning",
            "keys",
            f"key {id} was announced on {entry.since} and does not sign yet",
            "run `sojourn keys rotate` once more",
        )


def _folders(settings: Settings) -> set[Path]:
    files = [file_of(url) for url in (settings.store, settings.accounts)]
    return {file.absolute().parent for file in files if file is not None}
