"""What AuthVital's SDK sends, byte for byte as it was seen on the wire, and what it needs to find there.

Its requests carry a JSON content type always, on a GET and on a POST without a body too; it reads `message`
of an error and nothing else; an answer without a body breaks it.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.interop.conftest import furnish
from tests.interop.kit import ADA, BOB, Installation
from tests.interop.reader import Refused, read

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
SENT = {"accept": "*/*", "content-type": "application/json", "sec-fetch-mode": "cors", "user-agent": "node"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")  # what `new Date().toISOString()` makes
FIELDS = {"id", "createdAt", "expiresAt", "userAgent", "ipAddress", "tenant"}


class SDK:
    """Its four calls, as they travel."""

    def __init__(self, client, access=""):
        self.client, self.bearer = client, {"authorization": f"Bearer {access}"} if access else {}

    def list(self, application_id=""):
        query = f"?application_id={quote(application_id)}" if application_id else ""
        return self.client.get(f"/oauth/sessions{query}", headers=SENT | self.bearer)

    def revoke(self, id):
        return self.client.post(
            f"/oauth/sessions/{quote(id, safe='')}/revoke",
            headers=SENT | self.bearer | {"content-length": "0"},
        )

    def revoke_all(self, application_id=None):
        body = {} if application_id is None else {"application_id": application_id}
        return self.client.post(
            "/oauth/logout-all", headers=SENT | self.bearer, content=json.dumps(body, separators=(",", ":"))
        )

    def logout(self, refresh_token=None):
        body = {} if refresh_token is None else {"refresh_token": refresh_token}
        return self.client.post(
            "/oauth/logout", headers=SENT, content=json.dumps(body, separators=(",", ":"))
        )


def good(answer):
    """The body of a success: 200 and JSON, never empty."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def refused(answer, status):
    """What their users are told of an error: a string under `message`."""
    assert answer.status_code == status
    assert "json" in answer.headers["content-type"]
    message = answer.json()["message"]
    assert isinstance(message, str)
    assert message
    return message


def sessions_of(place, count, user_id=None, **facts):
    return place.sessions(count, user_id or str(uuid4()), application_id="shop", **facts)


@pytest.fixture
def acme(place):
    return place.tenants["acme"]


@pytest.fixture
def mine(place, acme):
    """A signed-in user."""
    return sessions_of(place, 1, tenant_id=acme)[0]


@pytest.fixture
def sdk(server, mine):
    return SDK(server, mine.access)


# ── list ──────────────────────────────────────────────────────────────────────────────────────


def test_a_row_has_their_six_fields_and_ours(place, server):
    started = place.start(ADA, application="shop", tenant="acme", user_agent=FIREFOX, ip="192.0.2.7")
    said = good(SDK(server, started.access).list())
    assert said["count"] == len(said["sessions"])
    row = next(row for row in said["sessions"] if row["id"] == started.session_id)
    assert row.keys() == FIELDS | {"current", "lastSeenAt", "device", "applicationId"}
    assert (row["userAgent"], row["ipAddress"], row["tenant"]) == (FIREFOX, "192.0.2.7", "acme")
    assert (row["current"], row["applicationId"], row["device"]["kind"]) == (True, "shop", "desktop")
    assert all(INSTANT.fullmatch(row[name]) for name in ("createdAt", "expiresAt", "lastSeenAt"))
    assert datetime.fromisoformat(row["createdAt"]) < datetime.fromisoformat(row["expiresAt"])


def test_what_is_not_known_of_a_session_is_null(place, server):
    started = place.start(BOB, tenant="acme")
    rows = good(SDK(server, started.access).list())["sessions"]
    row = next(row for row in rows if row["id"] == started.session_id)
    assert (row["userAgent"], row["ipAddress"], row["applicationId"]) == (None, None, None)


def test_sessions_of_every_application_and_tenant_are_listed_newest_first(place, server, acme):
    user = str(uuid4())
    [first] = place.sessions(1, user, application_id="shop", tenant_id=acme)
    [second] = place.sessions(1, user, application_id="rival")
    [third] = place.sessions(1, user)
    said = good(SDK(server, first.access).list())
    assert [row["id"] for row in said["sessions"]] == [third.session_id, second.session_id, first.session_id]
    assert [row["tenant"] for row in said["sessions"]] == [None, None, "acme"]
    assert [row["current"] for row in said["sessions"]] == [False, False, True]


@pytest.mark.parametrize(
    ("asked", "found"), [("shop", 2), ("rival", 0), ("no such", 0), ("a&b=c/é", 0), ("", 2)]
)
def test_an_application_that_is_not_known_has_no_sessions(place, server, asked, found):
    mine, _ = sessions_of(place, 2)
    assert good(SDK(server, mine.access).list(asked))["count"] == found


