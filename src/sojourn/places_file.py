"""The file of places: fetched from a provider when somebody asks for it, checked, put in place at once."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import tarfile
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import quote, urljoin, urlsplit

import httpcore2
from msgspec import Struct

import sojourn
from sojourn.errors import SettingsError
from sojourn.place import Database, described, opened, place_in
from sojourn.session import Discreet
from sojourn.web.carrier import is_loopback

__all__ = ["PROVIDERS", "Bounds", "Fetched", "Provider", "Source", "check", "fetch", "source"]

_REDIRECTS = 3
_LOOKED_AT = 1000  # networks of which at least one must have a place
_CHUNK = 1 << 20
_GZIP, _TAR = b"\x1f\x8b", b"ustar"
_FAULTS = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError, UnicodeError)


class Provider(Struct, frozen=True, kw_only=True):
    """Where databases are had. `login`: the key is a name and a password, and goes in a header."""

    url: str
    login: bool = False
    leads_to: tuple[str, ...] = ()  # hosts, or with a dot before them the ends of hosts


_MAXMIND = "https://download.maxmind.com/geoip/databases/GeoLite2-{edition}/download?suffix=tar.gz"
_STORAGE = (".r2.cloudflarestorage.com",)  # where MaxMind's downloads lie
_DBIP = "https://download.db-ip.com/free/dbip-{edition}-lite-{{month}}.mmdb.gz"

PROVIDERS = {
    "maxmind": Provider(url=_MAXMIND.format(edition="City"), login=True, leads_to=_STORAGE),
    "maxmind-country": Provider(url=_MAXMIND.format(edition="Country"), login=True, leads_to=_STORAGE),
    "dbip": Provider(url=_DBIP.format(edition="city")),
    "dbip-country": Provider(url=_DBIP.format(edition="country")),
    "ipinfo": Provider(url="https://ipinfo.io/data/ipinfo_lite.mmdb?token={key}"),
}


class Source(Discreet, frozen=True, kw_only=True):
    """An address with the key in it, and hosts that it may lead on to."""

    url: str
    login: str | None = None
    leads_to: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Source at {urlsplit(self.url).hostname}>"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class Fetched(Struct, frozen=True, kw_only=True):
    """What was put in place; `before`: what it replaced. Without `changed` that one is as new, and stays."""

    database: Database
    before: Database | None
    changed: bool


def source(named: str, key: str | None, *, now: datetime, leads_to: tuple[str, ...] = ()) -> Source:
    """The source that the settings name; refused where a key is wanted and there is none."""
    if not named:
        raise SettingsError(
            "nobody is asked for places: SOJOURN_PLACES_FROM is not set; set it to "
            f"{', '.join(PROVIDERS)} or an address, and SOJOURN_GEO_API_KEY to the key"
        )
    known = PROVIDERS.get(named) or Provider(url=named)
    if (known.login or "{key}" in known.url) and not key:
        raise SettingsError(f"{named.partition('?')[0]} wants a key; set SOJOURN_GEO_API_KEY")
    if known.login and ":" not in (key or ""):
        raise SettingsError("this key is a number of an account and a licence key, as 123456:key")
    url = known.url.replace("{key}", quote(key or "", safe="")).replace("{month}", f"{now:%Y-%m}")
    _check_scheme(url)
    return Source(url=url, login=key if known.login else None, leads_to=known.leads_to + leads_to)


class Bounds(Struct, frozen=True, kw_only=True):
    """What a source may take: seconds for all of it, seconds of silence, bytes."""

    deadline: float = 1800.0
    silence: float = 30.0
    most: int = 1 << 30  # the largest databases that are sold have some 600 MB


async def fetch(
    source: Source,
    path: Path,
    *,
    tell: Callable[[int], None] = lambda had: None,
    bounds: Bounds = Bounds(),  # noqa: B008 -- frozen
    trust: ssl.SSLContext | None = None,
) -> Fetched:
    """Fetch from *source*, check it, and put it at *path* in one step; whoever reads goes on undisturbed.

    A file that is no good changes nothing: `SettingsError` says why. No error names the key.
    """
    if not path.parent.is_dir():
        raise SettingsError(f"the directory {path.parent} does not exist; create it, or correct the path")
    before = _there(path)
    with _scratch(path) as raw, _scratch(path) as file:
        try:
            async with asyncio.timeout(bounds.deadline):
                await _download(source, raw, bounds, tell, trust)
        except TimeoutError:
            raise SettingsError(f"{source.host} was not done within {bounds.deadline:g} s") from None
        except _FAULTS as fault:  # what a driver says of a request may quote the key in its address
            raise SettingsError(f"{source.host} cannot be had: {type(fault).__name__}") from None
        await asyncio.to_thread(_unpack, raw, file, bounds.most)
        database = await asyncio.to_thread(check, Path(file.name))
        if before is not None and database.built_at < before.built_at:
            raise SettingsError(
                f"{source.host} has one of {database.built_at:%Y-%m-%d}, older than the one in place, "
                f"of {before.built_at:%Y-%m-%d}; delete {path} if it is to go back"
            )
        if before == database:
            return Fetched(database=database, before=before, changed=False)
        _put(file, path)
    return Fetched(database=database, before=before, changed=True)


def check(path: Path) -> Database:
    """What the file at *path* says of itself, if it can be read and knows some place."""
    with closing(opened(path)) as reader:
        try:
            found = islice(reader, _LOOKED_AT)
            known = any(isinstance(record, dict) and place_in(record) for _, record in found)
            reader.get(ip_address("192.0.2.1"))
        except Exception as fault:  # a damaged file is read like any other, until it cannot be
            raise SettingsError(f"the database is damaged ({type(fault).__name__})") from None
        if not known:
            raise SettingsError("the database knows no country and no city; it is of another kind")
        return described(reader)


# ── the way here ──────────────────────────────────────────────────────────────────────────────


async def _download(
    source: Source,
    to: IO[bytes],
    bounds: Bounds,
    tell: Callable[[int], None],
    trust: ssl.SSLContext | None,
) -> None:
    url, login = source.url, source.login
    for _ in range(_REDIRECTS + 1):
        async with _asked(url, login, bounds.silence, trust) as answer:
            if answer.status in (301, 302, 303, 307, 308):
                url, login = _led_on(source, url, login, dict(answer.headers).get(b"location", b""))
                continue
            _check_status(source, answer.status)
            had = 0
            async for chunk in answer.aiter_stream():
                to.write(chunk)
                had += len(chunk)
                tell(had)
                if had > bounds.most:
                    raise SettingsError(f"{source.host} sends more than {bounds.most} bytes, too much")
            to.flush()
            return
    raise SettingsError(f"{source.host} leads on and on")


@asynccontextmanager
async def _asked(
    url: str, login: str | None, silence: float, trust: ssl.SSLContext | None
) -> AsyncIterator[httpcore2.Response]:
    target, parts = httpcore2.URL(url), urlsplit(url)
    headers = [("host", parts.netloc.rpartition("@")[2]), *_HEADERS.items()]
    if login is not None:
        headers.append(("authorization", "Basic " + base64.b64encode(login.encode()).decode()))
    if parts.scheme == "https" and trust is None:
        trust = httpcore2.default_ssl_context()
    phases = dict.fromkeys(("connect", "read", "write", "pool"), silence)
    connection = httpcore2.AsyncHTTPConnection(target.origin, ssl_context=trust)
    try:
        async with connection.stream(
            "GET", target, headers=headers, extensions={"timeout": phases}
        ) as answer:
            yield answer
    finally:
        await connection.aclose()


_HEADERS = {
    "accept": "application/octet-stream, */*",
    "accept-encoding": "identity",
    "connection": "close",
    "user-agent": f"sojourn/{sojourn.__version__}",
}


def _check_status(source: Source, status: int) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise SettingsError(f"{source.host} does not take the key ({status}); check SOJOURN_GEO_API_KEY")
    if status == 429:
        raise SettingsError(f"{source.host} was asked too often ({status}); try again tomorrow")
    raise SettingsError(f"{source.host} answered {status}")


def _led_on(source: Source, url: str, login: str | None, location: bytes) -> tuple[str, str | None]:
    """Where a redirect leads, and what is told there: to another host, if it is one of those, no key."""
    target = urljoin(url, location.decode("latin-1"))
    before, after = urlsplit(url), urlsplit(target)
    _check_scheme(target)
    if (before.scheme, before.netloc) == (after.scheme, after.netloc):
        return target, login
    host = after.hostname or ""
    if not any(
        host == known or (known.startswith(".") and host.endswith(known)) for known in source.leads_to
    ):
        raise SettingsError(
            f"{source.host} leads on to {host[:100] or 'nowhere'}, which is refused; "
            "if that is right, name the host in SOJOURN_PLACES_REDIRECTS"
        )
    return target, None


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return
    raise SettingsError("places are fetched by https:// alone, or from this machine; correct the address")


# ── the file ──────────────────────────────────────────────────────────────────────────────────


def _unpack(raw: IO[bytes], to: IO[bytes], most: int) -> None:
    """The database in *raw*: as it is, compressed by gzip, or in an archive by tar, compressed or not."""
    try:
        with tempfile.TemporaryFile(dir=Path(raw.name).parent) as inflated:
            raw.seek(0)
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if packed:  # to its end, because only there its check sum stands
                _copy(_inflated(raw), inflated, most)
            plain: IO[bytes] = inflated if packed else raw
            plain.seek(0)
            archived = plain.read(512)[257:262] == _TAR
            plain.seek(0)
            (_extract if archived else _take)(plain, to, most)
    except (tarfile.TarError, zlib.error, EOFError) as fault:
        raise SettingsError(f"what was sent is cut short or damaged ({type(fault).__name__})") from None
    to.flush()


def _inflated(raw: IO[bytes]) -> Iterator[bytes]:
    """In pieces, so that a small file that would become a large one is noticed in time."""
    inflate = zlib.decompressobj(wbits=31)
    while not inflate.eof:
        chunk = inflate.unconsumed_tail or raw.read(_CHUNK)
        if not chunk:
            raise EOFError
        yield inflate.decompress(chunk, _CHUNK)


def _extract(raw: IO[bytes], to: IO[bytes], most: int) -> None:
    """The first database of an archive. Names in it decide nothing: no path is made of them."""
    with tarfile.open(fileobj=raw, mode="r:") as archive:
        for member in archive:
            if member.isreg() and member.name.endswith(".mmdb"):
                inner = archive.extractfile(member)
                if inner is not None:
                    _copy(_chunks(inner), to, most)
                    return
    raise SettingsError("there is no .mmdb file in the archive that was sent")


def _take(plain: IO[bytes], to: IO[bytes], most: int) -> None:
    _copy(_chunks(plain), to, most)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(partial(file.read, _CHUNK), b"")


def _copy(chunks: Iterator[bytes], to: IO[bytes], most: int) -> None:
    had = 0
    for chunk in chunks:
        had += len(chunk)
        if had > most:
            raise SettingsError(f"what was sent unpacks to more than {most} bytes, too much")
        to.write(chunk)


def _there(path: Path) -> Database | None:
    """The database in place; None if there is none, or none that can be read: then any is better."""
    try:
        with closing(opened(path)) as reader:
            return described(reader)
    except (OSError, SettingsError):
        return None


@contextmanager
def _scratch(path: Path) -> Iterator[IO[bytes]]:
    """A file beside *path*, gone in the end unless it was put in place."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


def _put(file: IO[bytes], path: Path) -> None:
    os.fchmod(file.fileno(), 0o644)  # nothing in it is secret, and servers run as somebody else
    os.fsync(file.fileno())
    os.replace(file.name, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
