"""Public clients of Node against the server: jose, openid-client and oauth4webapi, as they are published."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.interop.browser import COOKIE, Browser
from tests.interop.kit import CALLBACK, LEAVING, PASSWORD, Installation
from tests.interop.node import program, scenario

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("application", "algorithm"), [("shop", "RS256"), ("stall", "ES256"), ("kiosk", "EdDSA")]
)
def test_jose_verifies_access_tokens(place, server, application, algorithm):
    facts = {"application_id": application, "tenant_id": place.tenants["acme"]}
    [tokens] = place.sessions(1, "grace", amr=("pwd",), **facts)
    [old] = place.sessions(1, "grace", ago=HOUR, life=HOUR / 2, **facts)
    said = scenario(
        "jose.mjs",
        origin=place.origin,
        audience=application,
        algorithm=algorithm,
        token=tokens.access,
        expired=old.access,
    )
    assert said["header"]["typ"] == "at+jwt"
    assert said["header"]["alg"] == algorithm
    claims = said["payload"]
    assert (claims["sub"], claims["sid"], claims["client_id"]) == ("grace", tokens.session_id, application)
    assert (claims["tenant_id"], claims["tenant"]) == (place.tenants["acme"], "acme")
    assert (claims["amr"], claims["acr"]) == (["pwd"], "aal1")
    assert {
        name: (why["code"], why["claim"]) for name, why in said["refused"].items() if why.get("claim")
    } == {
        "issuer": ("ERR_JWT_CLAIM_VALIDATION_FAILED", "iss"),
        "audience": ("ERR_JWT_CLAIM_VALIDATION_FAILED", "aud"),
        "type": ("ERR_JWT_CLAIM_VALIDATION_FAILED", "typ"),
        "expired": ("ERR_JWT_EXPIRED", "exp"),
    }
    assert said["refused"]["signature"]["code"] == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert said["refused"]["algorithm"]["code"] == "ERR_JOSE_ALG_NOT_ALLOWED"


ID_TOKEN = {"iss", "sub", "aud", "exp", "iat", "sid", "auth_time", "amr", "acr", "email", "name"}


@pytest.mark.parametrize(
    ("application", "method", "algorithm"),
    [
        ("shop", "basic", "RS256"),
        ("stall", "post", "ES256"),
        ("kiosk", "basic", "EdDSA"),
        ("pocket", "none", "RS256"),
    ],
)
def test_openid_client_signs_somebody_in(place, server, application, method, algorithm):
    email = f"{uuid4().hex}@example.org"
    said = scenario(
        "openid.mjs",
        origin=place.origin,
        id=application,
        secret=place.secrets[application],
        method=method,
        metadata={"id_token_signed_response_alg": algorithm},
        callback=CALLBACK,
        email=email,
        password=PASSWORD,
    )
    assert said["server"]["issuer"] == place.origin
    assert said["silent"]["error"] == "login_required"
    assert (said["door"], said["asked"]) == ("/sign-in", True)
    assert said["returned"].keys() == {"code", "state", "iss"}
    assert said["tokens"].keys() == {
        "access_token", "refresh_token", "id_token", "token_type", "expires_in", "scope",
    }  # fmt: skip
    assert said["claims"].keys() == ID_TOKEN | {"nonce"}
    assert (said["claims"]["email"], said["claims"]["amr"]) == (email, ["pwd"])
    assert (said["again"], said["consent"], said["confirm"]) == (True, True, "/confirm")
    assert said["verifier"]["error"] == "invalid_grant"
    assert said["denied"]["error"] == "access_denied"
    assert said["confirmed"]["auth_time"] >= said["claims"]["auth_time"]
    assert said["confirmed"]["sid"] != said["claims"]["sid"]
    assert said["user"] == {"sub": said["claims"]["sub"], "email": email, "name": "Ada"}
    assert method == "none" or said["replaced"]["error"] == "invalid_grant"
    assert said["refreshed"]["refresh_token"] != said["tokens"]["refresh_token"]
    assert said["refreshedClaims"].keys() == ID_TOKEN
    for name in ("iss", "sub", "aud", "auth_time", "sid"):
        assert said["refreshedClaims"][name] == said["confirmed"][name]
    assert said["revokedRefresh"]["error"] == "invalid_grant"
    assert said["revokedUser"]["status"] == 401
    assert said["reused"]["error"] == said["reusedRefresh"]["error"] == "invalid_grant"
    assert said["account"] == ["/account/security", 200]
    if method == "none":
        assert said["machineRefused"]["status"] in (400, 401)
        return
    for found in (said["introspected"], said["introspectedRefresh"]):
        assert (found["active"], found["sid"], found["username"]) == (True, said["confirmed"]["sid"], email)
    assert said["introspected"]["token_type"] == "Bearer"
    assert "refresh_token" not in said["machine"]
    assert (said["machineIntrospected"]["active"], said["machineIntrospected"]["sub"]) == (True, application)
    assert said["machineUser"]["status"] == 401
    assert said["revokedIntrospected"] == {"active": False}


def test_openid_client_signs_somebody_out(place, server):
    def cookie():
        with Browser(place) as browser:
            return browser.enter(str(uuid4())).client.cookies[COOKIE]

    said = scenario(
        "logout.mjs",
        origin=place.origin,
        id="shop",
        secret=place.secrets["shop"],
        callback=CALLBACK,
        leaving=LEAVING,
        cookies=[cookie(), cookie(), cookie()],
    )
    assert said["hinted"] == f"{LEAVING}?state=a+state"
    assert said["hintedAfter"] == said["unhintedAfter"] == ["invalid_grant", "login_required"]
    assert "left" not in said
    assert f"{LEAVING}?state=a+state" in said["links"]
    assert "elsewhere" not in said  # an address that is not registered is never gone to


def test_an_application_is_told_of_endings_and_believes_it_by_jose(tmp_path):
    place = Installation(tmp_path)
    with program("back_channel.mjs", {"origin": place.origin, "audience": "shop"}) as application:
        place.applications(shop={"back_channel_logout_uri": application.ask("address")})
        with place.served() as server:
            for user in ("ada", "bob"):
                [tokens] = place.sessions(1, user, application_id="shop")
                server.post("/oauth/logout", json={"refresh_token": tokens.refresh})
                told = application.ask("token")
                assert told["type"] == "application/x-www-form-urlencoded"
                claims = told["payload"]
                assert (claims["sid"], claims["sub"]) == (tokens.session_id, user)
                assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
                assert "nonce" not in claims
