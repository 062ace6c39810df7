"""The ring of server keys as text: one key a line, in a file that only its owner reads.

    # id role since secret
    2 signing 2026-03-02 3q2-7wAAAAA…
    1 retired 2026-03-02 yv66vgAAAAA…

`since` is the day on which the key got its role. Below stand the keys of access tokens (`access_ring`).
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from msgspec import Struct
from msgspec.structs import replace as _replaced

from sojourn import access_ring
from sojourn.access import Signers
from sojourn.errors import SettingsError
from sojourn.session import Discreet
from sojourn.token import Key, Keys, Role

if TYPE_CHECKING:
    from sojourn.settings import Settings

__all__ = [
    "KEEP",
    "Entry",
    "Step",
    "emergency",
    "entries",
    "generate",
    "parse",
    "read",
    "read_text",
    "ring",
    "rotate",
    "rotate_access",
    "signers",
    "throwaway",
    "write",
]

KEEP = timedelta(days=400)  # no session lives longer, so no token outlives its key
_HEAD = "# Server keys: a secret. Keep this file out of the database's backups and of version control.\n"
_FORM = "`<id> <next|signing|retired> <since YYYY-MM-DD> <secret, 32 bytes in base64url>`"


class Entry(Discreet, frozen=True):
    """One line of the ring: a key, and the day on which it got its role."""

    key: Key
    since: date

    def __repr__(self) -> str:
        return f"<Entry {self.key!r} since {self.since}>"


class Step(Struct, frozen=True, repr_omit_defaults=True):
    """The ring after a change, and what happened, for people. The text is a secret."""

    text: str
    said: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Step {self.said!r}>"


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def ring(settings: Settings) -> Keys:
    """The keys that the settings name: those in `SOJOURN_KEYS`, else those in the file."""
    return parse(settings.keys) if settings.keys else read(settings.keys_file)


def signers(settings: Settings) -> Signers:
    """The keys of access tokens in the same place; none if nobody made any yet."""
    path = settings.keys_file
    text, where = (settings.keys, "SOJOURN_KEYS") if settings.keys else (read_text(path), str(path))
    return access_ring.parse(access_ring.lines(_lines(text), where=where))


def throwaway(now: datetime) -> Keys:
    """Keys for a process that neither makes nor reads a token."""
    return Keys([_new(1, "signing", now).key])


def read(path: Path) -> Keys:
    """The keys in the file at *path*; refused if others than its owner can read it."""
    return parse(read_text(path), where=str(path))


def read_text(path: Path) -> str:
    """The text of the file at *path*, checked as `read` does."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read()
    except FileNotFoundError:
        raise SettingsError(
            f"there is no key file at {path}; run `sojourn keys generate`, or correct SOJOURN_KEYS_FILE"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); see that it is a file of yours"
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise SettingsError(f"others than its owner may use {path} (mode {mode:o}); run `chmod 600 {path}`")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not a file of keys; correct SOJOURN_KEYS_FILE") from None


def parse(text: str, *, where: str = "SOJOURN_KEYS") -> Keys:
    """The ring in *text*; a semicolon ends a line too, so that a variable can hold it."""
    found = entries(text, where=where)
    if not found:
        raise SettingsError(f"{where} holds no key; run `sojourn keys generate`")
    return Keys(entry.key for entry in found)


def entries(text: str, *, where: str = "SOJOURN_KEYS") -> list[Entry]:
    """The lines of the ring. No error quotes one: each ends with a secret."""
    lines = [line for line in _lines(text) if line.split()[0] != access_ring.WORD]
    return [_entry(line, f"key {n} of {where}") for n, line in enumerate(lines, start=1)]


def _lines(text: str) -> list[str]:
    parts = [part.strip() for line in text.splitlines() for part in line.partition("#")[0].split(";")]
    return [part for part in parts if part]


def _entry(line: str, what: str) -> Entry:
    try:
        id, role, since, secret = line.split()
        if role not in get_args(Role):  # not left to `Key`, which quotes what may be a misplaced secret
            raise ValueError
        key = Key(id=int(id), role=cast(Role, role), secret=_decoded(secret))
        return Entry(key, date.fromisoformat(since))
    except SettingsError as error:
        raise SettingsError(f"{what}: {error}") from None
    except ValueError:
        raise SettingsError(
            f"{what} is not written as {_FORM}; restore it, or run `sojourn keys generate`"
        ) from None


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error


# ── changing ──────────────────────────────────────────────────────────────────────────────────


