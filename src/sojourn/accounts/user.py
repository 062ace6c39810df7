"""Who signs in, and by which accounts: frozen records, and what may stand in them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal
from unicodedata import category, normalize

from msgspec import Struct

from sojourn.errors import EmailRejected
from sojourn.session import Discreet

__all__ = ["PASSWORD", "Account", "Role", "User", "clean_email", "clean_name", "folded", "password_account"]

Role = Literal["user", "admin"]

PASSWORD = "password"  # the provider of an account that is nothing but a password

_LONGEST_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
_LONGEST_NAME = 100
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

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

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

    def __repr__(self) -> str:
        return f"<Account of {self.user_id} with {self.provider!r}>"


def password_account(user_id: str, password_hash: str) -> Account:
    """The account of a user who signs in with a password."""
    return Account(
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


def folded(text: str) -> str:
    """*text* as it is compared: compatible characters and cases are one (NFKC, casefold)."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _printable(character: str) -> bool:
    """Format characters can turn a line around (U+202E) and make one name look like another."""
    return character in _JOINERS or category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
