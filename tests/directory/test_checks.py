"""What may stand in an application or a tenant."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sojourn.access import LONGEST
from sojourn.directory.checks import check_application, check_tenant, clean_name
from sojourn.errors import ApplicationRejected, TenantRejected
from tests.directory.records import FULL_APPLICATION, make_application, make_tenant

PUBLIC: dict[str, Any] = {"secret_hash": None, "grants": ("authorization_code",)}


def test_what_can_be_passes() -> None:
    check_application(FULL_APPLICATION)
    check_application(make_application(**PUBLIC))


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("https://app.example.org/callback", False),
        ("https://app.example.org", False),
        ("https://app.example.org:8443/a/b?tenant=acme&x=%20", False),
        ("https://xn--bcher-kva.example/", False),
        ("https://[2001:db8::1]/callback", False),
        ("http://127.0.0.1:8000/callback", False),
        ("http://127.1.2.3/callback", False),
        ("http://[::1]:8000/callback", True),
        ("http://localhost:3000/callback", True),
        ("http://app.localhost/callback", True),
        ("com.example.app:/callback", True),
        ("com.example.app:/", True),
    ],
)
def test_where_people_may_return_to(uri: str, public: bool) -> None:
    given = PUBLIC if public else {}
    check_application(make_application(redirect_uris=(uri,), post_logout_redirect_uris=(uri,), **given))


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "is absolute"),
        ("/callback", "is absolute"),
        ("//app.example.org/callback", "is absolute"),
        ("app.example.org/callback", "is absolute"),
        ("https://app.example.org/a b", "without spaces"),
        ("https://app.example.org/\n", "without spaces"),
        ("https://пример.рф/", "in ASCII"),
        ("https://*.example.org/", "wildcards"),
        ("https://app.example.org/*", "wildcards"),
        ("https://app.example.org\\@evil.example/", "is absolute"),
        ("https://app.example.org/" + "a" * 2000, "at most 2000"),
        ("https://app.example.org/#", "no fragment"),
        ("https://app.example.org/#top", "remove what follows the #"),
        ("https://ada:hush@app.example.org/", "names no user"),
        ("https://@app.example.org/", "names no user"),
        ("https:app.example.org", "names a host"),
        ("https:///callback", "names a host"),
        ("https://:443/", "names a host"),
        ("https://app.example.org:port/", "is absolute"),
        ("https://app.example.org:99999/", "is absolute"),
        ("https://[::1/", "is absolute"),
        ("http://app.example.org/callback", "is https"),
        ("http://127.0.0.1.example.org/", "is https"),
        ("http://localhost.example.org/", "is https"),
        ("http://192.168.0.7/", "is https"),
        ("javascript:alert(1)", "a scheme that has a dot"),
        ("data:text/html,x", "a scheme that has a dot"),
        ("myapp:/callback", "a scheme that has a dot"),
        ("urn:ietf:wg:oauth:2.0:oob", "a scheme that has a dot"),
        ("com.example.app://host/callback", "with one slash"),
    ],
)
def test_where_nobody_is_sent(uri: str, said: str) -> None:
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        given: dict[str, Any] = PUBLIC | {field: (uri,)}
        with pytest.raises(ApplicationRejected, match=said) as refused:
            check_application(make_application(**given))
        assert "hush" not in str(refused.value)


def test_a_scheme_of_its_own_is_for_public_applications() -> None:
    with pytest.raises(ApplicationRejected, match="make the application public"):
        check_application(make_application(redirect_uris=("com.example.app:/callback",)))


@given(st.text(st.characters(codec="utf-8"), max_size=30).map("https://a.example".__add__) | st.text())
@example("http://127.0.0.1:0")
@example("http://[::ffff:127.0.0.1]/")
def test_whatever_passes_is_absolute_and_safe_to_send_people_to(uri: str) -> None:
    try:
        check_application(make_application(redirect_uris=(uri,), **PUBLIC))
    except ApplicationRejected:
        return
    parts = urlsplit(uri)
    assert uri.isascii()
    assert uri.isprintable()
    assert not set(uri) & set(' #*\\"<>')
    assert parts.username is None
    if parts.scheme == "http":
        assert parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    elif parts.scheme == "https":
        assert parts.hostname
    else:
        assert "." in parts.scheme


@pytest.mark.parametrize("uri", ["https://app.example.org/logout?x=1", "http://127.0.0.1:8000/logout"])
def test_where_an_application_is_told(uri: str) -> None:
    check_application(make_application(back_channel_logout_uri=uri))


@pytest.mark.parametrize(
    "uri", ["", "/logout", "http://app.example.org/", "com.example.app:/logout", "https://a.example.org/#x"]
)
def test_where_no_application_is_told(uri: str) -> None:
    with pytest.raises(ApplicationRejected, match="back-channel"):
        check_application(make_application(back_channel_logout_uri=uri))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": ""}, "1 to 64"),
        ({"id": "a" * 65}, "1 to 64"),
        ({"id": "a b"}, "1 to 64"),
        ({"id": "a\n"}, "1 to 64"),
        ({"algorithm": "HS256"}, "RS256, ES256, EdDSA"),
        ({"algorithm": "none"}, "RS256, ES256, EdDSA"),
        ({"grants": ("password",)}, "no grant 'password'; give some of"),
        ({"grants": ()}, "needs a grant"),
        ({"grants": ("client_credentials",), "secret_hash": None}, "no credentials to act on its own"),
        ({"scopes": ("openid email",)}, "scope 'openid email' cannot be"),
        ({"scopes": ("",)}, "scope '' cannot be"),
        ({"scopes": ('a"b',)}, "cannot be"),
        ({"scopes": tuple(map(str, range(51)))}, "at most 50"),
        ({"redirect_uris": tuple(f"https://a.example/{n}" for n in range(51))}, "at most 50"),
        ({"access_ttl": timedelta(milliseconds=999)}, "1 second to 1 hour"),
        ({"access_ttl": LONGEST + timedelta(seconds=1)}, "1 second to 1 hour"),
    ],
)
def test_which_application_cannot_be(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ApplicationRejected, match=said):
        check_application(make_application(**fields))


@pytest.mark.parametrize("ttl", [timedelta(seconds=1), LONGEST])
def test_how_long_an_access_token_lasts(ttl: timedelta) -> None:
    check_application(make_application(access_ttl=ttl))


@pytest.mark.parametrize("slug", ["a", "acme-corp", "1", "a--b", "x" * 63])
def test_which_slug_can_be(slug: str) -> None:
    check_tenant(make_tenant(slug=slug))


@pytest.mark.parametrize(
    "slug", ["", "Acme", "acme_corp", "acme.corp", "-a", "a-", "-", "ä", "a\n", "x" * 64]
)
def test_which_slug_cannot(slug: str) -> None:
    with pytest.raises(TenantRejected, match="such as acme-corp"):
        check_tenant(make_tenant(slug=slug))


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" Acme\r\n Corp ", "Acme Corp"), ("e\u0301", "é"), ("👩\u200d💻", "👩\u200d💻"), ("x" * 100,) * 2],
)
def test_a_name_is_one_line(given: str, kept: str) -> None:
    assert clean_name(given, TenantRejected) == kept


@pytest.mark.parametrize(
    "text", ["", " \t", "\u200d", "a\x00b", "a\u202eb", "\ud800", "x" * 101, "x" * 10**6]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ApplicationRejected, match="1 to 100 printable"):
        clean_name(text, ApplicationRejected)
