"""Fetching the file of places, from a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sojourn import Place
from sojourn.cli import run as command
from sojourn.doctor import examine
from sojourn.errors import SettingsError
from sojourn.place import Places
from sojourn.places_file import PROVIDERS, Bounds, Fetched, Source, fetch, source
from tests.mmdb import BUILT, database

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = "123456:canary-of-a-licence-key"
NEWER = {"203.0.113.0/24": {"country": "DE"}}


class Provider:
    """An HTTP server whose answers a test writes: path to what is done there."""

    def __init__(self) -> None:
        self.does: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.heard: list[tuple[str, str | None]] = []  # path and Authorization of each request
        self.released = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.heard.append((self.path, self.headers["authorization"]))
                provider.does[self.path.partition("?")[0]](self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def serves(self, path: str, content: bytes, *, status: int = 200, length: int | None = None) -> None:
        def does(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            request.send_header("content-length", str(len(content) if length is None else length))
            request.end_headers()
            request.wfile.write(content)

        self.does[path] = does

    def leads(self, path: str, to: str) -> None:
        def does(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("location", to)
            request.send_header("content-length", "0")
            request.end_headers()

        self.does[path] = does

    def hangs(self, path: str) -> None:
        """It sends a first piece, and then nothing until the test is over."""

        def does(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("content-length", "1000000")
            request.end_headers()
            request.wfile.write(b"x")
            request.wfile.flush()
            self.released.wait(30)

        self.does[path] = does


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    provider.thread.start()
    yield provider
    provider.released.set()
    provider.server.shutdown()
    provider.thread.join()
    provider.server.server_close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    path.write_bytes(database())
    return path


def asked(provider: Provider, path: str = "/db?token={key}", **more: Any) -> Source:
    return source(provider.url + path, KEY, now=NOW, **more)


def run(source: Source, path: Path, **bounds: Any) -> Fetched:
    return asyncio.run(fetch(source, path, bounds=Bounds(**bounds)))


def refused(source: Source, path: Path, **bounds: Any) -> str:
    """What is said of a file that is no good; it changed nothing, left nothing, and told no key."""
    before = path.read_bytes()
    with pytest.raises(SettingsError) as refusal:
        run(source, path, **bounds)
    assert path.read_bytes() == before
    assert [left.name for left in path.parent.iterdir()] == [path.name]
    assert "canary" not in str(refusal.value)
    return str(refusal.value)


def packed(content: bytes, name: str = "GeoLite2-City_20261120/GeoLite2-City.mmdb") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for member, inner in (("GeoLite2-City_20261120/LICENSE.txt", b"terms"), (name, content)):
            said = tarfile.TarInfo(member)
            said.size = len(inner)
            archive.addfile(said, io.BytesIO(inner))
    return file.getvalue()


SENT = {
    "as it is": lambda content: content,
    "compressed": gzip.compress,
    "in an archive": packed,
    "in an archive, under a hostile name": lambda content: packed(content, "../../../etc/x.mmdb"),
}


@pytest.mark.parametrize("form", SENT)
def test_what_is_fetched_is_put_in_place(provider: Provider, file: Path, form: str):
    provider.serves("/db", SENT[form](database(NEWER, built_at=BUILT + timedelta(days=7))))
    places = Places(file, documentation=True, stopwatch=iter([0.0, 10.0, 20.0]).__next__)
    assert places.place_of("203.0.113.7") == Place(city="Lyon", country="FR")
    fetched = run(asked(provider), file)
    assert places.place_of("203.0.113.7") == Place(country="DE")  # by who had the one before open
    assert fetched.changed
    assert fetched.before is not None
    assert fetched.before.built_at == BUILT
    assert [left.name for left in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_first_one_needs_none_before(provider: Provider, tmp_path: Path):
    provider.serves("/db", database())
    fetched = run(asked(provider), tmp_path / "new.mmdb")
    assert (fetched.changed, fetched.before) == (True, None)


def test_one_that_is_as_new_stays(provider: Provider, file: Path):
    provider.serves("/db", database())
    inode = file.stat().st_ino
    assert not run(asked(provider), file).changed
    assert file.stat().st_ino == inode


def test_a_broken_file_in_place_is_replaced_by_any_good_one(provider: Provider, file: Path):
    file.write_bytes(b"broken")
    provider.serves("/db", database(built_at=BUILT - timedelta(days=400)))
    assert run(asked(provider), file).changed


GOOD = database(NEWER, built_at=BUILT + timedelta(days=7))
BAD: dict[str, tuple[bytes, str]] = {
    "an older one": (database(built_at=BUILT - timedelta(days=1)), "older than the one in place"),
    "not a database": (b"<!doctype html>" * 100, "no database in MaxMind's format"),
    "nothing": (b"", "no database in MaxMind's format"),
    "cut short": (GOOD[:-40], "no database in MaxMind's format"),
    "compressed, cut short": (gzip.compress(GOOD)[:-12], "cut short or damaged"),
    "compressed, damaged": (gzip.compress(GOOD)[:40] + bytes(40), "cut short or damaged"),
    "an archive, cut short": (packed(GOOD)[:-30], "cut short or damaged"),
    "an archive without one": (packed(GOOD, "readme.txt"), "no .mmdb file"),
    "of another kind": (
        database({"203.0.113.0/24": {"autonomous_system_number": 64496}}, built_at=BUILT + timedelta(days=9)),
        "knows no country",
    ),
}


@pytest.mark.parametrize(("content", "why"), BAD.values(), ids=BAD)
def test_what_is_no_good_changes_nothing(provider: Provider, file: Path, content: bytes, why: str):
    provider.serves("/db", content)
    assert why in refused(asked(provider), file)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "does not take the key"),
        (403, "does not take the key"),
        (404, "answered 404"),
        (429, "too often"),
        (500, "answered 500"),
    ],
)
def test_an_answer_that_is_none_is_said(provider: Provider, file: Path, status: int, why: str):
    provider.serves("/db", b"no", status=status)
    assert why in refused(asked(provider), file)


def test_an_answer_that_breaks_off_changes_nothing(provider: Provider, file: Path):
    provider.serves("/db", GOOD, length=len(GOOD) + 1)
    assert "cannot be had" in refused(asked(provider), file)


def test_nobody_waits_for_one_who_is_silent(provider: Provider, file: Path):
    provider.hangs("/db")
    assert "cannot be had: ReadTimeout" in refused(asked(provider), file, silence=0.2)


def test_nobody_waits_for_ever(provider: Provider, file: Path):
    provider.hangs("/db")
    assert "was not done within 0.2 s" in refused(asked(provider), file, deadline=0.2)


def test_nobody_is_there(file: Path):
    gone = Provider()
    gone.server.server_close()
    assert "cannot be had: ConnectError" in refused(asked(gone), file)


def test_what_is_too_large_is_not_taken(provider: Provider, file: Path):
    provider.serves("/db", GOOD)
    assert "too much" in refused(asked(provider), file, most=1000)


def test_what_becomes_too_large_is_not_taken(provider: Provider, file: Path):
    provider.serves("/db", gzip.compress(bytes(50_000_000)))
    assert "unpacks to more than 100000 bytes" in refused(asked(provider), file, most=100_000)


# ── where it leads, and what is told there ────────────────────────────────────────────────────


def test_a_redirect_within_the_host_is_followed_with_the_key(provider: Provider, file: Path):
    provider.leads("/db", "/there")
    provider.serves("/there", GOOD)
    assert run(Source(url=f"{provider.url}/db", login=KEY), file).changed
    basic = "Basic " + base64.b64encode(KEY.encode()).decode()
    assert provider.heard == [("/db", basic), ("/there", basic)]


def test_a_redirect_to_another_host_is_refused(provider: Provider, file: Path):
    provider.leads("/db", f"http://localhost:{provider.server.server_port}/there")
    provider.serves("/there", GOOD)
    assert "leads on to localhost, which is refused" in refused(asked(provider), file)
    assert len(provider.heard) == 1


def test_a_host_that_is_named_may_be_led_to_and_hears_no_key(provider: Provider, file: Path):
    provider.leads("/db", f"http://localhost:{provider.server.server_port}/there")
    provider.serves("/there", GOOD)
    named = Source(url=f"{provider.url}/db", login=KEY, leads_to=("localhost",))
    assert run(named, file).changed
    assert provider.heard[1] == ("/there", None)


@pytest.mark.parametrize("host", ["evil-r2.cloudflarestorage.com.example", "r2.cloudflarestorage.com.evil"])
def test_a_host_that_only_looks_like_one_is_refused(provider: Provider, file: Path, host: str):
    provider.leads("/db", f"https://{host}/there")
    known = Source(url=f"{provider.url}/db", leads_to=PROVIDERS["maxmind"].leads_to)
    assert "which is refused" in refused(known, file)


def test_a_redirect_to_plain_http_elsewhere_is_refused(provider: Provider, file: Path):
    provider.leads("/db", "http://example.org/there")
    assert "https:// alone" in refused(asked(provider, leads_to=("example.org",)), file)


def test_a_circle_comes_to_an_end(provider: Provider, file: Path):
    provider.leads("/db", "/db")
    assert "leads on and on" in refused(asked(provider), file)
    assert len(provider.heard) == 4


# ── which source ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("P-08")
def test_without_a_source_or_a_key_nobody_is_asked():
    with pytest.raises(SettingsError, match="nobody is asked for places: SOJOURN_PLACES_FROM is not set"):
        source("", None, now=NOW)
    for named in ("maxmind", "ipinfo", "https://example.org/{key}.mmdb"):
        with pytest.raises(SettingsError, match="wants a key; set SOJOURN_GEO_API_KEY"):
            source(named, None, now=NOW)
    with pytest.raises(SettingsError, match="123456:key"):
        source("maxmind", "only-half-of-it", now=NOW)


def test_a_source_has_the_key_and_the_month_where_they_belong():
    assert source("dbip", None, now=NOW).url.endswith("/free/dbip-city-lite-2026-11.mmdb.gz")
    assert source("ipinfo", "a b&c", now=NOW).url.endswith("?token=a%20b%26c")
    maxmind = source("maxmind", KEY, now=NOW)
    assert (maxmind.login, KEY in maxmind.url) == (KEY, False)
    assert "canary" not in repr(source("ipinfo", KEY, now=NOW))


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd", "x"])
def test_a_key_travels_by_https_alone(url: str):
    with pytest.raises(SettingsError, match="https:// alone"):
        source(url, None, now=NOW)


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_the_command_fetches_by_the_settings_and_shows_no_key(
    provider: Provider, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    provider.serves("/db", GOOD)
    monkeypatch.setenv("SOJOURN_PLACES", str(file))
    monkeypatch.setenv("SOJOURN_PLACES_FROM", provider.url + "/db?token={key}")
    monkeypatch.setenv("IP_GEOLOCATION_API_KEY", KEY)
    assert command(["places", "update"]) == 0
    assert command(["places", "update"]) == 0
    assert [path for path, _ in provider.heard] == ["/db?token=123456%3Acanary-of-a-licence-key"] * 2
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        f"{file} is now Test-City of 2026-11-08, instead of one of 2026-11-01.",
        f"{file} is up to date: Test-City of 2026-11-08.",
    ]
    assert "canary" not in said.out + said.err


def test_the_command_without_settings_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("SOJOURN_PLACES", "SOJOURN_PLACES_FROM", "IP_GEOLOCATION_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert command(["places", "update"]) == 2
    assert "set SOJOURN_PLACES" in capsys.readouterr().err


def test_an_address_can_be_looked_up(file: Path, capsys: pytest.CaptureFixture[str]):
    at = ["--places", str(file)]
    assert command(["places", "lookup", "8.8.8.8", *at]) == 0
    assert command(["places", "lookup", "10.0.0.1", *at]) == 1
    assert capsys.readouterr().out == "about Mountain View, US\nLocation unknown\n"
    assert command(["places", "lookup", "8.8.8.8", "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ip": "8.8.8.8",
        "place": {"city": "Mountain View", "country": "US"},
        "point": {"latitude": 37.4, "longitude": -122.1, "radius": None},
    }
    assert command(["places", "lookup", "nonsense", *at]) == 2


# ── the doctor ────────────────────────────────────────────────────────────────────────────────


def examined(now: datetime, **environment: str) -> dict[str, tuple[str, str]]:
    found = asyncio.run(examine({"store": "memory://"}, environment, now=now))
    return {finding.about: (finding.level, finding.what) for finding in found}


def test_the_doctor_says_how_old_the_places_are(file: Path, tmp_path: Path):
    places = str(file)
    assert examined(NOW)["places"] == ("ok", "none: people read Location unknown")
    assert examined(NOW, SOJOURN_PLACES=places)["places"] == ("ok", "Test-City of 2026-11-01")
    level, said = examined(NOW + timedelta(days=60), SOJOURN_PLACES=places)["places"]
    assert (level, said) == ("warning", "Test-City of 2026-11-01, which is old")
    level, said = examined(NOW, SOJOURN_PLACES=str(tmp_path / "gone.mmdb"))["places"]
    assert level == "warning"
    assert "No such file" in said


def test_the_doctor_says_that_a_key_is_of_no_use(file: Path):
    assert "IP_GEOLOCATION_API_KEY" in examined(NOW, IP_GEOLOCATION_API_KEY="x")
    assert examined(NOW, IP_GEOLOCATION_API_KEY="x")["IP_GEOLOCATION_API_KEY"][0] == "warning"
    used = examined(NOW, IP_GEOLOCATION_API_KEY="x", SOJOURN_PLACES_FROM="ipinfo")
    assert "IP_GEOLOCATION_API_KEY" not in used
