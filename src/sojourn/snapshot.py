"""The snapshot: a copy of a session that is good for a short while without the store.

It holds no salt, and of `data` only the keys that the policy names. It may say yes, never no: a
refusal is always the store's word.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.policy import Carried, Policy
from sojourn.session import Device, Place, Session
from sojourn.shorthand import long, short
from sojourn.token import Keys

__all__ = [
    "MARGIN",
    "Bound",
    "LookupUnread",
    "Partial",
    "Snapshot",
    "digest",
    "of",
    "opened",
    "packed",
    "partial",
    "sealed",
    "unpacked",
    "world",
]

MARGIN = timedelta(seconds=5)  # how far the clock of a process that sealed a snapshot may be ahead
_LARGEST = 3_800  # characters of a sealed snapshot: a cookie has 4,096 bytes with its name (ASVS 3.3.5)
_MICROSECOND, _SECOND = timedelta(microseconds=1), timedelta(seconds=1)
_VERSION = 3  # of the form below: a cookie from another release is not opened, and costs a store read
_NONCE, _MAC = 12, 32
_STANDARD = bytes.maketrans(b"-_", b"+/")


class Partial(Mapping[str, Any]):
    """The `data` of a snapshot: the keys that the policy names.

    Asking for another is an error, because it is not known whether the session has it.
    """

    __slots__ = ("_known",)

    def __init__(self, known: Mapping[str, Any], names: tuple[str, ...] = ()) -> None:
        # A named key that the session does not have is known to be absent.
        named = {name: known.get(name, _ABSENT) for name in (*names, *known)} if names or known else {}
        self._known: Mapping[str, Any] = named

    def __getitem__(self, key: str) -> Any:
        value = self._look_up(key)
        if value is _ABSENT:
            raise KeyError(key)
        return _own(value)

    def __contains__(self, key: object) -> bool:
        return self._look_up(key) is not _ABSENT

    def _look_up(self, key: Any) -> Any:
        try:
            return self._known[key]
        except KeyError:
            raise LookupUnread(key) from None

    def __iter__(self) -> Iterator[str]:
        raise LookupUnread("all of it")

    def __len__(self) -> int:
        raise LookupUnread("all of it")

    def __bool__(self) -> bool:
        raise LookupUnread("all of it")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partial) and self._known == other._known

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Partial data: {', '.join(self.known) or 'none of it'}>"

    @property
    def known(self) -> dict[str, Any]:
        """What the snapshot holds."""
        return {name: value for name, value in self._known.items() if value is not _ABSENT}


_NONE = Partial({})  # nobody can change it, so all snapshots without data have the same


class LookupUnread(RuntimeError):
    """Data that the snapshot does not hold was asked for."""

    def __init__(self, what: object) -> None:
        super().__init__(
            f"the data of this session ({what}) was not read: `await data_from(request)` reads it, "
            "and keys that Policy.cached_data names are always there"
        )


_ABSENT: Any = object()


def _own(value: Any) -> Any:
    """*value*, or a copy: what one request does to a list of its own must not be seen by the next."""
    return deepcopy(value) if isinstance(value, list | dict) else value


class Snapshot(Struct, frozen=True):
    """A session as it was when the store was asked, at `made_at`; nobody may use it from `stale_at` on."""

    session: Session
    made_at: datetime
    stale_at: datetime


def of(session: Session, policy: Policy, asked_at: datetime, stale_at: datetime) -> Snapshot:
    """The snapshot of *session*, about which the store was asked *asked_at*."""
    return Snapshot(partial(session, policy, salt=b""), asked_at, stale_at)


def partial(session: Session, policy: Policy, **changes: Any) -> Session:
    """*session* with only the data that the policy names."""
    data = session.data.known if isinstance(session.data, Partial) else session.data
    names = policy.cached_data
    held = Partial({name: _own(data[name]) for name in names if name in data}, names) if names else _NONE
    return msgspec.structs.replace(session, data=held, **changes)


# ── packed: what the near cache keeps ─────────────────────────────────────────────────────────


class _Packed(Struct, array_like=True, frozen=True):
    """A snapshot, its fields in this order. Times are left to msgspec, which is ten times as fast."""

    made_at: datetime
    life: int  # microseconds
    id: UUID
    user_id: bytes | None
    application_id: str | None
    tenant_id: str | None
    generation: int
    key_id: int
    created_at: datetime
    seen_at: datetime
    authenticated_at: datetime | bool | None  # true: when it was created
    expires_at: datetime
    ends_at: datetime
    rotated_at: datetime | None
    confirmed_at: datetime | None
    amr: tuple[str, ...]
    aal: int
    ip: str | None
    remember: bool
    version: int
    void_below: int
    data: bytes  # JSON, as in the store: MessagePack has no large integers
    device_id: bytes | None
    device: bytes | None  # in shorthand
    place: tuple[str | None, str | None] | None
    profile: str | None = None
    custom_name: str | None = None  # of the device
    idle_timeout: int | None = None  # seconds


_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def packed(snapshot: Snapshot, *, whole: bool = True) -> bytes:
    """*snapshot* in few bytes; in fewer without *whole*: then `unpacked` has to be given device and place."""
    s = snapshot.session
    d = s.device
    device = place = None
    if whole:
        device = short(
            (d.kind, d.name, d.model, d.browser, d.browser_version, d.os, d.os_version, d.user_agent)
        )
        place = None if s.place is None else (s.place.city, s.place.country)
    return _encode(
        _Packed(
            snapshot.made_at,
            (snapshot.stale_at - snapshot.made_at) // _MICROSECOND,
            s.id,
            _short(s.user_id),
            s.application_id,
            s.tenant_id,
            s.generation,
            s.key_id,
            s.created_at,
            s.seen_at,
            s.authenticated_at if s.authenticated_at != s.created_at else True,
            s.expires_at,
            s.ends_at,
            s.rotated_at,
            s.confirmed_at,
            s.amr,
            s.aal,
            s.ip,
            s.remember,
            s.version,
            s.void_below,
            _plain(s.data),
            _short(d.id),
            device,
            place,
            s.profile,
            d.custom_name if whole else None,
            None if s.idle_timeout is None else s.idle_timeout // _SECOND,
        )
    )


def unpacked(
    raw: bytes, policy: Policy, device: Device | None = None, place: Place | None = None
) -> Snapshot:
    """The snapshot in *raw*; a `ValueError` or `msgspec.MsgspecError` if it is none.

    *device*, without its id, and *place* are those of a snapshot that was not packed whole.
    """
    p = _decode(raw)
    device_id = None if p.device_id is None else _long(p.device_id)
    if device is not None:
        device = msgspec.structs.replace(device, id=device_id)
    else:
        device, place = _described(p, device_id)
    if p.data or policy.cached_data:
        data = Partial(msgspec.json.decode(p.data, type=dict) if p.data else {}, policy.cached_data)
    else:
        data = _NONE
    session = Session(
        id=p.id,
        user_id=None if p.user_id is None else _long(p.user_id),
        application_id=p.application_id,
        tenant_id=p.tenant_id,
        salt=b"",
        generation=p.generation,
        key_id=p.key_id,
        created_at=p.created_at,
        seen_at=p.seen_at,
        authenticated_at=p.created_at if p.authenticated_at is True else p.authenticated_at or None,
        expires_at=p.expires_at,
        ends_at=p.ends_at,
        rotated_at=p.rotated_at,
        confirmed_at=p.confirmed_at,
        amr=p.amr,
        aal=p.aal,
        device=device,
        place=place,
        ip=p.ip,
        remember=p.remember,
        profile=p.profile,
        idle_timeout=None if p.idle_timeout is None else timedelta(0, p.idle_timeout),
        data=data,
        version=p.version,
        void_below=p.void_below,
    )
    return Snapshot(session, p.made_at, p.made_at + timedelta(0, 0, p.life))


def _described(p: _Packed, id: str | None) -> tuple[Device, Place | None]:
    if p.device is None:
        raise ValueError("not packed whole")
    kind, name, model, browser, browser_version, os, os_version, agent = long(p.device)
    device = Device(
        id=id,
        kind=kind,
        name=name,
        model=model,
        browser=browser,
        browser_version=browser_version,
        os=os,
        os_version=os_version,
        user_agent=agent,
        custom_name=p.custom_name,
    )
    return device, None if p.place is None else Place(city=p.place[0], country=p.place[1])


def _plain(data: Mapping[str, Any]) -> bytes:
    known = data.known if isinstance(data, Partial) else dict(data)
    return msgspec.json.encode(known) if known else b""


def _short(id: str | None) -> bytes | None:
    """A UUID, and 32 hexadecimal digits, as 16 bytes, anything else as text; each behind its mark."""
    if id is None:
        return None
    if len(id) in (32, 36):
        with suppress(ValueError):
            short = (b"u" if len(id) == 36 else b"#") + bytes.fromhex(id.replace("-", ""))
            if _long(short) == id:
                return short
    return b"=" + id.encode()


def _long(short: bytes) -> str:
    if short[0] == _AS_IT_IS:
        return short[1:].decode()
    digits = short[1:].hex()
    if short[0] == _DIGITS:
        return digits
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_AS_IT_IS, _DIGITS = b"=#"


# ── sealed: what travels in the cookie cache ──────────────────────────────────────────────────


def digest(token: str) -> bytes:
    """The name of a token where it must not be kept itself. BLAKE2b, which starts faster than SHA-256."""
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Bound(Struct, frozen=True):
    """What a sealed snapshot is worth nothing without; authenticated with it, but not in it."""

    token: bytes  # its `digest`
    world: bytes  # see `world`


def world(epoch: str, names: tuple[str, ...]) -> bytes:
    """What snapshots in cookies have in common, in 16 bytes.

    *epoch*: of the log that says what is void; another one may not go back far enough. *names*: of
    the data that they hold; another policy would take the others for absent.
    """
    return hashlib.blake2b(msgspec.json.encode((epoch, *names)), digest_size=16).digest()


def sealed(snapshot: Snapshot, bound: Bound, keys: Keys, *, form: Carried, nonce: bytes) -> str | None:
    """*snapshot* as text for a cookie; None if it is too large for one.

    Version 3 · key id 2 · `e` or `s` · nonce 12 · what was encrypted or signed. *nonce*: 12 random bytes.
    """
    head = bytes([_VERSION]) + keys.signing_id.to_bytes(2) + form[0].encode() + nonce
    body = packed(snapshot)
    if form == "encrypted":
        body = _cipher(keys, keys.signing_id)[0].encrypt(nonce, body, _context(head, bound))
    else:
        body += keys.mac("cookie cache signature", _context(head, bound) + body)
    text = base64.urlsafe_b64encode(head + body).rstrip(b"=").decode()
    return text if len(text) <= _LARGEST else None


def opened(text: str, bound: Bound, keys: Keys, policy: Policy, now: datetime) -> Snapshot | None:
    """The snapshot in *text* if we sealed it with *bound* and it may still be used at *now*; else None."""
    if len(text) > _LARGEST or not text.isascii():
        return None
    try:
        standard = text.encode().translate(_STANDARD) + b"=" * (-len(text) % 4)
        raw = binascii.a2b_base64(standard, strict_mode=True)
        body = _authentic(raw, bound, keys, policy)
        if body is None:
            return None
        snapshot = unpacked(body, policy)
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        return None
    life, made_at = policy.cookie_cache, snapshot.made_at
    fits = life is not None and made_at - MARGIN <= now < snapshot.stale_at and now < made_at + life
    return snapshot if fits else None


def _authentic(raw: bytes, bound: Bound, keys: Keys, policy: Policy) -> bytes | None:
    head = raw[: 4 + _NONCE]
    if len(raw) <= len(head) or head[0] != _VERSION or head[3:4] != policy.cookie_cache_form[0].encode():
        return None
    key_id, nonce, body = int.from_bytes(head[1:3]), head[4:], raw[len(head) :]
    if key_id not in keys:
        return None
    context = _context(head, bound)
    if policy.cookie_cache_form == "encrypted":
        cipher, invalid = _cipher(keys, key_id)
        try:
            decrypted: bytes = cipher.decrypt(nonce, body, context)
        except invalid:
            return None
        return decrypted
    body, mac = body[:-_MAC], body[-_MAC:]
    wanted = keys.mac("cookie cache signature", context + body, key_id)
    return body if hmac.compare_digest(wanted, mac) else None


def _context(head: bytes, bound: Bound) -> bytes:
    """Of a fixed length for each form, so that what follows cannot be taken for a part of it.

    Sixteen bytes name a token well enough: whoever has a cookie of somebody else would have to find
    a text with the digest of a token that he does not know.
    """
    return head + bound.token + bound.world


def _cipher(keys: Keys, key_id: int) -> Any:
    """AES-256-GCM under a sub-key of its own, and what it raises if somebody else sealed.

    Random nonces: a key should seal fewer than 2**32 times.
    """
    found = keys.ciphers.get(key_id)
    if found is None:
        # Imported late: the OpenSSL bindings cost more than everything else that `import sojourn` loads.
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        found = keys.ciphers[key_id] = AESGCM(keys.subkey("cookie cache", key_id)), InvalidTag
    return found
