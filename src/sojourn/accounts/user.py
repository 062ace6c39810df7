"""Who signs in, and by which accounts: frozen records, and what may stand in them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal
from unicodedata import category, normalize
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace as _replaced

from sojourn.errors import EmailRejected
from sojourn.session import Discreet

__all__ = [
    "PASSWORD",
    "Account",
    "Changes",
    "Role",
    "User",
    "clean_email",
    "clean_image",
    "clean_name",
    "folded",
    "password_account",
]

Role = Literal["user", "admin"]

PASSWORD = "password"  # the provider of an account that is nothing but a password

_LONGEST_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_LONGEST_NAME = 100
_LONGEST_IMAGE = 2048
# Plausible, no more: what an address is worth only a message to it can tell.
_EMAIL = re.compile(r"[^@\"(),:;<>\[\]\\]{1,64}@(?!-)[\w-]+(?<!-)(\.(?!-)[\w-]+(?<!-))+")
_JOINERS = "\u200c\u200d"  # which Persian, Hindi and many an emoji need


class User(Struct, frozen=True, kw_only=True):
    """One person. `credentials_version` counts every change after which old proofs are worth nothing."""

    id: str  # UUIDv7, so that ids are in the order of creation
    email: str  # as `clean_email` gives it; unique
    name: str
    role: Role = "user"
    created_at: datetime
    disabled_at: datetime | None = None
    credentials_version: int = 1
    image: str | None = None  # the address of a picture
    email_verified_at: datetime | None = None  # when somebody we trust said that the address is theirs
    updated_at: datetime | None = None  # when `Changes` were made last; None: never
    disabled_until: datetime | None = None  # None: until somebody enables the user
    disabled_note: str | None = None  # why, for administrators
    idle_timeout: timedelta | None = None  # of their sessions, as they want it, in whole seconds

    @property
    def enabled(self) -> bool:
        """Whether sessions may begin. Signing in after `disabled_until` makes it so: see `barred`."""
        return self.disabled_at is None

    def barred(self, at: datetime) -> bool:
        """Whether the user may not sign in *at* this moment."""
        return not self.enabled and (self.disabled_until is None or at < self.disabled_until)

    def __repr__(self) -> str:
        # No e-mail address: this is what a log shows.
        return f"<User {self.id}, {self.role}{'' if self.enabled else ', disabled'}>"


class Account(Discreet, frozen=True, kw_only=True):
    """One way in which a user signs in, as Auth.js models it, with a password as one more provider."""

    user_id: str
    type: str  # "credentials", "oidc", "oauth"
    provider: str
    provider_account_id: str  # unique within the provider
    refresh_token: str | None = None
    access_token: str | None = None
    expires_at: datetime | None = None  # of the access token
    token_type: str | None = None
    scope: str | None = None
    id_token: str | None = None
    session_state: str | None = None
    password_hash: str | None = None  # PHC string
    created_at: datetime | None = None  # None: when the user was
    updated_at: datetime | None = None

    def named(self, provider: str, provider_account_id: str | None = None) -> bool:
        """Whether it is at *provider*, and if one is given, this one there."""
        return self.provider == provider and provider_account_id in (None, self.provider_account_id)

    def __repr__(self) -> str:
        return f"<Account of {self.user_id} with {self.provider!r}>"


class Changes(Struct, frozen=True, kw_only=True):
    """What is to be otherwise about a user from `at` on, cleaned; what is not set stays."""

    at: datetime
    name: str | UnsetType = UNSET
    image: str | UnsetType | None = UNSET
    email: str | UnsetType = UNSET
    email_verified: bool | UnsetType = UNSET
    idle_timeout: timedelta | UnsetType | None = UNSET

    def of(self, user: User) -> User:
        """*user* with them. Another address is unverified unless they say otherwise, and a new version."""
        fields: dict[str, Any] = {"updated_at": self.at}
        fields |= {
            name: value
            for name in ("name", "image", "email", "idle_timeout")
            if (value := getattr(self, name)) is not UNSET
        }
        moved = fields.get("email", user.email) != user.email
        verified_at = None if moved else user.email_verified_at
        if self.email_verified is not UNSET:
            verified_at = (verified_at or self.at) if self.email_verified else None
        version = user.credentials_version + moved
        return _replaced(user, **fields, email_verified_at=verified_at, credentials_version=version)


def password_account(user_id: str, password_hash: str, at: datetime | None = None) -> Account:
    """The account of a user who signs in with a password."""
    return Account(
        created_at=at,
        updated_at=at,
        user_id=user_id,
        type="credentials",
        provider=PASSWORD,
        provider_account_id=user_id,
        password_hash=password_hash,
    )


def clean_email(text: str) -> str:
    """The one spelling of an address under which it is kept and looked for, or `EmailRejected`.

    The local part is folded too: no provider of note tells `Ada@` from `ada@`, and two accounts that
    differ in nothing else are somebody's trap.
    """
    email = folded(text.strip()) if len(text) <= 4 * _LONGEST_EMAIL else ""
    if (
        len(email) > _LONGEST_EMAIL
        or not _EMAIL.fullmatch(email)
        or any(category(c)[0] in "CZ" for c in email)
    ):
        raise EmailRejected
    return email


def clean_name(text: str, *, email: str) -> str:
    """*text* on one line, without control characters, at most 100 long; if nothing is left, from *email*."""
    # Ten times too much is cut before the work, the rest after it.
    kept = "".join(c if _printable(c) else " " if c.isspace() else "" for c in text[: 10 * _LONGEST_NAME])
    name = " ".join(normalize("NFC", kept).split())[:_LONGEST_NAME].strip()
    return name if name.strip(_JOINERS) else email.partition("@")[0]


def clean_image(text: str | None) -> str | None:
    """*text* if it is the address of something on the web; None for whatever else a page might run."""
    if text is None or len(text) > _LONGEST_IMAGE or not all(map(_printable, text)) or " " in text:
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in ("https", "http") and parts.netloc else None


def folded(text: str) -> str:
    """*text* as it is compared: compatible characters and cases are one (NFKC, casefold)."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _printable(character: str) -> bool:
    """Format characters can turn a line around (U+202E) and make one name look like another."""
    return character in _JOINERS or category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
