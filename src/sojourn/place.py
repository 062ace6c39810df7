"""Where an address is thought to be, by a database in a file here: nobody else is asked."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sojourn.addresses import parsed
from sojourn.errors import SettingsError
from sojourn.session import Place

if TYPE_CHECKING:
    from maxminddb import Reader

__all__ = ["Database", "Places", "Point", "described", "nowhere", "opened", "place_in", "point_in"]

_log = logging.getLogger("sojourn")

_LOOK_EVERY = 5.0  # seconds: how late a replaced file may be noticed
_LONGEST = 64  # characters of a city, whatever the database says

# Nobody's on the Internet: what a database says of them is a mistake, or somebody's test.
_NOWHERE = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/3", "2001:db8::/32", "3fff::/20"),
        ),
    )
)
_PUBLIC_6 = ip_network("2000::/3")


class Point(Struct, frozen=True):
    """Latitude and longitude in degrees, and within how many kilometres that is right, if anybody knows."""

    latitude: float
    longitude: float
    radius: int | None = None


class Database(Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    kind: str
    built_at: datetime
    networks: int


class Places:
    """The database at *path*, in MaxMind's format; without one nothing is known of any address.

    The file may be replaced while it is in use: it is looked at every few seconds at most, and opened
    anew if it is another one. One that cannot be opened is told once, and the one before goes on. A
    file that is not there yet is waited for.

    *documentation*: addresses that exist in texts alone are looked up too, for tests and demos.
    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        documentation: bool = False,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = None if path is None else Path(path)
        self._documentation = documentation
        self._stopwatch = stopwatch
        self._lock = Lock()
        self._reader: Reader | None = None
        self._seen: tuple[int, int, int] | None = None  # which file that was: device, inode, time of change
        self._due = -1.0
        self._told: object = None

    def place_of(self, ip: str | None) -> Place | None:
        """City and country of *ip*, as far as they are known; an estimate, so people are told "about"."""
        record = self._record(ip)
        return None if record is None else place_in(record)

    def point_of(self, ip: str | None) -> Point | None:
        """Where on the globe that is. It is never stored."""
        record = self._record(ip)
        return None if record is None else point_in(record)

    def country_of(self, ip: str | None) -> str | None:
        """The country alone, by its code."""
        place = self.place_of(ip)
        return None if place is None else place.country

    def database(self) -> Database | None:
        """What the file in use says of itself; None: there is none."""
        reader = self._current()
        return None if reader is None else described(reader)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Look for another file on a thread, so that no request waits while a large one is opened."""
        import asyncio  # where no event loop runs nobody needs it

        async def follow() -> None:
            while True:
                await asyncio.sleep(_LOOK_EVERY * 0.8)  # before a request would have to
                await asyncio.to_thread(self._current, early=True)

        if self.path is None:
            yield
            return
        await asyncio.to_thread(self._current)
        task = asyncio.create_task(follow(), name="sojourn places")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        with self._lock:
            reader, self._reader, self._seen = self._reader, None, None
        if reader is not None:
            reader.close()

    # ── how ──────────────────────────────────────────────────────────────────────────────────

    def _record(self, ip: str | None) -> Mapping[str, Any] | None:
        if self.path is None or ip is None:
            return None
        address = _somewhere(ip, self._documentation)
        if address is None:
            return None
        reader = self._current()
        if reader is None:
            return None
        try:
            record = reader.get(address)
        except Exception as fault:  # a file with a broken part in it: others of its answers may be good
            self._tell("lookup", "the database of places %s is damaged: %s", self.path, fault)
            return None
        return record if isinstance(record, dict) else None

    def _current(self, *, early: bool = False) -> Reader | None:
        """The file as it is now, or was a few seconds ago. While somebody opens it, the one before."""
        now = self._stopwatch()
        if self.path is None or (now < self._due and not early):
            return self._reader
        with self._lock:
            if now < self._due and not early:
                return self._reader
            self._due = now + _LOOK_EVERY
            self._look(self.path)
            return self._reader

    def _look(self, path: Path) -> None:
        try:
            stat = os.stat(path)
            seen = stat.st_dev, stat.st_ino, stat.st_mtime_ns
            if seen == self._seen:
                return
            reader = opened(path)
        except FileNotFoundError:
            self._tell("missing", "there is no database of places at %s", path)
            return
        except (OSError, SettingsError) as fault:
            self._tell(fault.__class__.__name__, "the database of places %s is not usable: %s", path, fault)
            return
        # The one before is not closed: another thread may be reading it. It goes with its last reader.
        self._reader, self._seen, self._told = reader, seen, None
        said = described(reader)
        _log.info("places: %s of %s", said.kind, said.built_at.date())

    def _tell(self, what: str, message: str, *facts: object) -> None:
        """Say it once, until it is something else or all is well again."""
        if self._told != what:
            self._told = what
            _log.warning(message, *facts)


def opened(path: Path) -> Reader:
    """The file at *path*, as it is now: whoever writes over it in place changes nothing of what is read."""
    try:
        import maxminddb
    except ImportError:
        raise SettingsError("maxminddb is not installed; run `pip install 'sojourn[geo]'`") from None
    try:
        with _copied(path) as copy:
            return maxminddb.open_database(copy or path, _FAST if copy else maxminddb.MODE_MEMORY)
    except (maxminddb.InvalidDatabaseError, ValueError) as fault:
        raise SettingsError(f"it is no database in MaxMind's format ({type(fault).__name__})") from None


_FAST = 0  # maxminddb.MODE_AUTO: the reader in C, a hundred times as fast, which maps the file


@contextmanager
def _copied(path: Path) -> Iterator[Path | None]:
    """A copy of nobody else's, which may lose its name once it is open; None: there is no room for one.

    A mapped file that somebody cuts short ends the process that reads it.
    """
    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb"))
        try:
            copy = stack.enter_context(NamedTemporaryFile(prefix="sojourn-places-", suffix=".mmdb"))
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
        except OSError:
            copy = None
        yield None if copy is None else Path(copy.name)


def described(reader: Reader) -> Database:
    said = reader.metadata()
    built_at = datetime.fromtimestamp(said.build_epoch, UTC)
    return Database(kind=str(said.database_type), built_at=built_at, networks=said.node_count)


def nowhere(address: IPv4Address | IPv6Address) -> bool:
    """Whether *address* is private, this machine's, reserved or for documentation: at no place."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return True
    return any(address in network for network in _NOWHERE if network.version == address.version)


