"""Provider tokens as they are kept: sealed, so that the database alone is no key to other services.

AES-256-GCM (ASVS 11.3.2) under a sub-key of the ring for this purpose alone. What is sealed is bound to its
place: the text of one field or account, put into another, opens as nothing.
"""

from __future__ import annotations

import base64
import binascii
import os

import msgspec
from msgspec.structs import replace as _replaced

from sojourn.accounts.user import Account
from sojourn.token import Keys

__all__ = ["opened", "sealed", "shown"]

# Version 1 · key id 2 · nonce 12 · what was encrypted
_VERSION, _HEAD, _NONCE = 1, 3, 12
_SECRET = ("refresh_token", "access_token", "id_token", "session_state")


def sealed(account: Account, keys: Keys) -> Account:
    """*account* as a store may have it: its tokens sealed under the key that signs now."""
    fields = {name: text for name in _SECRET if (text := getattr(account, name)) is not None}
    return _replaced(account, **{name: _seal(text, account, name, keys) for name, text in fields.items()})


def opened(account: Account, keys: Keys) -> Account:
    """*account* with its tokens; None for one whose key is gone, or that was not sealed for this place."""
    fields = {name: text for name in _SECRET if (text := getattr(account, name)) is not None}
    found = {name: _open(text, account, name, keys) for name, text in fields.items()}
    return _replaced(account, **found, password_hash=None)


def shown(account: Account) -> Account:
    """*account* without anything that is worth stealing."""
    return _replaced(account, **dict.fromkeys(_SECRET), password_hash=None)


def _seal(text: str, account: Account, field: str, keys: Keys) -> str:
    # Imported late: the OpenSSL bindings cost more than the rest of the accounts.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = bytes([_VERSION]) + keys.signing_id.to_bytes(2)
    nonce = os.urandom(_NONCE)
    cipher = AESGCM(keys.subkey("provider tokens"))
    body = cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), _place(head, account, field))
    return base64.urlsafe_b64encode(head + nonce + body).decode()


def _open(text: str, account: Account, field: str, keys: Keys) -> str | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        head, nonce, body = raw[:_HEAD], raw[_HEAD : _HEAD + _NONCE], raw[_HEAD + _NONCE :]
        key_id = int.from_bytes(head[1:])
        if head[:1] != bytes([_VERSION]) or key_id not in keys:
            return None
        cipher = AESGCM(keys.subkey("provider tokens", key_id))
        return cipher.decrypt(nonce, body, _place(head, account, field)).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError, binascii.Error):
        return None


def _place(head: bytes, account: Account, field: str) -> bytes:
    """As JSON, so that no two places read alike."""
    return head + msgspec.json.encode((account.provider, account.provider_account_id, field))
