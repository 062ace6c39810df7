"""Us, as an application of one provider: where to send people, and what the code is worth that they bring."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec import Struct

from sojourn.accounts.oidc import id_token
from sojourn.accounts.oidc.flow import Flow, challenge
from sojourn.accounts.oidc.id_token import UnknownKey, Wanted
from sojourn.accounts.oidc.metadata import Directory, Metadata
from sojourn.accounts.oidc.providers import Provider
from sojourn.accounts.oidc.wire import Wire
from sojourn.accounts.proof import Proof, ProviderTokens
from sojourn.errors import FlowLost, ProviderDenied, ProviderRejected

__all__ = ["Client"]

_log = logging.getLogger("sojourn")

_CODE = re.compile(r"[\x20-\x7e]{1,4096}")  # RFC 6749 appendix A.11
_WORD = re.compile(r"[a-z0-9_.-]{1,60}")  # an error, where it is one of those that are written down
_DECADE = 10 * 365 * 86_400  # seconds
_METHOD = re.compile(r"[A-Za-z0-9_.:-]{1,32}")


class _Tokens(Struct, frozen=True, kw_only=True):
    """The answer of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core 3.1.3.3)."""

    access_token: str
    token_type: str
    id_token: str
    expires_in: float | None = None
    refresh_token: str | None = None
    scope: str | None = None
    session_state: str | None = None


class Client:
    """At one provider. It remembers nothing of anybody."""

    def __init__(self, provider: Provider, wire: Wire, clock: Callable[[], datetime]) -> None:
        self.provider = provider
        self._wire, self._clock = wire, clock
        self._directory = Directory(provider, wire, clock)

    async def ready(self) -> None:
        """Know what the provider says of itself, or raise why not."""
        await self._directory.metadata()

    async def address(self, flow: Flow) -> str:
        """Where the browser goes now. Nothing in it is a secret: it stays in histories and in logs."""
        metadata = await self._directory.metadata()
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": flow.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        if flow.act == "confirm":
            query |= {"prompt": "login", "max_age": "0"}
        between = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{between}{urlencode(query)}"

    async def redeem(self, flow: Flow, came: Mapping[str, str]) -> Proof:
        """Who signed in, by what *came* back with the browser: a code, or the provider's no."""
        metadata = await self._directory.metadata()
        self._check_issuer(metadata, came.get("iss"))
        if "error" in came:
            error = came["error"]
            raise ProviderDenied(error=error if _WORD.fullmatch(error) else "denied")
        code = came.get("code", "")
        if not _CODE.fullmatch(code):
            raise ProviderRejected("it sent no code")
        tokens = await self._tokens(metadata, flow, code)
        said, authenticated_at = await self._checked(flow, tokens)
        described = await self._with_email(metadata, said, tokens)
        kept = _kept(tokens, self._clock())
        return _proof(self.provider, said, described, authenticated_at, kept)

    def _check_issuer(self, metadata: Metadata, iss: str | None) -> None:
        """Against answers of one provider that are handed in as another's (RFC 9207)."""
        if iss is None and metadata.authorization_response_iss_parameter_supported:
            raise ProviderRejected("it did not say who answers")
        if iss not in (None, self.provider.issuer):
            raise ProviderRejected("another issuer answered")

    async def _tokens(self, metadata: Metadata, flow: Flow, code: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = {}
        if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            headers["authorization"] = _basic(self.provider)
        elif "client_secret_post" in metadata.token_endpoint_auth_methods_supported:
            form |= {"client_id": self.provider.client_id, "client_secret": self.provider.client_secret}
        else:
            raise ProviderRejected("it takes no client_secret")
        answer = await self._wire.post(metadata.token_endpoint, form, headers)
        said = answer.object()
        if answer.status != 200 or "error" in said:
            raise self._refused(said.get("error"), answer.status)
        try:
            tokens = msgspec.convert(said, _Tokens)
        except msgspec.ValidationError as error:
            raise ProviderRejected(f"its tokens: {error}") from None
        if tokens.token_type.lower() != "bearer":
            raise ProviderRejected("its access token is no bearer token")
        return tokens

    def _refused(self, error: object, status: int) -> FlowLost | ProviderRejected:
        if error == "invalid_grant":  # too late, or used before
            return FlowLost()
        word = error if isinstance(error, str) and _WORD.fullmatch(error) else "an error"
        return ProviderRejected(f"it answered {status} with {word} for the code")

    async def _checked(self, flow: Flow, tokens: _Tokens) -> tuple[Mapping[str, Any], datetime | None]:
        """What the ID token says, and when its user proved who they are."""
        keys = await self._directory.keys()
        try:
            said, algorithm = id_token.payload(tokens.id_token, keys)
        except UnknownKey:  # they may have been changed since we looked
            said, algorithm = id_token.payload(tokens.id_token, await self._directory.keys(newer_than=keys))
        wanted = Wanted(
            issuer=self.provider.issuer,
            client_id=self.provider.client_id,
            nonce=flow.nonce,
            began_at=flow.began_at,
            access_token=tokens.access_token,
            fresh=flow.act == "confirm",
        )
        return said, id_token.checked(said, algorithm, wanted, self._clock())

    async def _with_email(
        self, metadata: Metadata, said: Mapping[str, Any], tokens: _Tokens
    ) -> Mapping[str, Any]:
        """What describes the user: the ID token, or the userinfo endpoint if the token has no address."""
        if said.get("email") or metadata.userinfo_endpoint is None:
            return said
        answer = await self._wire.get(metadata.userinfo_endpoint, token=tokens.access_token)
        if answer.status != 200:
            raise ProviderRejected(f"it answered {answer.status} for who that is")
        found = answer.object()
        if found.get("sub") != said["sub"]:  # Core 5.3.2
            raise ProviderRejected("it described somebody else")
        return found


def _basic(provider: Provider) -> str:
    """RFC 6749 section 2.3.1: both are encoded as in a form first."""
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _proof(
    provider: Provider,
    said: Mapping[str, Any],
    described: Mapping[str, Any],
    authenticated_at: datetime | None,
    tokens: ProviderTokens,
) -> Proof:
    methods = said.get("amr")
    try:
        return Proof(
            provider=provider.id,
            subject=said["sub"],
            email=_text(described.get("email"), 320),
            email_verified=described.get("email_verified") in (True, "true"),
            trusted_email=provider.trusted_email,
            name=_text(described.get("name"), 200),
            image=_text(described.get("picture"), 2_048),
            amr=tuple(_methods(methods)) if isinstance(methods, list) else (),
            authenticated_at=authenticated_at,
            tokens=tokens,
        )
    except ValueError:
        raise ProviderRejected("its ID token names nobody") from None


def _kept(tokens: _Tokens, now: datetime) -> ProviderTokens:
    life = tokens.expires_in
    return ProviderTokens(
        refresh_token=tokens.refresh_token,
        access_token=tokens.access_token,
        expires_at=now + timedelta(seconds=life) if life is not None and 0 <= life < _DECADE else None,
        token_type=tokens.token_type,
        scope=tokens.scope,
        id_token=tokens.id_token,
        session_state=tokens.session_state,
    )


def _methods(said: list[Any]) -> list[str]:
    return [word for word in said[:10] if isinstance(word, str) and _METHOD.fullmatch(word)]


def _text(value: object, most: int) -> str | None:
    """What a provider says of somebody may be missing, or of another type: then it is not known."""
    if not isinstance(value, str) or not 0 < len(value) <= most:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
