"""AuthVital's own SDK against the server; collected if SOJOURN_AUTHVITAL_SDK names the folder of a build.

The folder is that of its package, `packages/sdk` of their repository, in which `npm run build` has run.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from tests.interop.conftest import furnish
from tests.interop.kit import ADA, CALLBACK, Installation
from tests.interop.node import Failed, program

SDK = str(Path(os.environ["SOJOURN_AUTHVITAL_SDK"]).absolute())


def client(place, application="shop", slash=""):
    """`createAuthVital` with the address of *place*."""
    config = {
        "authVitalHost": place.origin + slash,
        "clientId": application,
        "clientSecret": place.secrets[application],
    }
    return program("authvital.mjs", {"sdk": SDK, "config": config})


def request(token):
    return {"express": {"authorization": f"Bearer {token}"}}


@pytest.fixture(scope="module")
def sdk(place, server):
    with client(place) as running:
        yield running


@pytest.fixture
def acme(place):
    return place.tenants["acme"]


def started(place, count=1, user=None, **facts):
    facts = {"application_id": "shop", "tenant_id": place.tenants["acme"]} | facts
    return place.sessions(count, user or str(uuid4()), **facts)


def refused(sdk, *call):
    with pytest.raises(Failed) as caught:
        sdk.ask(*call)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["express", "fetch"])
def test_it_validates_a_request(place, sdk, acme, kind):
    tokens = place.start(ADA, application="shop", tenant="acme")
    shown = {kind: {"authorization": f"Bearer {tokens.access}"}}
    claims = sdk.ask("validateRequest", shown)
    assert claims["tenantId"] == acme
    assert claims["tenantSubdomain"] == "acme"
    assert claims["payload"]["sid"] == tokens.session_id
    known = sdk.ask("getCurrentUser", shown)
    assert (known["authenticated"], known["user"]["sub"]) == (True, claims["sub"])


def test_a_slash_behind_the_address_does_no_harm(place, server, acme):
    with client(place, slash="/") as sdk:
        assert sdk.ask("validateRequest", request(started(place)[0].access))["tenantId"] == acme


def test_what_it_refuses_before_it_asks(place, sdk, expired):
    [nowhere] = started(place, tenant_id=None)
    [elsewhere] = started(place, application_id="rival")
    [other] = started(place, application_id="stall")
    [good] = started(place)
    for shown, said in (
        ({"express": {"accept": "*/*"}}, "Missing Authorization header"),
        ({"express": {"authorization": "Basic eDp5"}}, "Invalid Authorization header format"),
        (request(good.refresh), "Invalid token format"),
        (request(expired), "Token expired"),
        (request(nowhere.access), "missing tenant_id claim"),
        (request(elsewhere.access), "Invalid audience"),
        (request(other.access), "Unsupported algorithm: ES256"),
        (request(good.access[:-8] + "AAAAAAAA"), "Invalid signature"),
    ):
        for call in ("validateRequest", "sessions.list", "sessions.revokeAll"):
            assert said in refused(sdk, call, shown)
    assert place.live("grace")


def test_it_lists(place, sdk):
    user = str(uuid4())
    [mine] = started(place, user=user)
    [other] = started(place, user=user, application_id="rival", tenant_id=None)
    said = sdk.ask("sessions.list", request(mine.access))
    assert [row["id"] for row in said["sessions"]] == [other.session_id, mine.session_id]
    assert (said["count"], said["sessions"][1]["tenant"]) == (2, "acme")
    for asked, count in (("shop", 1), ("no such", 0), ("a&b=ü/", 0), ("", 2)):
        found = sdk.ask("sessions.list", request(mine.access), {"applicationId": asked})
        assert found["count"] == count == len(found["sessions"])


def test_it_revokes(place, sdk):
    mine, other = started(place, 2)
    [theirs] = started(place)
    said = sdk.ask("sessions.revoke", request(mine.access), other.session_id)
    assert said == {"success": True, "message": "Session revoked successfully"}
    said = sdk.ask("sessions.revoke", request(mine.access), other.session_id)
    assert said == {"success": False, "message": "Session not found or already revoked"}
    for id in (theirs.session_id, str(uuid4()), "é☃", "0000"):
        assert refused(sdk, "sessions.revoke", request(mine.access), id) == "Session not found"
    for id in ("a/b", "..", ".", "../logout-all", "../../api/auth/sign-out"):
        assert refused(sdk, "sessions.revoke", request(mine.access), id)
    assert sdk.ask("sessions.list", request(mine.access))["count"] == 1
    assert "Unexpected" not in refused(sdk, "sessions.list", request(other.access))
    # Revocation is not in its validator: of a token that it holds it knows until `exp`.
    assert sdk.ask("validateRequest", request(other.access))


def test_it_revokes_all(place, sdk):
    user = str(uuid4())
    mine, _ = started(place, 2, user=user)
    started(place, user=user, application_id="rival")
    for asked, count in (("no such", 0), ("rival", 1), (None, 2)):
        options = [] if asked is None else [{"applicationId": asked}]
        said = sdk.ask("sessions.revokeAll", request(mine.access), *options)
        assert said == {"success": True, "message": f"Revoked {count} session(s)", "count": count}
    assert refused(sdk, "sessions.list", request(mine.access))


def test_it_logs_out(place, sdk):
    [mine] = started(place)
    said = [sdk.ask("sessions.logout", *given) for given in ([mine.refresh], [mine.refresh], ["rubbish"], [])]
    assert all(answer["success"] for answer in said)
    assert said[0]["message"] == "Session revoked successfully"
    assert refused(sdk, "sessions.list", request(mine.access))


def test_it_refreshes(place, sdk):
    [mine] = started(place)
    given = {
        "authVitalHost": place.origin,
        "clientId": "shop",
        "clientSecret": place.secrets["shop"],
        "refreshToken": mine.refresh,
    }
    said = sdk.ask("refreshAccessToken", given)
    assert said["refresh_token"] != mine.refresh
    assert sdk.ask("sessions.list", request(said["access_token"]))["sessions"][0]["id"] == mine.session_id
    assert refused(sdk, "refreshAccessToken", given | {"clientSecret": "wrong"})
    assert refused(sdk, "refreshAccessToken", given | {"refreshToken": "sjn_rubbish"})


def test_its_machine_token_is_no_user(place, server, sdk):
    assert sdk.ask("getAccessToken") == sdk.ask("getAccessToken")  # it keeps the token
    assert "sign in" in refused(sdk, "request", "GET", "/oauth/sessions")
    with client(place, "rival") as other:  # which is not registered for the scope that the SDK asks for
        assert "not registered" in refused(other, "getAccessToken")


def test_its_address_for_signing_in_is_ours(place, server, sdk):
    url = sdk.ask(
        "buildAuthorizeUrl",
        {
            "authVitalHost": place.origin,
            "clientId": "shop",
            "redirectUri": CALLBACK,
            "state": "s",
            "codeChallenge": "c" * 43,
        },
    )
    answer = server.get(url)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?")


def test_it_learns_of_new_keys(tmp_path):
    place = Installation(tmp_path)
    furnish(place)
    with client(place) as sdk:
        with place.served():
            [first] = started(place)
            assert sdk.ask("sessions.list", request(first.access))["count"] == 1
        for _ in range(2):  # announced, then in use; its list of keys is of the time before
            place.run("keys", "rotate", "--access")
        with place.served():
            for tokens in (first, *started(place)):
                assert sdk.ask("sessions.list", request(tokens.access))["count"] == 1
