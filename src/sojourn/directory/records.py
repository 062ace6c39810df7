"""On whose behalf sessions are started: applications and tenants, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field

from sojourn.session import Discreet

__all__ = ["ALGORITHMS", "GRANTS", "SCOPES", "Algorithm", "Application", "Grant", "Status", "Tenant"]

Grant = Literal["authorization_code", "refresh_token", "client_credentials"]
Algorithm = Literal["RS256", "ES256", "EdDSA"]
Status = Literal["active", "suspended"]

GRANTS: tuple[Grant, ...] = ("authorization_code", "refresh_token", "client_credentials")
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")
SCOPES = ("openid", "profile", "email", "offline_access")


class Application(Discreet, frozen=True, kw_only=True):
    """Software that signs people in here: a client, in the words of OAuth. `id` is its public client id."""

    id: str
    name: str
    secret_hash: str | None = None  # SHA-256 of 256 random bits, so no slow hash is needed; None: public
    previous_secret_hash: str | None = None  # of the secret before, which is good until `previous_until`
    previous_until: datetime | None = None
    redirect_uris: tuple[str, ...] = ()  # compared as they are, without any wildcard (RFC 9700 section 2.1)
    post_logout_redirect_uris: tuple[str, ...] = ()
    back_channel_logout_uri: str | None = None
    back_channel_session_required: bool = False  # it wants to be told the session's id
    grants: tuple[Grant, ...] = GRANTS[:2]
    scopes: tuple[str, ...] = SCOPES
    algorithm: Algorithm = "RS256"  # of its access tokens
    access_ttl: timedelta | None = None  # None: as the server has it
    rules: Mapping[str, str] = field(default_factory=dict)  # over those of the server: see `sojourn.rules`
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def public(self) -> bool:
        """It can keep no secret: an app on a phone, a page in a browser."""
        return self.secret_hash is None

    @property
    def enabled(self) -> bool:
        return self.disabled_at is None

    def __repr__(self) -> str:
        kind = "public" if self.public else "confidential"
        return f"<Application {self.id}, {kind}{'' if self.enabled else ', disabled'}>"


class Tenant(Struct, frozen=True, kw_only=True):
    """An organisation whose people sign in here. `slug` is its name in addresses."""

    id: str
    slug: str  # unique
    name: str
    status: Status = "active"
    rules: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime

    @property
    def active(self) -> bool:
        return self.status == "active"

    def __repr__(self) -> str:
        return f"<Tenant {self.id}, {self.slug!r}, {self.status}>"
