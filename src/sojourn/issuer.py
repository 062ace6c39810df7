"""The issuer: makes the access tokens of our sessions, and reads them when they come back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn import access, lifecycle
from sojourn.access import LONGEST, Algorithm, Claims, Signers
from sojourn.errors import Forbidden, SettingsError
from sojourn.session import Discreet, Session
from sojourn.sessions import AsyncSessions

__all__ = ["AccessToken", "Issuer", "Named", "Terms", "TermsOf"]

_LATELY = 10_000  # access tokens whose signature was checked lately
_MOMENT = timedelta(seconds=1)


class Terms(Struct, frozen=True, kw_only=True):
    """How access tokens of one session are made: what its application and its tenant ask for."""

    algorithm: Algorithm = "RS256"
    life: timedelta | None = None  # None: the issuer's
    scope: str = ""
    tenant: str | None = None  # the slug


class AccessToken(Discreet, frozen=True):
    """An access token, and for how many seconds it is good."""

    text: str
    expires_in: int

    def __repr__(self) -> str:
        return f"<AccessToken for {self.expires_in} s>"


class Named(Protocol):
    """A user, as far as an access token may say who that is."""

    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str: ...


class _Made(Discreet, frozen=True):
    text: str
    iat: int
    exp: int

    def __repr__(self) -> str:
        return "<_Made>"


TermsOf = Callable[[Session], Awaitable[Terms]]


async def usual(session: Session) -> Terms:
    """The same for everybody: RS256, which every verifier knows (RFC 9068 section 2.1)."""
    return Terms()


class Issuer:
    """Makes and reads access tokens of *sessions* under the keys of *signers*.

    *url* is the public origin, which stands in every token as `iss`. *life*: how long a token is good;
    a revocation is felt at once by whoever follows the feed, and after that long by who does not.
    """

    def __init__(
        self,
        sessions: AsyncSessions,
        signers: Signers,
        *,
        url: str,
        life: timedelta = timedelta(minutes=5),
        terms_of: TermsOf = usual,
    ) -> None:
        if not _MOMENT <= life <= LONGEST:
            raise SettingsError(
                "an access token must be good for 1 second to 1 hour; a usual life is 5 minutes"
            )
        self.sessions, self.signers = sessions, signers
        self.url, self.life, self.terms_of = url.rstrip("/"), life, terms_of
        self._read: dict[str, Claims] = {}
        self._made: dict[tuple[UUID, int, str, str], _Made] = {}

    async def issue(self, session: Session, *, life: timedelta | None = None) -> AccessToken:
        """An access token for *session*, which it does not outlive; never for one that ends with another."""
        terms = await self.terms_of(session)
        claims = self._claims(session, terms, life)
        return AccessToken(self._signed(claims, terms), max(0, claims.exp - claims.iat))

    def _claims(self, session: Session, terms: Terms, life: timedelta | None = None) -> Claims:
        if session.parent_id is not None:  # whoever verifies it elsewhere could not tell who really acts
            raise Forbidden("There are no access tokens for who acts as somebody else.")
        return access.claims_of(
            session,
            self.sessions.clock(),
            lifecycle.idle_end(session, self.sessions.policy),
            issuer=self.url,
            life=min(life or terms.life or self.life, LONGEST),
            jti=os.urandom(16).hex(),
            scope=terms.scope,
            tenant=terms.tenant,
        )

    def _signed(self, claims: Claims, terms: Terms) -> str:
        return access.signed(claims, self.signers.signing(terms.algorithm), self.signers)

    async def lately(self, session: Session, user: Named) -> AccessToken:
        """An access token for *session* in a cookie, that names its *user*: for half its life the same one.

        It says nothing of the cookie's generation, since using it does not show that the cookie arrived.
        """
        slot = (session.id, session.version, user.email, user.name)
        now = int(self.sessions.clock().timestamp())
        made = self._made.get(slot)
        if made is None or 2 * now >= made.iat + made.exp:
            terms = await self.terms_of(session)
            claims = _replaced(self._claims(session, terms), gen=None, email=user.email, name=user.name)
            if len(self._made) >= _LATELY:
                self._made.clear()
            made = self._made[slot] = _Made(self._signed(claims, terms), claims.iat, claims.exp)
        return AccessToken(made.text, max(0, made.exp - now))

    def machine(
        self, client_id: str, scope: str, algorithm: Algorithm, life: timedelta | None = None
    ) -> AccessToken:
        """An access token for an application itself, which has no session (RFC 6749 section 4.4)."""
        now = self.sessions.clock()
        exp = int((now + min(life or self.life, LONGEST)).timestamp())
        claims = Claims(
            iss=self.url,
            sub=client_id,
            aud=(client_id, self.url),
            client_id=client_id,
            iat=int(now.timestamp()),
            exp=exp,
            jti=os.urandom(16).hex(),
            scope=scope,
        )
        text = access.signed(claims, self.signers.signing(algorithm), self.signers)
        return AccessToken(text, exp - claims.iat)

    def read(self, text: str) -> Claims:
        """What *text* says, if it is an access token of ours whose time is not over.

        The signature of one that was read lately is not checked again; its time is.
        """
        known, now = self._read.get(text), self.sessions.clock()
        if known is not None:
            access.check_time(known, now)
            return known
        claims = self._verified(text, now)
        if len(self._read) >= _LATELY:
            self._read.clear()
        self._read[text] = claims
        return claims

    def _verified(self, text: str, now: datetime) -> Claims:
        return access.verified(text, self.signers.find, now, issuer=self.url, audience=self.url)
