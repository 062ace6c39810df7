"""One sign-in on its way to a provider and back: what this browser has to bring again, sealed in a cookie."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from sojourn.session import Discreet
from sojourn.token import Keys

__all__ = ["LIFE", "Act", "Dialect", "Flow", "challenge", "opened", "sealed", "slot_of"]

LIFE = timedelta(minutes=10)
_AHEAD = timedelta(minutes=1)  # the clock of a process that sealed one

Dialect = Literal["native", "better-auth", "authjs"]
Act = Literal["sign_in", "link", "confirm"]

_VERSION = b"\x01"  # of the form below
_NONCE = 12
_LARGEST = 3_800  # characters: a cookie has 4,096 bytes with its name
_PURPOSE = "provider sign-in"


class Flow(Discreet, frozen=True, kw_only=True, array_like=True):
    """What was decided when it began. Nothing of it is taken from the request that ends it."""

    provider: str
    redirect_uri: str
    state: str
    nonce: str
    verifier: str  # of PKCE (RFC 7636)
    device: str  # the browser, by its device cookie
    next: str
    dialect: Dialect
    began_at: datetime
    act: Act = "sign_in"
    session_id: UUID | None = None  # of whom something is added to, or confirmed
    user_id: str | None = None
    remember: bool = False
    error_to: str | None = None
    new_user_to: str | None = None

    def __repr__(self) -> str:
        return f"<Flow to {self.provider}, {self.act}>"


def challenge(verifier: str) -> str:
    """S256 of RFC 7636, section 4.2."""
    return _text(hashlib.sha256(verifier.encode()).digest())


def slot_of(state: str) -> str:
    """Which cookie a *state* belongs to. It does not tell the state, which is what the answer must know."""
    return hashlib.blake2b(
        state.encode("utf-8", "replace"), digest_size=8, person=b"sojourn flow"
    ).hexdigest()


def sealed(flow: Flow, keys: Keys, *, nonce: bytes) -> str | None:
    """*flow* as text for its cookie, encrypted; None if it is too large for one. *nonce*: 12 random bytes.

    Version 1 · key id 2 · nonce 12 · AES-256-GCM of the flow, for its slot alone.
    """
    head = _VERSION + keys.signing_id.to_bytes(2) + nonce
    body = msgspec.msgpack.encode(flow)
    text = _text(
        head + _cipher(keys, keys.signing_id).encrypt(nonce, body, head + slot_of(flow.state).encode())
    )
    return text if len(text) <= _LARGEST else None


def opened(text: str, keys: Keys, now: datetime, *, state: str, device: str | None) -> Flow | None:
    """The flow in *text*, if this browser began it, for this *state*, less than ten minutes before *now*."""
    flow = _opened(text, keys, state)
    if flow is None or device is None:
        return None
    ours = hmac.compare_digest(flow.state.encode(), state.encode("utf-8", "replace"))
    ours &= hmac.compare_digest(flow.device.encode(), device.encode())
    return flow if ours and flow.began_at - _AHEAD < now < flow.began_at + LIFE else None


def _opened(text: str, keys: Keys, state: str) -> Flow | None:
    from cryptography.exceptions import InvalidTag

    if len(text) > _LARGEST or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    head, key_id = raw[: 3 + _NONCE], int.from_bytes(raw[1:3])
    if head[:1] != _VERSION or len(raw) <= len(head) or key_id not in keys:
        return None
    try:
        body = _cipher(keys, key_id).decrypt(head[3:], raw[len(head) :], head + slot_of(state).encode())
        return msgspec.msgpack.decode(body, type=Flow)
    except (InvalidTag, msgspec.MsgspecError):
        return None


def _cipher(keys: Keys, key_id: int) -> Any:
    # Imported late: the OpenSSL bindings cost more than everything else that `import sojourn` loads.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(keys.subkey(_PURPOSE, key_id))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
