"""Where an address is thought to be: by a file here, which may be replaced, and never by asking anybody."""

from __future__ import annotations

import logging
import os
import socket
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as some

from sojourn import Place
from sojourn.place import Places, Point, described, nowhere, place_in, point_in
from tests.mmdb import BUILT, PLACES, database


class Watch:
    """A stopwatch that stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    path.write_bytes(database())
    return path


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def places(file: Path, watch: Watch) -> Places:
    return Places(file, documentation=True, stopwatch=watch)


# ── what is known ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("203.0.113.7", Place(city="Lyon", country="FR")),
        ("192.0.2.9", Place(country="GB")),
        ("2001:db8:69::5", Place(city="Lyon", country="FR")),
        ("8.8.8.8", Place(city="Mountain View", country="US")),  # a flat schema
        ("9.9.9.9", Place(country="CH")),
        ("::ffff:8.8.8.8", Place(city="Mountain View", country="US")),
        ("203.0.113.200", None),  # of no network in the file
    ],
)
def test_an_address_is_at_the_place_that_the_file_says(places: Places, ip: str, place: Place | None):
    assert places.place_of(ip) == place


@pytest.mark.parametrize(
    "ip",
    [
        *("10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.1.2.3"),
        *("224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::"),
        *("203.0.113.7", "198.51.100.1", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"),
        *("", "nonsense", "8.8.8", "8.8.8.8.8", "8.8.8.8/24", "hash:0011223344556677", "203.0.113.0/24"),
    ],
)
def test_what_is_nobodys_address_is_at_no_place(file: Path, ip: str):
    everywhere = Places(file)
    assert everywhere.place_of("8.8.8.8") is not None
    assert everywhere.place_of(ip) is None
    assert everywhere.point_of(ip) is None


def test_nobody_has_no_address(places: Places):
    assert places.place_of(None) is None


def test_a_point_is_known_for_impossible_travel(places: Places):
    assert places.point_of("203.0.113.7") == Point(45.76, 4.84, 20)
    assert places.point_of("8.8.8.8") == Point(37.4, -122.1)
    assert places.point_of("9.9.9.9") is None


@given(some.ip_addresses(v=6))
def test_what_is_no_global_unicast_is_nowhere(ip: IPv6Address):
    assert nowhere(ip) or ip in ip_network("2000::/3")


@given(some.ip_addresses(v=4))
def test_what_python_calls_private_is_nowhere(ip: IPv4Address):
    assert nowhere(ip) or not (ip.is_private or ip.is_loopback or ip.is_multicast)


_NAMES = some.sampled_from(
    ("country", "iso_code", "country_code", "city", "names", "en", "location", "latitude", "lat", "lng")
)
_RECORDS = some.dictionaries(
    _NAMES,
    some.recursive(
        some.none() | some.text() | some.floats() | some.integers(),
        lambda inner: some.dictionaries(_NAMES, inner),
    ),
)


@given(_RECORDS)
def test_whatever_a_record_holds_what_is_said_of_it_is_sound(record: dict[str, Any]):
    place, point = place_in(record), point_in(record)
    assert place is None or place.country is None or len(place.country) == 2
    assert place is None or place.city is None or place.city.isprintable()
    assert point is None or (abs(point.latitude) <= 90 and abs(point.longitude) <= 180)


# ── the file ──────────────────────────────────────────────────────────────────────────────────


def test_without_a_file_nothing_is_known_of_any_address():
    assert Places().place_of("8.8.8.8") is None
    assert Places().database() is None


def test_a_file_says_what_it_is(places: Places):
    said = places.database()
    assert said is not None
    assert (said.kind, said.built_at) == ("Test-City", BUILT)


def put(path: Path, content: bytes) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_bytes(content)
    os.replace(scratch, path)


def test_a_replaced_file_is_taken_up_after_a_few_seconds(places: Places, file: Path, watch: Watch):
    assert places.place_of("203.0.113.7") == Place(city="Lyon", country="FR")
    put(file, database({"203.0.113.0/24": {"country": "DE"}}))
    watch.now = 1.0
    assert places.place_of("203.0.113.7") == Place(city="Lyon", country="FR")
    watch.now = 6.0
    assert places.place_of("203.0.113.7") == Place(country="DE")


def test_a_broken_replacement_leaves_the_one_before_and_is_told_once(
    places: Places, file: Path, watch: Watch, caplog: pytest.LogCaptureFixture
):
    assert places.place_of("203.0.113.7") is not None
    put(file, b"no database at all")
    with caplog.at_level(logging.WARNING):
        for seconds in (10.0, 20.0, 30.0):
            watch.now = seconds
            assert places.place_of("203.0.113.7") == Place(city="Lyon", country="FR")
    assert [record.message for record in caplog.records if "not usable" in record.message] == [
        f"the database of places {file} is not usable: "
        "it is no database in MaxMind's format (InvalidDatabaseError)"
    ]


def test_a_file_that_is_written_over_in_place_ends_no_process(places: Places, file: Path, watch: Watch):
    assert places.place_of("203.0.113.7") is not None
    file.write_bytes(b"")  # a mapped file would be gone now, and with it whoever reads it
    assert places.place_of("198.51.100.4") == Place(city="New York", country="US")
    watch.now = 10.0
    assert places.place_of("203.0.113.7") is not None


def test_a_file_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, watch: Watch, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "later.mmdb"
    places = Places(path, documentation=True, stopwatch=watch)
    with caplog.at_level(logging.WARNING):
        assert places.place_of("203.0.113.7") is None
        watch.now = 10.0
        assert places.place_of("203.0.113.7") is None
    assert len(caplog.records) == 1
    put(path, database())
    watch.now = 20.0
    assert places.place_of("203.0.113.7") is not None


def test_a_file_that_was_removed_leaves_what_was_known(places: Places, file: Path, watch: Watch):
    assert places.place_of("203.0.113.7") is not None
    file.unlink()
    watch.now = 10.0
    assert places.place_of("203.0.113.7") is not None


def test_a_damaged_part_of_a_file_costs_its_places_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    content = database({"203.0.113.0/24": {"country": "FR"}, "198.51.100.0/24": {"country": "US"}})
    at = content.index(b"country")
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(content[:at] + b"\xff" * 7 + content[at + 7 :])
    places = Places(path, documentation=True)
    with caplog.at_level(logging.WARNING):
        assert places.place_of("203.0.113.7") is None
    assert places.place_of("198.51.100.7") == Place(country="US")


@pytest.mark.req("P-08")
def test_nobody_is_asked_where_an_address_is(places: Places, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert [places.place_of(ip) is not None for ip in ("203.0.113.7", "8.8.8.8", "10.0.0.1")] == [
        True,
        True,
        False,
    ]


def test_the_sample_is_on_networks_of_texts_but_for_a_few():
    inside = [nowhere(ip_address(network.partition("/")[0])) for network in PLACES]
    assert inside.count(True) == 4


@pytest.mark.anyio
async def test_a_server_takes_a_replaced_file_up_without_a_request(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sojourn.place._LOOK_EVERY", 0.02)
    places = Places(file, documentation=True)
    async with places.following():
        put(file, database(built_at=BUILT + timedelta(days=7)))
        with anyio.fail_after(10):
            while (said := places._reader) is None or described(said).built_at == BUILT:
                await anyio.sleep(0.01)
    assert described(said).built_at == BUILT + timedelta(days=7)
