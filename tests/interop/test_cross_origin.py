"""A public application that is a page on an origin of its own: what its browser has to let it do."""

from __future__ import annotations

import pytest

PAGE = {"origin": "https://app.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}


def readable(answer):
    """Whether a page anywhere may read *answer*; never one that a cookie had a part in."""
    assert "access-control-allow-credentials" not in answer.headers
    return answer.headers.get("access-control-allow-origin") == "*"


@pytest.fixture
def tokens(place, server):
    return place.sessions(1, application_id="pocket")[0]


def test_a_page_may_look_up_where_everything_is(server):
    for name in ("openid-configuration", "jwks.json"):
        assert readable(server.get(f"/.well-known/{name}", headers=PAGE))


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"])
def test_a_browser_asks_first(server, path):
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    answer = server.options(path, headers=PAGE | asks)
    assert answer.status_code in (200, 204)
    assert readable(answer)
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"authorization", "content-type"}


def test_a_page_refreshes_looks_and_gives_back(server, tokens):
    fields = {"grant_type": "refresh_token", "client_id": "pocket", "refresh_token": tokens.refresh}
    refreshed = server.post("/oauth/token", data=fields, headers=PAGE)
    assert (refreshed.status_code, readable(refreshed)) == (200, True)
    bearer = {"authorization": f"Bearer {refreshed.json()['access_token']}"}
    seen = server.get("/oauth/userinfo", headers=PAGE | bearer)
    assert (seen.status_code, readable(seen)) == (200, True)
    given = {"client_id": "pocket", "token": refreshed.json()["refresh_token"]}
    assert server.post("/oauth/revoke", data=given, headers=PAGE).status_code == 200
    refused = server.get("/oauth/userinfo", headers=PAGE | bearer)
    assert (refused.status_code, readable(refused)) == (401, True)


def test_a_page_reads_why_it_is_refused(server):
    fields = {"grant_type": "refresh_token", "client_id": "pocket", "refresh_token": "sjr_unknown"}
    refused = server.post("/oauth/token", data=fields, headers=PAGE)
    assert (refused.json()["error"], readable(refused)) == ("invalid_grant", True)


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/sign-out", "/api/auth/sign-in"])
def test_what_takes_a_cookie_is_closed_to_pages_elsewhere(server, path):
    answer = server.post(path, headers=PAGE, json={})
    assert answer.status_code == 403
    assert not readable(answer)
