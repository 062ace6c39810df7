"""Where a message may go: never inside, whatever its address is called, and however it is spelled."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from sojourn.delivery import Guard, Post, Undelivered
from tests.delivery.kit import Receiver, certificate

PUBLIC = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]
INSIDE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",  # noqa: S104 - it is what it says
    "10.0.0.5",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "192.0.0.192",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "fe80::1",
    "fe80::1%2",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:5::1",
    "3fff::1",
    "nonsense",
]

pytestmark = pytest.mark.req("TH-25", "L-11")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_by_https_alone(address: str):
    assert len(Guard().check("https", [address])) == 1
    with pytest.raises(Undelivered, match="plain http"):
        Guard().check("http", [address])


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_refused(address: str):
    for scheme in ("http", "https"):
        with pytest.raises(Undelivered):
            Guard().check(scheme, [address])


@pytest.mark.parametrize("address", [a for a in INSIDE if not a.startswith("127.") and "7f00:1" not in a])
def test_being_local_opens_this_machine_and_nothing_else(address: str):
    reached = address in ("::1", "::ffff:127.0.0.1")
    for scheme in ("http", "https"):
        if reached:
            assert Guard(local=True).check(scheme, [address])
        else:
            with pytest.raises(Undelivered):
                Guard(local=True).check(scheme, [address])


def test_one_address_inside_spoils_them_all():
    for found in (["93.184.216.34", "10.0.0.5"], ["10.0.0.5", "93.184.216.34"], []):
        with pytest.raises(Undelivered):
            Guard().check("https", found)


def test_a_network_that_was_named_is_reached_and_its_neighbour_is_not():
    guard = Guard.of(["10.1.0.0/16", "fd00:1::/32"])
    assert guard.check("https", ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"]) == [
        "10.1.2.3",
        "10.1.2.3",
        "fd00:1::5",
    ]
    for address in ("10.2.0.1", "fd00:2::5", "169.254.169.254"):
        with pytest.raises(Undelivered):
            guard.check("https", [address])
    with pytest.raises(Undelivered):
        guard.check("http", ["10.1.2.3"])


# ── resolved once, and that is where it goes ─────────────────────────────────────────────────


class Names:
    """A resolver whose answers change: *answers*, one after another, of which the last stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses to which a connection was opened. None to the outside is: there is nobody."""
    found: list[str] = []

    class Network(httpcore2.AnyIOBackend):
        async def connect_tcp(self, host: str, port: int, *more: Any, **named: Any) -> Any:
            found.append(host)
            if not host.startswith("127."):
                raise httpcore2.ConnectError("nobody is there")
            return await super().connect_tcp(host, port, *more, **named)

    monkeypatch.setattr(httpcore2, "AnyIOBackend", Network)
    return found


async def test_a_name_that_turns_inside_after_it_was_checked_gains_nothing(dialled: list[str]):
    async with Receiver.listening() as inside:
        names = Names(["93.184.216.34"], ["127.0.0.1"])
        post = Post(Guard(), resolve=names)
        url = f"https://rebound.test:{inside.port}/"
        with pytest.raises(Undelivered, match="nobody is there"):
            await post.form(url, {})
        assert (dialled, names.asked) == (["93.184.216.34"], ["rebound.test"])
        with pytest.raises(Undelivered, match=r"127\.0\.0\.1 is refused"):
            await post.form(url, {})
        assert (dialled, inside.connections) == (["93.184.216.34"], 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
async def test_no_spelling_of_this_machine_is_reached_by_the_real_resolver(host: str, dialled: list[str]):
    async with Receiver.listening() as inside:
        for scheme in ("http", "https"):
            with pytest.raises(Undelivered):
                await Post(Guard()).form(f"{scheme}://{host}:{inside.port}/", {})
        assert (dialled, inside.connections) == ([], 0)


@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "file:///etc/passwd", "gopher://127.0.0.1/", "https://", "//a.test/"]
)
async def test_other_schemes_are_not_spoken(url: str, dialled: list[str]):
    with pytest.raises(Undelivered, match="https"):
        await Post(Guard(local=True), resolve=Names(["127.0.0.1"])).form(url, {})
    assert dialled == []


async def test_the_certificate_is_checked_against_the_name_and_the_name_is_sent(
    tmp_path: Path, dialled: list[str]
):
    tls, trust = certificate(tmp_path, "receiver.test")
    asked_for: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: asked_for.append(name)
    async with Receiver.listening(tls=tls) as receiver:
        post = Post(Guard(local=True), resolve=Names(["127.0.0.1"]), trust=trust)
        assert await post.form(f"https://receiver.test:{receiver.port}/hook?a=b", {"c": "d e"}) == 200
        (asked,) = receiver.asked
        assert asked.line == "POST /hook?a=b HTTP/1.1"
        assert asked.headers["host"] == f"receiver.test:{receiver.port}"
        assert asked.form == {"c": ["d e"]}
        assert (asked_for, dialled) == (["receiver.test"], ["127.0.0.1"])
        with pytest.raises(Undelivered, match="certificate"):
            await post.form(f"https://another.test:{receiver.port}/", {})
        with pytest.raises(Undelivered, match="certificate"):
            await Post(Guard(local=True), resolve=Names(["127.0.0.1"])).form(
                f"https://receiver.test:{receiver.port}/", {}
            )
        assert len(receiver.asked) == 1


async def test_the_next_address_is_tried_if_one_does_not_answer(dialled: list[str]):
    async with Receiver.listening() as receiver:
        post = Post(Guard(local=True, networks=()), resolve=Names(["127.0.0.2", "127.0.0.1"]))
        assert await post.form(f"http://two.test:{receiver.port}/", {}) == 200
    assert dialled == ["127.0.0.2", "127.0.0.1"]


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch):
    async with Receiver.listening() as proxy, Receiver.listening() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await Post(Guard(local=True)).form(receiver.url, {}) == 200
        assert (proxy.connections, receiver.connections) == (0, 1)


async def test_a_host_that_no_resolver_knows_is_not_delivered_to():
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Undelivered, match="not known"):
        await Post(Guard(), resolve=unknown).form("https://nowhere.test/", {})
    with pytest.raises(Undelivered):
        await Post(Guard()).form(f"https://{'a' * 64}.test/", {})


def test_by_default_the_certificates_of_the_system_are_asked_for():
    context = Post(Guard())._context("https")
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
