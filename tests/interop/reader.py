"""An access token read by the rules of AuthVital's SDK, which are stricter than ours in some things.

RS256 alone, a `kid`, `iss` without a slash at its end, `aud` with the client's id, a tenant, and not one
second of leeway.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["Refused", "read"]


class Refused(Exception):
    """In the words that their users know."""


def read(text: str, jwks: Mapping[str, Any], *, host: str, client_id: str | None, now: int) -> dict[str, Any]:
    """The claims of *text*, or `Refused`. *host*: the base address, with or without a slash."""
    claims = _signed(text, jwks)
    issuer = host.removesuffix("/")
    if "exp" in claims and claims["exp"] < now:
        raise Refused("Token expired")
    if "nbf" in claims and claims["nbf"] > now:
        raise Refused("Token not yet valid")
    if claims.get("iss") != issuer:
        raise Refused(f"Invalid issuer: expected {issuer}, got {claims.get('iss')}")
    audience = claims.get("aud")
    if client_id is not None and client_id not in (audience if isinstance(audience, list) else [audience]):
        raise Refused("Invalid audience")
    if not claims.get("sub"):
        raise Refused("Invalid token: missing sub claim")
    if not claims.get("tenant_id"):
        raise Refused("Invalid token: missing tenant_id claim")
    return claims


def _signed(text: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    try:
        head, body, signature = text.split(".")
        header = json.loads(_bytes(head))
        claims: dict[str, Any] = json.loads(_bytes(body))
    except ValueError:
        raise Refused("Invalid token format") from None
    if header["alg"] != "RS256":
        raise Refused(f"Unsupported algorithm: {header['alg']}")
    if not header.get("kid"):
        raise Refused("Token missing kid header")
    known = {key["kid"]: key for key in jwks["keys"]}
    if header["kid"] not in known:
        raise Refused(f"Unknown signing key: {header['kid']}")
    _check(known[header["kid"]], f"{head}.{body}".encode(), _bytes(signature))
    return claims


def _check(key: Mapping[str, str], signed: bytes, signature: bytes) -> None:
    numbers = RSAPublicNumbers(*(int.from_bytes(_bytes(key[part])) for part in ("e", "n")))
    try:
        numbers.public_key().verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise Refused("Invalid signature") from None


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
