"""What a provider said about somebody who has just signed in there, after its answer was checked."""

from __future__ import annotations

from datetime import datetime

from sojourn.accounts.user import PASSWORD
from sojourn.session import Discreet

__all__ = ["Proof", "ProviderTokens"]

_LONGEST_SUBJECT = 255  # OpenID Connect Core, section 2


class ProviderTokens(Discreet, frozen=True, kw_only=True):
    """What a provider handed out, for its own services; never a proof to us."""

    refresh_token: str | None = None
    access_token: str | None = None
    expires_at: datetime | None = None  # of the access token
    token_type: str | None = None
    scope: str | None = None
    id_token: str | None = None
    session_state: str | None = None

    def __repr__(self) -> str:
        return f"<ProviderTokens for {self.scope!r}>"


class Proof(Discreet, frozen=True, kw_only=True):
    """Somebody is `subject` at `provider`. Whoever makes one has checked signatures, nonce and state."""

    provider: str
    subject: str  # never given to anybody else there
    email: str | None = None
    email_verified: bool = False  # as the provider says
    trusted_email: bool = False  # whether we take the provider's word for whose an address is
    name: str | None = None
    image: str | None = None
    amr: tuple[str, ...] = ()
    authenticated_at: datetime | None = None
    tokens: ProviderTokens = ProviderTokens()

    def __post_init__(self) -> None:
        if self.provider in ("", PASSWORD) or not 0 < len(self.subject) <= _LONGEST_SUBJECT:
            raise ValueError(f"{self.provider!r} proves nothing; name a provider and its subject")
        self.subject.encode()  # half characters, which JSON can smuggle in, are a ValueError too

    @property
    def vouched(self) -> bool:
        """Whether the address is theirs, as far as we can know."""
        return self.email_verified and self.trusted_email

    def __repr__(self) -> str:
        return f"<Proof by {self.provider!r}>"
