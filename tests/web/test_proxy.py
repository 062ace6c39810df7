"""Who is at the other end: only trusted hops are believed, and no further than they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.errors import SettingsError
from sojourn.web.headers import Headers
from sojourn.web.proxy import Peer, Proxies

TRUSTED = Proxies(["10.0.0.0/8", "192.0.2.1", "2001:db8:aaaa::/48"])
PROXY, CLIENT = "10.0.0.1", "203.0.113.7"


def ip(forwarded: str | None, *, nearest: str | None = PROXY, proxies: Proxies = TRUSTED) -> str | None:
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    return proxies.peer(nearest, "http", headers).ip


@pytest.mark.req("TH-14", "AX-15.3.4")
def test_without_configuration_nobody_is_believed():
    assert ip("1.2.3.4", nearest=CLIENT, proxies=Proxies()) == CLIENT


@pytest.mark.req("TH-14")
def test_without_configuration_not_even_loopback_is_believed():
    assert ip("1.2.3.4", nearest="127.0.0.1", proxies=Proxies()) == "127.0.0.1"


@pytest.mark.req("TH-14")
def test_a_direct_client_is_not_believed():
    assert ip("1.2.3.4", nearest=CLIENT) == CLIENT


@pytest.mark.req("TH-14")
@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}, 10.0.0.2", CLIENT),
        (f"{CLIENT}, 192.0.2.1,10.0.0.2", CLIENT),
        (f"1.2.3.4, {CLIENT}", CLIENT),
        (f"10.9.9.9, 1.2.3.4, {CLIENT}, 10.0.0.2", CLIENT),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
    ids=[
        "one proxy",
        "two",
        "three",
        "forged first hop",
        "forged hops before two proxies",
        "nobody but proxies",
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(forwarded, client):
    assert ip(forwarded) == client


@pytest.mark.req("TH-14")
@pytest.mark.parametrize("nothing", [None, "", " ", ","])
def test_a_proxy_that_says_nothing_is_the_client(nothing):
    assert ip(nothing) == PROXY


@pytest.mark.req("TH-14")
@pytest.mark.parametrize(
    "hop", ["unknown", "_hidden", "1.2.3", "1.2.3.4.5", "<script>", "", "0x7f.1", "1.2.3.4 5"]
)
def test_behind_a_malformed_hop_nobody_is_believed(hop):
    assert ip(f"{CLIENT}, {hop}, 10.0.0.2") == "10.0.0.2"


@pytest.mark.req("TH-14")
@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7:4711", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("[fe80::7%25eth0]:4711", "fe80::7"),
        ("::ffff:203.0.113.7", CLIENT),
        ("[::ffff:203.0.113.7]:4711", CLIENT),
        ("2001:DB8:0:0::7", "2001:db8::7"),
    ],
)
def test_an_address_has_one_spelling(written, address):
    assert ip(written) == address


@pytest.mark.req("TH-14")
@pytest.mark.parametrize("nearest", ["::ffff:10.0.0.1", "2001:db8:aaaa::1"])
def test_a_proxy_is_recognised_by_ipv6_too(nearest):
    assert ip(CLIENT, nearest=nearest) == CLIENT


@pytest.mark.parametrize("nearest", [None, "", "unix:", "testclient"])
def test_a_connection_without_address_has_none(nearest):
    assert ip("1.2.3.4", nearest=nearest) is None


@pytest.mark.req("TH-14")
def test_the_forwarded_scheme_of_a_trusted_proxy_counts():
    assert TRUSTED.peer(PROXY, "http", {"x-forwarded-proto": "https"}) == Peer(PROXY, "https")


@pytest.mark.req("TH-14")
def test_the_forged_scheme_of_a_direct_client_does_not_count():
    assert TRUSTED.peer(CLIENT, "http", {"x-forwarded-proto": "https"}) == Peer(CLIENT, "http")


@pytest.mark.req("TH-14")
@pytest.mark.parametrize(
    ("said", "scheme"),
    [("HTTPS", "https"), ("https, http", "http"), ("ftp", "http"), ("", "http"), ("http,", "http")],
)
def test_of_several_schemes_the_nearest_proxys_counts(said, scheme):
    assert TRUSTED.peer(PROXY, "http", {"x-forwarded-proto": said}).scheme == scheme


@pytest.mark.req("TH-14")
def test_the_header_of_rfc_7239_is_not_read():
    assert TRUSTED.peer(PROXY, "http", {"forwarded": "for=1.2.3.4;proto=https"}) == Peer(PROXY, "http")


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy.test", "10.0.0.0/33", "", "*"])
def test_a_network_that_is_none_is_refused_with_a_remedy(wrong):
    with pytest.raises(SettingsError, match=r"write a network such as 10\.0\.0\.0/8"):
        Proxies([wrong])


# ── what was worked out lately ───────────────────────────────────────────────────────────────────

texts = st.none() | st.sampled_from([b"", b"203.0.113.7", b"198.51.100.9, 10.0.0.2", b"nonsense", b"\xff"])
schemes = st.none() | st.sampled_from([b"https", b"http", b"http, https", b"gopher"])
countries = st.none() | st.sampled_from([b"CH", b"de", b"XX"])
asked = st.tuples(
    st.sampled_from([PROXY, CLIENT, "127.0.0.1", None]),
    st.sampled_from(["http", "https"]),
    st.fixed_dictionaries(
        {b"x-forwarded-for": texts, b"x-forwarded-proto": schemes, b"x-country": countries}
    ),
)


@pytest.mark.req("TH-14")
@given(st.booleans(), st.booleans(), st.lists(asked, max_size=12))
def test_what_is_remembered_is_what_would_be_worked_out(believed, by_country, all_asked):
    trusted, header = (["10.0.0.0/8"] if believed else []), "X-Country" if by_country else None
    proxies = Proxies(trusted, country_header=header)
    for ip, scheme, headers in (*all_asked, *all_asked):
        raw = {name: value for name, value in headers.items() if value is not None}
        assert proxies.found(ip, scheme, raw) == Proxies(trusted, country_header=header).peer(
            ip, scheme, Headers(raw)
        )


def test_another_country_from_the_same_address_is_another_answer():
    proxies = Proxies(["10.0.0.0/8"], country_header="X-Country")
    for country in ("CH", "DE"):
        headers = {b"x-forwarded-for": b"203.0.113.7", b"x-country": country.encode()}
        assert proxies.found(PROXY, "http", headers).country == country


def test_random_headers_take_no_more_and_more_room():
    proxies = Proxies(["10.0.0.0/8"])
    for n in range(9_000):
        proxies.found(PROXY, "http", {b"x-forwarded-for": f"203.0.{n >> 8}.{n & 255}".encode()})
    assert 0 < len(proxies._lately) <= 4_096
    before = len(proxies._lately)
    proxies.found(PROXY, "http", {b"x-forwarded-for": b", ".join([b"203.0.113.7"] * 100)})
    assert len(proxies._lately) == before