def test_sessions_of_others_are_not_listed(place, server, sdk, mine):
    sessions_of(place, 3)
    assert [row["id"] for row in good(sdk.list())["sessions"]] == [mine.session_id]


# ── revoke ────────────────────────────────────────────────────────────────────────────────────


def test_revoking_ends_a_session_once(place, server, acme):
    mine, other = sessions_of(place, 2, tenant_id=acme)
    sdk = SDK(server, mine.access)
    assert good(sdk.revoke(other.session_id)) == {"success": True, "message": "Session revoked successfully"}
    assert good(sdk.revoke(other.session_id)) == {
        "success": False,
        "message": "Session not found or already revoked",
    }
    assert [row["id"] for row in good(sdk.list())["sessions"]] == [mine.session_id]
    refused(SDK(server, other.access).list(), 401)


def test_the_session_of_somebody_else_is_as_unknown_as_one_that_never_was(place, server, sdk):
    [theirs] = sessions_of(place, 1)
    unknown = refused(sdk.revoke(str(uuid4())), 404)
    assert refused(sdk.revoke(theirs.session_id), 404) == unknown == "Session not found"
    good(SDK(server, theirs.access).list())


IDS = ["a/b", "a/../b", "é☃", "a b", "%2F", "a?b#c", "../logout-all", "0000", "x" * 2_000, "\0", "a\r\nb"]


@pytest.mark.parametrize("id", IDS, ids=lambda id: id[:9])
def test_whatever_an_id_holds_it_is_only_an_id(sdk, id):
    refused(sdk.revoke(id), 404)
    assert good(sdk.list())["count"] == 1


@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/sessions/revoke"])
def test_an_id_of_dots_which_their_url_parser_takes_out_of_the_path_ends_nothing(server, sdk, path):
    """`revoke(req, "..")` and `revoke(req, ".")` arrive at these addresses."""
    answer = server.post(path, headers=SENT | sdk.bearer | {"content-length": "0"})
    assert refused(answer, answer.status_code)
    assert 400 <= answer.status_code < 500
    assert good(sdk.list())["count"] == 1


# ── revoke all ────────────────────────────────────────────────────────────────────────────────


def test_revoking_all_ends_every_session_the_current_one_too(place, server, acme):
    user = str(uuid4())
    mine, _ = place.sessions(2, user, application_id="shop", tenant_id=acme)
    place.sessions(1, user, application_id="rival")
    sdk = SDK(server, mine.access)
    assert good(sdk.revoke_all()) == {"success": True, "message": "Revoked 3 session(s)", "count": 3}
    refused(sdk.list(), 401)
    assert not place.live(user)


def test_revoking_all_of_one_application_spares_the_others(place, server):
    user = str(uuid4())
    [mine] = place.sessions(1, user, application_id="shop")
    [other] = place.sessions(1, user, application_id="rival")
    sdk = SDK(server, mine.access)
    assert good(sdk.revoke_all("no such"))["count"] == 0
    assert good(sdk.revoke_all("rival"))["count"] == 1
    assert place.live(user) == {mine.session_id}
    refused(SDK(server, other.access).list(), 401)


# ── log out ───────────────────────────────────────────────────────────────────────────────────


def test_logging_out_takes_the_refresh_token_alone(place, server, mine):
    assert good(SDK(server).logout(mine.refresh)) == {
        "success": True,
        "message": "Session revoked successfully",
    }
    assert good(SDK(server).logout(mine.refresh)) == {"success": True, "message": "Logged out"}
    refused(SDK(server, mine.access).list(), 401)


def test_logging_out_without_a_token_is_a_success(server):
    assert good(SDK(server).logout())["message"] == "Logged out (no active session)"


def test_an_access_token_logs_nobody_out(place, server, mine):
    for token in (mine.access, "rubbish", "sjn_rubbish"):
        assert good(SDK(server).logout(token)) == {"success": True, "message": "Logged out"}
    good(SDK(server, mine.access).list())


