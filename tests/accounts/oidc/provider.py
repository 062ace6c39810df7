"""A provider in this process, which says what a test wants it to: the truth, or anything else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from sojourn.accounts.oidc import Provider
from sojourn.accounts.oidc.id_token import _registry
from sojourn.testing import FakeClock

__all__ = ["CLIENT", "ISSUER", "SECRET", "FakeProvider", "key", "made"]

ISSUER, CLIENT = "https://id.example", "sojourn at example"
SECRET = "a secret: with + and % in it"

Answer = Callable[[httpx2.Request], httpx2.Response]
_KINDS: dict[str, tuple[Any, Any]] = {
    "RS256": (RSAKey, 2048),
    "ES256": (ECKey, "P-256"),
    "EdDSA": (OKPKey, "Ed25519"),
}


@cache
def key(algorithm: str, number: int = 1) -> Any:
    """A private key for *algorithm*, made once: an RSA key takes a while."""
    kind, size = _KINDS[algorithm]
    return kind.generate_key(size, {"kid": f"{algorithm}-{number}", "alg": algorithm, "use": "sig"})


def made(**facts: Any) -> Provider:
    """The provider as an operator describes it."""
    given = {
        "id": "example",
        "name": "Example",
        "issuer": ISSUER,
        "client_id": CLIENT,
        "client_secret": SECRET,
    }
    return Provider(**given | facts)


def half(text: str, hash: Any = hashlib.sha256) -> str:
    """`at_hash` of OpenID Connect Core 3.1.3.6."""
    digest = hash(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


class FakeProvider(httpx2.AsyncBaseTransport):
    """An honest provider, until a test changes one of its attributes or puts an answer into `instead`."""

    def __init__(self, clock: FakeClock, issuer: str = ISSUER) -> None:
        self.clock, self.issuer = clock, issuer
        self.algorithm = "RS256"
        self.signing = key("RS256")
        self.published = [key("RS256")]
        self.metadata: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.user: dict[str, Any] = {
            "sub": "248289761001",
            "email": "grace@example.org",
            "email_verified": True,
            "name": "Grace Hopper",
        }
        self.claims: dict[str, Any] = {}  # over those that are right; None leaves one out
        self.header: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}
        self.email_in_token = True
        self.instead: dict[str, Answer | Exception] = {}  # by path
        self.asked: list[str] = []  # the paths
        self.requests: list[httpx2.Request] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.closed = False

    # ── in the browser ───────────────────────────────────────────────────────────────────────

    def approve(self, address: str, **changed: str | None) -> dict[str, str]:
        """Somebody signs in at *address*: with what the browser is sent back, *changed* by who attacks."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert urlsplit(address).path == "/authorize"
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code {len(self.codes)}"
        self.codes[code] = asked
        came = {"code": code, "state": asked["state"], "iss": self.issuer} | changed
        return {name: value for name, value in came.items() if value is not None}

    # ── behind it ────────────────────────────────────────────────────────────────────────────

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append(path)
        self.requests.append(request)
        answer = self.instead.get(path)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer(request)
        await request.aread()
        answers = {
            "/.well-known/openid-configuration": self._metadata,
            "/jwks": self._jwks,
            "/token": self._token,
            "/userinfo": self._userinfo,
        }
        return answers[path](request)

    async def aclose(self) -> None:
        self.closed = True

    def count(self, path: str) -> int:
        return self.asked.count(path)

    def _metadata(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=self.metadata)

    def _jwks(self, _: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"keys": [one.as_dict(private=False) for one in self.published]})

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(form["code"], None)
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        right = (
            asked is not None
            and asked["redirect_uri"] == form["redirect_uri"]
            and asked["code_challenge"] == base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        )
        if not right or asked is None:
            return httpx2.Response(400, json={"error": "invalid_grant", "error_description": form["code"]})
        said = {
            "access_token": "an access token",
            "refresh_token": "a refresh token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": asked["scope"],
            "id_token": self.id_token(asked["nonce"]),
        } | self.tokens
        return httpx2.Response(200, json={name: value for name, value in said.items() if value is not None})

    def id_token(self, nonce: str) -> str:
        now = int(self.clock().timestamp())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        said |= self.user if self.email_in_token else {"sub": self.user["sub"]}
        said = {name: value for name, value in (said | self.claims).items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.signing.kid, "typ": "JWT"} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        return signed(header, json.dumps(said), self.signing)

    def _userinfo(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == "Bearer an access token"
        return httpx2.Response(200, json=self.user)


def signed(header: dict[str, Any], payload: str, private: Any) -> str:
    return jws.serialize_compact(header, payload, private, registry=_registry(header["alg"]))


class Endless(httpx2.AsyncByteStream):
    """An answer that does not end."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 65_536
            yield b"x" * 65_536
