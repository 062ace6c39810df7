"""A session as a string in Redis, and back, exact to the microsecond; `lua/record.lua` reads the same."""

from __future__ import annotations

import re
import struct
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn.session import NO_DATA, Device, DeviceKind, Held, Place, Reason, Session
from sojourn.stores.redis.words import WORDS
from sojourn.stores.sqlite.rows import microseconds, reason_of, time_of

__all__ = ["NEVER", "from_record", "pack_text", "tail", "to_record"]

NEVER = -(1 << 53)  # no time: where Python has None; a number that Lua can hold exactly
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)

# format, state, version, generation, void_below, where the tail begins, seen, expires, ends, confirmed
_HEAD = struct.Struct(">BBIIIIqqqq")
# In the second format the body is followed by the profile and by how long that is. It is for sessions that
# have one, so that others pay nothing; who knows the first alone reads all the rest. In the third, for
# impersonations, who does it and `_PARENT` stand before it, and it may be empty.
_FORMAT, _WITH_PROFILE, _IMPERSONATION = 1, 2, 3
_LIVES, _REVOKED = 0, 1
_LENGTH = struct.Struct(">H")
_TIME = struct.Struct(">q")
_PARENT = struct.Struct(">16sIH")  # its id and version, and how long the impersonator is
_PLAIN, _DEFLATED = 0, 1  # the first byte of a body; 1: against `WORDS`
_WINDOW = -12  # 4 kB, which the words fit into, and no header
_SHORT = 64  # bytes; less is not worth deflating
_REMEMBER, _RENEW_DUE = 1, 2

# It has read the words, which takes longer than what is said after them: each body goes on with a copy.
_knowing = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, 5, zlib.Z_DEFAULT_STRATEGY, WORDS)


class _Device(Struct, frozen=True, array_like=True):
    kind: str
    name: str
    model: str | None
    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    user_agent: str
    custom_name: str | None = None


class _Body(Struct, frozen=True, array_like=True):
    """What no script reads. Times are distances, from the id to `created_at` and from there to the others.

    What a newer Sojourn adds stands at the end: an older one skips it, a newer one takes its default. So
    `_packed_body`, which writes the same, leaves out what nearly none has.
    """

    created_at: int
    authenticated_at: int | None
    rotated_at: int | None
    forgiven_at: int | None
    key_id: int
    aal: int
    flags: int
    ip: bytes | None  # packed
    amr: tuple[str, ...]
    device: _Device
    place: tuple[str | None, str | None] | None
    data: bytes | None  # JSON
    held: tuple[int, bytes, int] | None = None  # until when, by which session, the absolute end before
    idle_timeout: int | None = None  # seconds


class _Tail(Struct, frozen=True, array_like=True):
    """Why a session ended; when stands before it, for the scripts."""

    reason: str | None
    by: str | None
    note: str | None


_pack = msgspec.msgpack.Encoder().encode
_body = msgspec.msgpack.Decoder(_Body).decode
_tail = msgspec.msgpack.Decoder(_Tail).decode
_json = msgspec.json.Encoder().encode
_data = msgspec.json.Decoder(dict[str, Any]).decode


# ── writing ───────────────────────────────────────────────────────────────────────────────────


def to_record(session: Session) -> bytes:
    """*session* as it is stored, but for its id, which is in the key."""
    device = session.device
    texts = (session.user_id, device.id, session.application_id, session.tenant_id)
    sized = [_LENGTH.pack(len(raw)) + raw for raw in (*map(pack_text, texts), session.salt)]
    profile, format, end_of_body = pack_text(session.profile), _FORMAT, b""
    if profile or session.parent_id is not None:
        format, end_of_body = _WITH_PROFILE, profile + _LENGTH.pack(len(profile))
    if session.parent_id is not None:
        format, end_of_body = _IMPERSONATION, _impersonation(session.parent_id, session) + end_of_body
    middle = b"".join((*sized, _packed_body(session, followed=format > _FORMAT), end_of_body))
    ended = session.revoked_at or session.reason or session.revoked_by or session.note is not None
    confirmed = session.confirmed_at
    head = _HEAD.pack(
        format,
        _REVOKED if session.revoked_at else _LIVES,
        session.version,
        session.generation,
        session.void_below,
        _HEAD.size + len(middle),
        microseconds(session.seen_at),
        microseconds(session.expires_at),
        microseconds(session.ends_at),
        NEVER if confirmed is None else microseconds(confirmed),
    )
    end = tail(session.revoked_at, session.reason, session.revoked_by, session.note) if ended else b""
    return head + middle + end