# ── refusals ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("call", ["list", "revoke", "revoke_all"])
@pytest.mark.parametrize("shown", ["nothing", "rubbish", "refresh token", "expired", "other signature"])
def test_without_a_good_access_token_every_call_is_refused(server, mine, expired, call, shown):
    token = {
        "nothing": "",
        "rubbish": "a.b.c",
        "refresh token": mine.refresh,
        "expired": expired,
        "other signature": mine.access[:-8] + "AAAAAAAA",
    }[shown]
    arguments = [mine.session_id] if call == "revoke" else []
    answer = getattr(SDK(server, token), call)(*arguments)
    refused(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer ")


# ── what the SDK verifies by itself ───────────────────────────────────────────────────────────


def jwks(server):
    answer = server.get("/.well-known/jwks.json")
    assert "max-age" in answer.headers["cache-control"]
    return good(answer)


def now():
    return int(datetime.now().timestamp())  # noqa: DTZ005 -- a moment, in whatever zone


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_access_token_passes_their_validator(place, server, mine, acme, slash):
    claims = read(mine.access, jwks(server), host=place.origin + slash, client_id="shop", now=now())
    assert (claims["sid"], claims["tenant_id"], claims["tenant"]) == (mine.session_id, acme, "acme")
    assert claims["iss"] == place.origin
    assert claims["exp"] <= now() + 300


def test_every_key_of_theirs_algorithm_has_what_their_validator_needs(server):
    keys = [key for key in jwks(server)["keys"] if key["kty"] == "RSA"]
    assert keys
    assert all(key.keys() >= {"kty", "n", "e", "kid"} for key in keys)
    assert all("d" not in key for key in jwks(server)["keys"])


def forged(text, **claims):
    head, body, signature = text.split(".")
    held = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(held | claims).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def test_what_their_validator_refuses(place, server, mine, expired):
    keys, at = jwks(server), now()
    [elsewhere] = place.sessions(1, application_id="rival", tenant_id=place.tenants["acme"])
    [nowhere] = place.sessions(1, application_id="shop")
    [other] = place.sessions(1, application_id="stall", tenant_id=place.tenants["acme"])
    machine = server.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("shop", place.secrets["shop"]),
    ).json()["access_token"]
    for text, said in {
        mine.refresh: "Invalid token format",
        expired: "Token expired",
        forged(mine.access, sub="eve"): "Invalid signature",
        elsewhere.access: "Invalid audience",
        nowhere.access: "missing tenant_id",
        other.access: "Unsupported algorithm: ES256",
        machine: "missing tenant_id",
    }.items():
        with pytest.raises(Refused, match=said):
            read(text, keys, host=place.origin, client_id="shop", now=at)
    with pytest.raises(Refused, match="Invalid issuer"):
        read(mine.access, keys, host="http://other.test", client_id="shop", now=at)
    with pytest.raises(Refused, match="Unknown signing key"):
        read(mine.access, {"keys": []}, host=place.origin, client_id="shop", now=at)


# ── the token endpoint as they use it: JSON ───────────────────────────────────────────────────


def grant(server, **fields):
    return server.post("/oauth/token", headers={"content-type": "application/json"}, json=fields)


def test_they_refresh_with_json(place, server, mine):
    credentials = {"client_id": "shop", "client_secret": place.secrets["shop"]}
    said = good(grant(server, grant_type="refresh_token", refresh_token=mine.refresh, **credentials))
    assert said.keys() >= {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    claims = read(said["access_token"], jwks(server), host=place.origin, client_id="shop", now=now())
    assert claims["sid"] == mine.session_id  # where theirs would be another one
    good(SDK(server, said["access_token"]).list())


def test_their_machine_token_asks_for_a_scope_that_must_be_registered(place, server):
    asked = {"grant_type": "client_credentials", "scope": "system:admin"}
    said = good(grant(server, client_id="shop", client_secret=place.secrets["shop"], **asked))
    assert said["scope"] == "system:admin"
    assert "refresh_token" not in said
    refused(grant(server, client_id="rival", client_secret=place.secrets["rival"], **asked), 400)
    refused(grant(server, client_id="shop", client_secret="wrong", **asked), 401)
    refused(SDK(server, said["access_token"]).list(), 401)


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def test_tokens_outlive_the_rotation_of_their_key(tmp_path):
    place = Installation(tmp_path)
    furnish(place)

    def started():
        return place.sessions(1, application_id="shop", tenant_id=place.tenants["acme"])[0].access

    first = started()
    with place.served() as server:
        before = jwks(server)
    place.run("keys", "rotate", "--access")  # announces
    with place.served() as server:
        announced, second = jwks(server), started()
        for token in (first, second):
            read(token, before, host=place.origin, client_id="shop", now=now())
    place.run("keys", "rotate", "--access")  # signs
    with place.served() as server:
        third = started()
        assert len(announced["keys"]) == len(jwks(server)["keys"]) == 2 * len(before["keys"])
        read(third, announced, host=place.origin, client_id="shop", now=now())  # known before its first use
        with pytest.raises(Refused, match="Unknown signing key"):
            read(third, before, host=place.origin, client_id="shop", now=now())
        for token in (first, second, third):
            read(token, jwks(server), host=place.origin, client_id="shop", now=now())
            good(SDK(server, token).list())
