"""Public clients of Python against the server: Authlib as application, PyJWT as verifier."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.interop.browser import Browser
from tests.interop.kit import CALLBACK

HOUR = timedelta(hours=1)
ALGORITHMS = [("shop", "RS256"), ("stall", "ES256"), ("kiosk", "EdDSA")]


@pytest.fixture
def started(place):
    def started(application, **facts):
        tenant = place.tenants["acme"]
        return place.sessions(1, "grace", application_id=application, tenant_id=tenant, **facts)[0]

    return started


# ── PyJWT ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("application", "algorithm"), ALGORITHMS)
def test_pyjwt_verifies_access_tokens(place, server, started, application, algorithm):
    keys = jwt.PyJWKClient(f"{place.origin}/.well-known/jwks.json")

    def verified(token, **changed):
        rules = {"algorithms": [algorithm], "audience": application, "issuer": place.origin} | changed
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, options={"require": ["exp", "sub", "client_id"]}, **rules)

    tokens = started(application)
    claims = verified(tokens.access)
    assert (claims["sub"], claims["sid"], claims["tenant"]) == ("grace", tokens.session_id, "acme")
    for changed, error in (
        ({"audience": "other"}, jwt.InvalidAudienceError),
        ({"issuer": place.origin + "/"}, jwt.InvalidIssuerError),
        ({"algorithms": ["HS256"]}, jwt.InvalidTokenError),
    ):
        with pytest.raises(error):
            verified(tokens.access, **changed)
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(started(application, ago=HOUR, life=HOUR / 2).access)


# ── Authlib ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def session(place, server):
    """`OAuth2Session` of Authlib, as *application* that authenticates by *method*."""
    opened = []

    def session(application="shop", method="client_secret_basic"):
        metadata = server.get("/.well-known/openid-configuration").json()
        opened.append(
            OAuth2Session(
                application,
                place.secrets[application] or None,
                scope="openid profile email",
                redirect_uri=CALLBACK,
                code_challenge_method="S256",
                token_endpoint_auth_method=method,
                token_endpoint=metadata["token_endpoint"],
            )
        )
        return opened[-1], metadata

    yield session
    for one in opened:
        one.close()


@pytest.mark.parametrize(
    ("application", "method"),
    [("shop", "client_secret_basic"), ("shop", "client_secret_post"), ("pocket", "none")],
)
def test_authlib_signs_somebody_in(place, session, application, method):
    client, metadata = session(application, method)
    email, verifier = f"{uuid4().hex}@example.org", uuid4().hex * 2
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    with Browser(place) as browser:
        browser.sign_up(email)
        arrived = browser.follow(url)
        first = dict(client.fetch_token(authorization_response=arrived, state=state, code_verifier=verifier))
        # Authlib now shows the access token by itself, and refreshes it with a token that comes back new.
        assert client.get(metadata["userinfo_endpoint"]).json()["email"] == email
        second = dict(client.refresh_token(refresh_token=first["refresh_token"]))
        assert second["refresh_token"] != first["refresh_token"]
        assert client.get(metadata["userinfo_endpoint"]).status_code == 200
        if application == "shop":
            said = client.introspect_token(
                metadata["introspection_endpoint"], token=second["access_token"]
            ).json()
            assert (said["active"], said["username"]) == (True, email)
        assert client.revoke_token(metadata["revocation_endpoint"], token=second["refresh_token"]).ok
        assert client.get(metadata["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError) as caught:
            client.refresh_token(refresh_token=second["refresh_token"])
        assert caught.value.error == "invalid_grant"
        assert browser.sessions(application) == []


def test_authlib_fetches_a_machine_token(place, server, session):
    client, metadata = session()
    found = client.fetch_token(grant_type="client_credentials", scope="openid")
    assert (found["token_type"], found["scope"]) == ("Bearer", "openid")
    assert client.get(metadata["userinfo_endpoint"]).status_code == 401