def tail(at: datetime | None, reason: Reason | None, by: str | None, note: str | None) -> bytes:
    """What a record ends with when its session was revoked."""
    why = _pack(_Tail(None if reason is None else str(reason), by, note))
    return _TIME.pack(NEVER if at is None else microseconds(at)) + why


def _impersonation(parent_id: UUID, session: Session) -> bytes:
    who = pack_text(session.impersonator_id)
    return who + _PARENT.pack(parent_id.bytes, session.parent_version, len(who))


def _packed_body(session: Session, *, followed: bool) -> bytes:
    start = microseconds(session.created_at)
    d, place = session.device, session.place
    device = (d.kind, d.name, d.model, d.browser, d.browser_version, d.os, d.os_version, d.user_agent)
    plain = _pack(
        (
            start - _time_in(session.id),
            _distance(start, session.authenticated_at),
            _distance(start, session.rotated_at),
            _distance(start, session.forgiven_at),
            session.key_id,
            session.aal,
            _REMEMBER * session.remember | _RENEW_DUE * session.renew_due,
            None if session.ip is None else _pack_ip(session.ip),
            session.amr,
            device if d.custom_name is None else (*device, d.custom_name),
            None if place is None else (place.city, place.country),
            _json(session.data) if session.data else None,
            *_of_its_user(session, start),
        )
    )
    if followed or len(plain) >= _SHORT:  # what is deflated knows where it ends
        deflate = _knowing.copy()
        short = deflate.compress(plain) + deflate.flush()
        if followed or len(short) < len(plain):
            return bytes((_DEFLATED,)) + short
    return bytes((_PLAIN,)) + plain


def _of_its_user(session: Session, start: int) -> tuple[Any, ...]:
    """A hold that somebody placed, and the idle timeout of their own; nothing, if there is neither."""
    held, idle = session.held, session.idle_timeout
    if held is None and idle is None:
        return ()
    until = held and (microseconds(held.until) - start, held.by.bytes, microseconds(held.ends_at) - start)
    return until, None if idle is None else idle // _SECOND


def _time_in(id: UUID) -> int:
    """The microsecond in which the millisecond of *id* began. Whatever id it is: `created_at` stays exact."""
    return (id.int >> 80) * 1000


def _distance(start: int, time: datetime | None) -> int | None:
    return None if time is None else microseconds(time) - start


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def from_record(id: UUID, record: bytes) -> Session:
    """The session *id* that *record* says. Spelled out: it is on the way of every request."""
    format, _, version, generation, void_below, end, seen, expires, ends, confirmed = _HEAD.unpack_from(
        record
    )
    at, texts = _HEAD.size, []
    for _ in range(5):
        size = record[at] << 8 | record[at + 1]
        texts.append(record[at + 2 : (at := at + 2 + size)])
    user, device_id, application, tenant, salt = texts
    body = _body(
        zlib.decompressobj(_WINDOW, WORDS).decompress(record[at + 1 : end])
        if record[at] == _DEFLATED
        else record[at + 1 : end]
    )
    d, start, ip = body.device, body.created_at + _time_in(id), body.ip
    created_at = _EPOCH + _MICROSECOND * start
    signed_in = None if body.authenticated_at is None else created_at  # mostly at the very same instant
    session = Session(
        id=id,
        user_id=unpack_text(user) if user else None,
        application_id=unpack_text(application) if application else None,
        tenant_id=unpack_text(tenant) if tenant else None,
        salt=salt,
        generation=generation,
        key_id=body.key_id,
        created_at=created_at,
        seen_at=_EPOCH + _MICROSECOND * seen,
        authenticated_at=_after(start, body.authenticated_at) if body.authenticated_at else signed_in,
        expires_at=_EPOCH + _MICROSECOND * expires,
        ends_at=_EPOCH + _MICROSECOND * ends,
        rotated_at=None if body.rotated_at is None else _after(start, body.rotated_at),
        confirmed_at=None if confirmed == NEVER else time_of(confirmed),
        forgiven_at=None if body.forgiven_at is None else _after(start, body.forgiven_at),
        renew_due=bool(body.flags & _RENEW_DUE),
        amr=body.amr,
        aal=body.aal,
        device=Device(
            id=unpack_text(device_id) if device_id else None,
            kind=cast("DeviceKind", d.kind),
            name=d.name,
            model=d.model,
            custom_name=d.custom_name,
            browser=d.browser,
            browser_version=d.browser_version,
            os=d.os,
            os_version=d.os_version,
            user_agent=d.user_agent,
        ),
        place=None if body.place is None else Place(city=body.place[0], country=body.place[1]),
        ip=None if ip is None else unpack_text(ip),
        remember=bool(body.flags & _REMEMBER),
        profile=_profile(record, end)[0] if format > _FORMAT else None,
        held=None if body.held is None else _held(start, *body.held),
        idle_timeout=None if body.idle_timeout is None else timedelta(seconds=body.idle_timeout),
        data=_data(body.data) if body.data else NO_DATA,
        version=version,
        void_below=void_below,
    )
    if format > _WITH_PROFILE:
        session = _replaced(session, **_parent(record, end))
    return session if len(record) == end else _replaced(session, **_ending(record, end))


