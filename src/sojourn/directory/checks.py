"""What may stand in an application or a tenant; what may not is refused with what would do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from unicodedata import category, normalize
from urllib.parse import SplitResult, urlsplit

from sojourn.directory.records import ALGORITHMS, GRANTS, Application, Tenant
from sojourn.errors import ApplicationRejected, DirectoryError, TenantRejected

__all__ = ["check_application", "check_tenant", "clean_name"]

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SLUG = re.compile(r"[a-z0-9-]{1,63}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")  # RFC 6749 section 3.3
_URI = re.compile(r"[\x21-\x7e]{1,2000}")
_NOT_IN_A_URI = re.compile(r'[\\"<>^`{|}*]')  # RFC 3986; and a star would be taken for a wildcard
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_LONGEST_NAME = 100
_MOST = 50  # of each kind: more is a mistake
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(hours=1)
_JOINERS = "\u200c\u200d"  # which Persian, Hindi and many an emoji need


def clean_name(text: str, refused: type[DirectoryError]) -> str:
    """*text* as one line of 1 to 100 printable characters, or *refused*."""
    name = " ".join(normalize("NFC", text[: 10 * _LONGEST_NAME]).split())
    if not name.strip(_JOINERS) or len(name) > _LONGEST_NAME or not all(map(_printable, name)):
        raise refused(f"A name is 1 to {_LONGEST_NAME} printable characters; give another name.")
    return name


def check_application(application: Application) -> None:
    """Raise `ApplicationRejected` unless each field can be, and they go together."""
    for wrong, said in _impossible(application):
        if wrong:
            raise ApplicationRejected(said)
    for uri in application.redirect_uris:
        _check_redirect(uri, "A redirect URI", public=application.public)
    for uri in application.post_logout_redirect_uris:
        _check_redirect(uri, "A URI to go to after signing out", public=application.public)
    if application.back_channel_logout_uri is not None:
        _check_back_channel(application.back_channel_logout_uri)


def check_tenant(tenant: Tenant) -> None:
    """Raise `TenantRejected` if the slug cannot be."""
    if not _SLUG.fullmatch(tenant.slug) or tenant.slug.strip("-") != tenant.slug:
        raise TenantRejected(
            f"The slug {_shown(tenant.slug)} cannot be; give 1 to 63 of a-z, 0-9 and -, such as acme-corp, "
            "with no - at either end."
        )


def _impossible(application: Application) -> list[tuple[bool, str]]:
    """What cannot be, with its remedy."""
    scopes, ttl = application.scopes, application.access_ttl
    return [
        (
            not _ID.fullmatch(application.id),
            f"The id {_shown(application.id)} cannot be; give 1 to 64 of A-Z, a-z, 0-9, _, . and -.",
        ),
        (
            application.algorithm not in ALGORITHMS,
            f"There is no algorithm {_shown(application.algorithm)}; give one of {', '.join(ALGORITHMS)}.",
        ),
        (
            bool(unknown := _first(g for g in application.grants if g not in GRANTS)),
            f"There is no grant {_shown(unknown)}; give some of {', '.join(GRANTS)}.",
        ),
        (not application.grants, f"An application needs a grant; give some of {', '.join(GRANTS)}."),
        (
            application.public and "client_credentials" in application.grants,
            "A public application has no credentials to act on its own; leave out the grant "
            "client_credentials, or make it a confidential one.",
        ),
        (
            not all(map(_SCOPE.fullmatch, scopes)),
            f"The scope {_shown(_first(s for s in scopes if not _SCOPE.fullmatch(s)))} cannot be; "
            "give a word of 1 to 64 characters, one at a time, such as openid.",
        ),
        (
            ttl is not None and not _SHORTEST <= ttl <= _LONGEST,
            "An access token lasts from 1 second to 1 hour; give a span such as 5m.",
        ),
        (
            max(map(len, (application.redirect_uris, application.post_logout_redirect_uris, scopes))) > _MOST,
            f"An application has at most {_MOST} addresses and scopes of each kind; give fewer.",
        ),
    ]


def _check_redirect(uri: str, what: str, *, public: bool) -> None:
    """RFC 9700 section 4.1, RFC 8252 sections 7 and 8.4."""
    parts = _split(uri, what)
    if parts.scheme in ("http", "https"):
        _check_host(uri, parts, what)
    elif "." not in parts.scheme:
        raise ApplicationRejected(
            f"{what} begins with https://, on this machine with http://127.0.0.1, or on a device with "
            f"a scheme that has a dot, as in com.example.app:/callback; {_shown(uri)} does not."
        )
    elif not public:
        raise ApplicationRejected(
            f"{what} with a scheme of its own, such as {_shown(uri)}, is for public applications, because "
            "any app on a device can claim the scheme; give an https:// one, or make the application public."
        )
    elif parts.netloc:
        raise ApplicationRejected(
            f"{what} with a scheme of its own has no host; write {parts.scheme}:/… with one slash."
        )


def _check_back_channel(uri: str) -> None:
    what = "A URI for back-channel logout"
    parts = _split(uri, what)
    if parts.scheme not in ("http", "https"):
        raise ApplicationRejected(f"{what} begins with https://; {_shown(uri)} does not.")
    _check_host(uri, parts, what)


def _split(uri: str, what: str) -> SplitResult:
    """The parts of an absolute URI without a fragment, or a user, or characters that no URI has."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - it raises if that is no number
    except ValueError:
        parts = urlsplit("")
    if not _URI.fullmatch(uri) or _NOT_IN_A_URI.search(uri) or not parts.scheme:
        raise ApplicationRejected(
            f"{what} is absolute, in ASCII, without spaces and wildcards, and at most 2000 characters long, "
            f"such as https://app.example.org/callback; {_shown(uri)} is not."
        )
    if "#" in uri:
        raise ApplicationRejected(f"{what} has no fragment; remove what follows the # in {_shown(uri)}.")
    if "@" in parts.netloc:
        raise ApplicationRejected(f"{what} names no user; remove what stands before the @ in its host.")
    return parts


def _check_host(uri: str, parts: SplitResult, what: str) -> None:
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or not uri.partition(":")[2].startswith("//"):
        raise ApplicationRejected(
            f"{what} names a host, as in https://app.example.org/; {_shown(uri)} does not."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise ApplicationRejected(
            f"{what} is https, because over http anybody on the way reads it; {_shown(uri)} is not; "
            "plain http is for this machine alone, as in http://127.0.0.1:8000/callback."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _first(found: Iterable[str]) -> str:
    return next(iter(found), "")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _printable(character: str) -> bool:
    """Format characters can turn a line around (U+202E) and make one name look like another."""
    return character in _JOINERS or category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