def place_in(record: Mapping[str, Any]) -> Place | None:
    """City and country in a *record*, nested as MaxMind has it or flat as others do; None without either."""
    country = _text(_first(record, _COUNTRIES))
    city = _text(_first(record, _CITIES))
    country = country.upper() if country and len(country) == 2 and country.isalpha() else None
    return Place(city=city, country=country) if city or country else None


def point_in(record: Mapping[str, Any]) -> Point | None:
    latitude, longitude = _number(_first(record, _LATITUDES)), _number(_first(record, _LONGITUDES))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    radius = _number(_first(record, (("location", "accuracy_radius"),)))
    return Point(latitude, longitude, None if radius is None else int(radius))


Path_ = tuple[str, ...]
_COUNTRIES: tuple[Path_, ...] = (
    ("country", "iso_code"),
    ("country", "country_code"),
    ("country_code",),
    ("country",),  # of flat schemas, where it is the code
    ("registered_country", "iso_code"),
)
_CITIES: tuple[Path_, ...] = (("city", "names", "en"), ("city", "name"), ("city",), ("city_name",))
_LATITUDES: tuple[Path_, ...] = (("location", "latitude"), ("latitude",), ("lat",))
_LONGITUDES: tuple[Path_, ...] = (("location", "longitude"), ("longitude",), ("lng",), ("lon",))


def _first(record: Mapping[str, Any], paths: tuple[Path_, ...]) -> Any:
    """The first of *paths* that leads to something that is no mapping itself."""
    for path in paths:
        found: Any = record
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if found not in (None, "", "-") and not isinstance(found, dict):
            return found
    return None


def _text(found: Any) -> str | None:
    if not isinstance(found, str):
        return None
    return "".join(c for c in found if c.isprintable()).strip()[:_LONGEST] or None


def _number(found: Any) -> float | None:
    if isinstance(found, bool):
        return None
    try:
        return float(found)
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=8192)
def _somewhere(ip: str, documentation: bool) -> IPv4Address | IPv6Address | None:
    """The address, if it may be at some place. Remembered: it takes longer than to look it up."""
    address = parsed(ip)
    if address is None or (nowhere(address) and not (documentation and _in_texts(address))):
        return None
    return address


def _in_texts(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _TEXTS if network.version == address.version)


_TEXTS = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