def _held(start: int, until: int, by: bytes, ends: int) -> Held:
    return Held(_after(start, until), UUID(bytes=by), _after(start, ends))


def _profile(record: bytes, end: int) -> tuple[str | None, int]:
    """The profile, and where it begins."""
    (size,) = _LENGTH.unpack_from(record, end - _LENGTH.size)
    start = end - _LENGTH.size - size
    return unpack_text(record[start : start + size]) if size else None, start


def _parent(record: bytes, end: int) -> Mapping[str, Any]:
    start = _profile(record, end)[1] - _PARENT.size
    parent_id, version, size = _PARENT.unpack_from(record, start)
    who = record[start - size : start]
    return {
        "parent_id": UUID(bytes=parent_id),
        "parent_version": version,
        "impersonator_id": unpack_text(who) if who else None,
    }


def _ending(record: bytes, end: int) -> Mapping[str, Any]:
    (at,) = _TIME.unpack_from(record, end)
    why = _tail(record[end + _TIME.size :])
    return {
        "revoked_at": None if at == NEVER else time_of(at),
        "reason": None if why.reason is None else reason_of(why.reason),
        "revoked_by": why.by,
        "note": why.note,
    }


def _after(start: int, distance: int) -> datetime:
    return _EPOCH + _MICROSECOND * (start + distance)


# ── texts ─────────────────────────────────────────────────────────────────────────────────────
# Ids are mostly UUIDs and keyed hashes. Packed they take half the space, and are still equal if and only
# if they are the same; empty stands for None.

_TEXT, _UUID, _HASH, _IP = b"\0", b"\1", b"\2", b"\3"
_is_uuid = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_is_hash = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch  # 32 bytes in base64url


def pack_text(text: str | None) -> bytes:
    """*text* as it is stored and compared."""
    if text is None:
        return b""
    if len(text) == 36 and _is_uuid(text):
        return _UUID + bytes.fromhex(text.replace("-", ""))
    if len(text) == 43 and _is_hash(text):
        return _HASH + a2b_base64(text.replace("-", "+").replace("_", "/") + "=")
    return _TEXT + text.encode()


def _pack_ip(text: str) -> bytes:
    """An address that is written as usual takes four bytes, or sixteen."""
    kind = AF_INET6 if ":" in text else AF_INET
    try:
        raw = inet_pton(kind, text)
    except (OSError, ValueError):
        return pack_text(text)
    return _IP + raw if inet_ntop(kind, raw) == text else pack_text(text)


def unpack_text(raw: bytes) -> str:
    """What `pack_text` or `_pack_ip` packed, unless it was None."""
    kind = raw[:1]
    if kind == _UUID:
        h = raw.hex()
        return f"{h[2:10]}-{h[10:14]}-{h[14:18]}-{h[18:22]}-{h[22:]}"
    if kind == _TEXT:
        return raw[1:].decode()
    if kind == _IP:
        return inet_ntop(AF_INET if len(raw) == 5 else AF_INET6, raw[1:])
    text = b2a_base64(raw[1:], newline=False).decode()
    return text[:43].replace("+", "-").replace("/", "_")