def generate(now: datetime) -> str:
    """A ring of one new server key, and one key for each algorithm of access tokens; all of them sign."""
    return _written([_new(1, "signing", now)], access_ring.generate(now))


def rotate(text: str, now: datetime, keep: timedelta = KEEP, *, where: str = "the ring") -> Step:
    """The next step of the ring: a new key is announced, or the announced one begins to sign.

    Between the two every process must have read the ring, or it refuses tokens that another one
    made. Keys that retired longer than *keep* ago go: no session is left that was signed with them.
    """
    ring = entries(text, where=where)
    Keys(entry.key for entry in ring)  # a broken ring is not made worse
    access, told = access_ring.rotate(access_ring.lines(_lines(text), where=where), now)
    gone = [entry for entry in ring if _outlived(entry, now, min(keep, KEEP))]
    ring = [entry for entry in ring if entry not in gone]
    said = tuple(f"Key {entry.key.id} is forgotten: no session is left that it signed." for entry in gone)
    coming = next((entry for entry in ring if entry.key.role == "next"), None)
    if coming is None:
        new = _new(_unused_id(ring + gone), "next", now)
        said += (
            f"Key {new.key.id} is announced. Restart every process with this file, "
            "then run `sojourn keys rotate` again to sign with it.",
        )
        return Step(_written([*ring, new], access), said + told)
    said += (f"Key {coming.key.id} signs from the next restart on; the one before it only verifies.",)
    return Step(_written([_promoted(entry, coming, now) for entry in ring], access), said + told)


def rotate_access(text: str, now: datetime, *, where: str = "the ring") -> Step:
    """The next step of the keys of access tokens alone, whose turn comes far more often."""
    access, told = access_ring.rotate(access_ring.lines(_lines(text), where=where), now)
    return Step(_written(entries(text, where=where), access), told)


def emergency(text: str, now: datetime, *, where: str = "the ring") -> Step:
    """A ring of one new key, for when the old ones leaked: with a restart everybody is signed out."""
    new = _new(_unused_id(entries(text, where=where)), "signing", now)
    return Step(
        _written([new], access_ring.generate(now)),
        (
            f"Key {new.key.id} signs, and every earlier key is gone. "
            "Restart every process now: then everybody is signed out, and stolen tokens are worthless.",
        ),
    )


def _outlived(entry: Entry, now: datetime, keep: timedelta) -> bool:
    # A day more, because `since` says the day and not the hour.
    return entry.key.role == "retired" and now.date() - entry.since > keep + timedelta(days=1)


def _promoted(entry: Entry, coming: Entry, now: datetime) -> Entry:
    if entry is coming:
        return Entry(_replaced(entry.key, role="signing"), now.date())
    if entry.key.role == "signing":
        return Entry(_replaced(entry.key, role="retired"), now.date())
    return entry


def _unused_id(ring: list[Entry]) -> int:
    taken = {entry.key.id for entry in ring}
    following = max(taken, default=0) + 1
    return following if following < 1 << 16 else next(id for id in range(1, 1 << 16) if id not in taken)


def _new(id: int, role: Role, now: datetime) -> Entry:
    return Entry(Key(id=id, role=role, secret=os.urandom(32)), now.date())


def _written(ring: list[Entry], access: list[access_ring.Line]) -> str:
    lines = [
        f"{entry.key.id} {entry.key.role} {entry.since} "
        f"{base64.urlsafe_b64encode(entry.key.secret).rstrip(b'=').decode()}\n"
        for entry in sorted(ring, key=lambda entry: entry.key.id, reverse=True)
    ]
    return _HEAD + "".join(lines) + "".join(line.text for line in access)


# ── writing ───────────────────────────────────────────────────────────────────────────────────


def write(path: Path, text: str, *, replace: bool = False) -> None:
    """Write *text* so that nobody but the owner can ever read it, and nobody sees half of it.

    Without *replace* a file that is there stays as it is, and `SettingsError` says so.
    """
    path = path.resolve()  # a link stays a link
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    target = scratch if replace else path
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"there is a file at {target} already, and without its keys everybody is signed out; "
            "use another path, or replace it with --force"
        ) from None
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        _put_in_place(scratch, path)


def _put_in_place(scratch: Path, path: Path) -> None:
    with suppress(OSError):  # root rotates the file of the service: it must stay the service's
        before = path.stat()
        os.chown(scratch, before.st_uid, before.st_gid)
    scratch.replace(path)
