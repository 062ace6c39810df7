"""What a provider says is believed or not: its metadata, its keys, its tokens, and who it says that is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import msgspec
import pytest

from sojourn.accounts.oidc.client import Client
from sojourn.accounts.oidc.flow import Act, Flow, challenge
from sojourn.accounts.oidc.wire import Wire
from sojourn.accounts.proof import Proof
from sojourn.errors import FlowLost, ProviderAway, ProviderDenied, ProviderRejected
from sojourn.testing import FakeClock
from tests.accounts.oidc.provider import (
    CLIENT,
    ISSUER,
    SECRET,
    Endless,
    FakeProvider,
    half,
    key,
    made,
    signed,
)

DISCOVERY, JWKS, TOKEN, USERINFO = "/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"
HOUR = timedelta(hours=1)


@pytest.fixture
def provider(clock: FakeClock) -> FakeProvider:
    return FakeProvider(clock)


@pytest.fixture
def client(provider: FakeProvider, clock: FakeClock) -> Client:
    return Client(made(), Wire(provider), clock)


def flow(clock: FakeClock, act: Act = "sign_in") -> Flow:
    return Flow(
        provider="example",
        redirect_uri="https://good.test/api/auth/callback/example",
        state="the state",
        nonce="the nonce",
        verifier="v" * 64,
        device="a browser",
        next="/",
        dialect="native",
        began_at=clock(),
        act=act,
    )


async def signed_in(client: Client, provider: FakeProvider, clock: FakeClock, act: Act = "sign_in") -> Proof:
    began = flow(clock, act)
    return await client.redeem(began, provider.approve(await client.address(began)))


async def why_not(client: Client, provider: FakeProvider, clock: FakeClock, act: Act = "sign_in") -> str:
    """Why the answer is refused."""
    with pytest.raises(ProviderRejected) as refused:
        await signed_in(client, provider, clock, act)
    return refused.value.why


# ── the address ───────────────────────────────────────────────────────────────────────────────


async def test_the_address_asks_for_a_code_with_state_nonce_and_pkce(client: Client, clock: FakeClock):
    began = flow(clock)
    address = urlsplit(await client.address(began))
    assert address.geturl().startswith(f"{ISSUER}/authorize?")
    assert dict(parse_qsl(address.query)) == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": began.redirect_uri,
        "scope": "openid email profile",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": challenge(began.verifier),
        "code_challenge_method": "S256",
    }


async def test_a_confirmation_asks_that_the_user_proves_it_anew(client: Client, clock: FakeClock):
    query = dict(parse_qsl(urlsplit(await client.address(flow(clock, "confirm"))).query))
    assert (query["prompt"], query["max_age"]) == ("login", "0")


async def test_no_secret_is_in_the_address(client: Client, clock: FakeClock):
    began = flow(clock)
    address = await client.address(began)
    assert began.verifier not in address
    assert "secret" not in address


async def test_an_endpoint_that_has_a_query_keeps_it(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.metadata["authorization_endpoint"] = f"{ISSUER}/authorize?tenant=acme"
    assert "?tenant=acme&response_type=code" in await client.address(flow(clock))


def test_the_challenge_is_that_of_the_specification():
    # RFC 7636, appendix B.
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


# ── what is believed ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_each_algorithm_is_believed(
    client: Client, provider: FakeProvider, clock: FakeClock, algorithm: str
):
    provider.algorithm, provider.signing = algorithm, key(algorithm)
    provider.published = [key("RS256"), key("ES256"), key("EdDSA")]
    provider.claims = {
        "at_hash": half("an access token", hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256)
    }
    proof = await signed_in(client, provider, clock)
    assert (proof.provider, proof.subject) == ("example", "248289761001")
    assert (proof.email, proof.email_verified, proof.name) == ("grace@example.org", True, "Grace Hopper")


async def test_tokens_come_with_the_proof(client: Client, provider: FakeProvider, clock: FakeClock):
    tokens = (await signed_in(client, provider, clock)).tokens
    assert (tokens.access_token, tokens.refresh_token) == ("an access token", "a refresh token")
    assert tokens.expires_at == clock() + HOUR
    assert tokens.id_token is not None


@pytest.mark.parametrize("scopes", [["openid"], ["openid", "email", "profile"]])
async def test_we_prove_who_we_are_as_the_specification_has_it(
    provider: FakeProvider, clock: FakeClock, scopes: list[str]
):
    client = Client(made(scopes=tuple(scopes)), Wire(provider), clock)
    await signed_in(client, provider, clock)
    [sent] = [request for request in provider.requests if request.url.path == TOKEN]
    pair = base64.b64decode(sent.headers["authorization"].removeprefix("Basic ")).decode()
    # RFC 6749 section 2.3.1: encoded as in a form, before the colon is put between.
    assert pair == "sojourn+at+example:a+secret%3A+with+%2B+and+%25+in+it"
    assert b"secret" not in sent.content


async def test_the_secret_goes_into_the_form_where_nothing_else_is_taken(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await signed_in(client, provider, clock)
    [sent] = [request for request in provider.requests if request.url.path == TOKEN]
    assert dict(parse_qsl(sent.content.decode()))["client_secret"] == SECRET
    assert "authorization" not in sent.headers


async def test_userinfo_is_asked_only_if_the_token_has_no_address(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    await signed_in(client, provider, clock)
    assert provider.count(USERINFO) == 0
    provider.email_in_token = False
    assert (await signed_in(client, provider, clock)).email == "grace@example.org"
    assert provider.count(USERINFO) == 1


@pytest.mark.parametrize("said", [True, "true"])
async def test_an_address_is_verified_if_the_provider_says_so(
    client: Client, provider: FakeProvider, clock: FakeClock, said: object
):
    provider.user["email_verified"] = said
    assert (await signed_in(client, provider, clock)).email_verified


@pytest.mark.parametrize("said", [False, "false", "yes", 1.5, None, ["true"]])
async def test_and_not_if_it_says_anything_else(
    client: Client, provider: FakeProvider, clock: FakeClock, said: object
):
    provider.user["email_verified"] = said
    assert not (await signed_in(client, provider, clock)).email_verified


async def test_an_address_and_its_verification_come_from_one_place(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.email_in_token = False
    provider.claims = {"email_verified": True}  # of whatever address, but not of the one that follows
    del provider.user["email_verified"]
    assert not (await signed_in(client, provider, clock)).email_verified


@pytest.mark.parametrize("junk", [{}, [], 7, True, "", "x" * 3_000, "\ud800"])
async def test_what_describes_a_person_may_be_anything(
    client: Client, provider: FakeProvider, clock: FakeClock, junk: object
):
    provider.user |= {"name": junk, "picture": junk}
    provider.claims = {"amr": junk}
    proof = await signed_in(client, provider, clock)
    assert (proof.name, proof.image, proof.amr) == (None, None, ())


async def test_how_and_when_somebody_proved_it_is_told(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.claims = {"amr": ["pwd", "otp", 7, "x" * 99], "auth_time": clock().timestamp() - 3600}
    proof = await signed_in(client, provider, clock)
    assert (proof.amr, proof.authenticated_at) == (("pwd", "otp"), clock() - HOUR)


async def test_several_audiences_need_a_party_that_is_us(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert (await signed_in(client, provider, clock)).subject == "248289761001"


async def test_a_header_may_hold_what_we_do_not_look_at(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.header = {"x5t": "abc", "jku": "https://evil.example/jwks", "x-anything": 7}
    assert (await signed_in(client, provider, clock)).subject == "248289761001"
    assert set(provider.asked) == {DISCOVERY, TOKEN, JWKS}


@pytest.mark.parametrize("off", [-55, 0, 55])
async def test_clocks_may_differ_by_a_minute(
    client: Client, provider: FakeProvider, clock: FakeClock, off: int
):
    now = int(clock().timestamp()) + off
    provider.claims = {"iat": now, "nbf": now, "exp": now + 1}
    assert (await signed_in(client, provider, clock)).subject == "248289761001"


# ── what is not ───────────────────────────────────────────────────────────────────────────────

NOW: Any = object()  # the clock's time, more or less


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://id.example/"}, "another issuer"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "missing required field `iss`"),
        ({"aud": "another"}, "somebody else"),
        ({"aud": []}, "somebody else"),
        ({"aud": None}, "missing required field `aud`"),
        ({"aud": {"a": 1}}, "Expected `str | array`"),
        ({"aud": [CLIENT, "another"]}, "somebody else"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "somebody else"),
        ({"azp": "another"}, "somebody else"),
        ({"nonce": "another"}, "another nonce"),
        ({"nonce": ""}, "another nonce"),
        ({"nonce": None}, "missing required field `nonce`"),
        ({"sub": ""}, "no subject"),
        ({"sub": None}, "missing required field `sub`"),
        ({"sub": 7}, "Expected `str`, got `int`"),
        ({"sub": "x" * 256}, "no subject"),
        ({"sub": "\ud800"}, "names nobody"),
        ({"exp": (NOW, -61)}, "not of this time"),
        ({"exp": True}, "Expected `float`"),
        ({"exp": "never"}, "Expected `float`"),
        ({"exp": None}, "missing required field `exp`"),
        ({"iat": (NOW, 62)}, "not of this time"),
        ({"iat": (NOW, -62)}, "not of this time"),
        ({"iat": None}, "missing required field `iat`"),
        ({"iat": 10**400}, "its ID token"),
        ({"nbf": (NOW, 62)}, "not of this time"),
        ({"auth_time": (NOW, 62)}, "not of this time"),
        ({"auth_time": 10**400}, "its ID token"),
        ({"at_hash": half("another token")}, "another access token"),
        ({"at_hash": ""}, "another access token"),
        ({"at_hash": "é"}, "another access token"),
    ],
    ids=str,
)
async def test_an_id_token_that_says_something_else_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, claims: dict[str, Any], why: str
):
    now = int(clock().timestamp())
    provider.claims = {
        name: now + value[1] if isinstance(value, tuple) else value for name, value in claims.items()
    }
    assert why in await why_not(client, provider, clock)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256", "ES256K", "", None, 7, ["RS256"]])
async def test_an_algorithm_that_is_not_one_of_ours_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, algorithm: object
):
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "RS256-1"}).encode()).rstrip(b"=")
    body = provider.id_token("the nonce").split(".")[1]
    for signature in ("", "AAAA"):
        provider.tokens = {"id_token": f"{head.decode()}.{body}.{signature}"}
        assert "not taken" in await why_not(client, provider, clock)


async def test_a_public_key_is_no_secret_of_an_hmac(client: Client, provider: FakeProvider, clock: FakeClock):
    head = base64.urlsafe_b64encode(b'{"alg": "HS256", "kid": "RS256-1"}').rstrip(b"=").decode()
    signing = f"{head}.{provider.id_token('the nonce').split('.')[1]}"
    for public in (
        key("RS256").as_pem(private=False),
        json.dumps(key("RS256").as_dict(private=False)).encode(),
    ):
        mac = base64.urlsafe_b64encode(hmac.digest(public, signing.encode(), "sha256")).rstrip(b"=").decode()
        provider.tokens = {"id_token": f"{signing}.{mac}"}
        assert "not taken" in await why_not(client, provider, clock)


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": True, "crit": ["b64"]}])
async def test_a_header_that_changes_the_rules_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, header: dict[str, Any]
):
    good = provider.id_token("the nonce").split(".")
    head = {"alg": "RS256", "kid": "RS256-1"} | header
    good[0] = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    provider.tokens = {"id_token": ".".join(good)}
    assert "not taken" in await why_not(client, provider, clock)


async def test_another_key_under_the_same_name_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.signing, provider.header = key("RS256", 2), {"kid": "RS256-1"}
    assert "signature" in await why_not(client, provider, clock)


async def test_a_changed_payload_is_refused(client: Client, provider: FakeProvider, clock: FakeClock):
    head, _, signature = provider.id_token("the nonce").split(".")
    provider.user["sub"] = "somebody else"
    provider.tokens = {"id_token": f"{head}.{provider.id_token('the nonce').split('.')[1]}.{signature}"}
    assert "signature" in await why_not(client, provider, clock)


@pytest.mark.parametrize(
    "junk", ["", "x", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "x" * 20_000, ".." + "A" * 100, "e30.e30."]
)
async def test_what_is_no_jwt_is_refused(client: Client, provider: FakeProvider, clock: FakeClock, junk: str):
    provider.tokens = {"id_token": junk}
    assert await why_not(client, provider, clock)


async def test_a_claim_that_comes_twice_is_refused(client: Client, provider: FakeProvider, clock: FakeClock):
    said = base64.urlsafe_b64decode(provider.id_token("the nonce").split(".")[1] + "==").decode()
    twice = said.replace('"sub"', '"sub": "somebody else", "sub"')
    provider.tokens = {"id_token": signed({"alg": "RS256", "kid": "RS256-1"}, twice, key("RS256"))}
    assert "no JSON object" in await why_not(client, provider, clock)


@pytest.mark.parametrize("infinite", ["1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("claim", ["auth_time", "iat", "nbf"])
async def test_a_time_that_is_none_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, claim: str, infinite: str
):
    provider.claims = {claim: 12345}
    said = base64.urlsafe_b64decode(provider.id_token("the nonce").split(".")[1] + "==").decode()
    wrong = said.replace("12345", infinite)
    provider.tokens = {"id_token": signed({"alg": "RS256", "kid": "RS256-1"}, wrong, key("RS256"))}
    assert await why_not(client, provider, clock)


@pytest.mark.parametrize("auth_time", [None, -3600, -62])
async def test_a_confirmation_that_is_none_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, auth_time: int | None
):
    provider.claims = {"auth_time": None if auth_time is None else clock().timestamp() + auth_time}
    assert "nobody proved anew" in await why_not(client, provider, clock, "confirm")


async def test_a_confirmation_by_who_has_just_signed_in_there_is_believed(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.claims = {"auth_time": clock().timestamp()}
    assert (await signed_in(client, provider, clock, "confirm")).authenticated_at == clock()


@pytest.mark.parametrize(
    ("tokens", "why"),
    [
        ({"id_token": None}, "missing required field `id_token`"),
        ({"access_token": None}, "missing required field `access_token`"),
        ({"access_token": 7}, "Expected `str`"),
        ({"token_type": "DPoP"}, "no bearer token"),
        ({"error": "server_error"}, "200 with server_error"),
        ({"error": {"a": "<script>"}}, "200 with an error"),
    ],
    ids=str,
)
async def test_tokens_that_are_none_are_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, tokens: dict[str, Any], why: str
):
    provider.tokens = tokens
    assert why in await why_not(client, provider, clock)


async def test_userinfo_of_somebody_else_is_refused(client: Client, provider: FakeProvider, clock: FakeClock):
    provider.email_in_token = False
    provider.claims = {"sub": "another"}
    assert "somebody else" in await why_not(client, provider, clock)


@pytest.mark.parametrize(
    ("issuer", "claims"),
    [("https://evil.example", {}), (f"{ISSUER}/", {}), ("", {}), (None, {})],
)
async def test_an_answer_of_another_provider_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, issuer: str | None, claims: dict[str, Any]
):
    """Mix-up (RFC 9207): before the code is shown to anybody."""
    began = flow(clock)
    came = provider.approve(await client.address(began), iss=issuer)
    with pytest.raises(ProviderRejected):
        await client.redeem(began, came)
    assert provider.count(TOKEN) == 0


async def test_who_does_not_promise_to_say_who_it_is_need_not(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.metadata["authorization_response_iss_parameter_supported"] = False
    began = flow(clock)
    assert (await client.redeem(began, provider.approve(await client.address(began), iss=None))).subject


async def test_but_who_says_it_must_say_the_truth(client: Client, provider: FakeProvider, clock: FakeClock):
    provider.metadata["authorization_response_iss_parameter_supported"] = False
    began = flow(clock)
    with pytest.raises(ProviderRejected):
        await client.redeem(began, provider.approve(await client.address(began), iss="https://evil.example"))


@pytest.mark.parametrize("error", ["access_denied", "login_required", "<b>no</b>", "", "x" * 100])
async def test_a_no_is_a_no(client: Client, provider: FakeProvider, clock: FakeClock, error: str):
    came = {"error": error, "error_description": "<script>", "iss": ISSUER, "state": "the state"}
    with pytest.raises(ProviderDenied) as refused:
        await client.redeem(flow(clock), came)
    known = error in ("access_denied", "login_required")
    assert refused.value.facts["error"] == (error if known else "denied")
    assert provider.count(TOKEN) == 0


@pytest.mark.parametrize("code", ["", "é", "a\nb", "x" * 5_000, None])
async def test_a_code_that_is_none_is_not_sent_on(
    client: Client, provider: FakeProvider, clock: FakeClock, code: str | None
):
    came = {"iss": ISSUER} | ({} if code is None else {"code": code})
    with pytest.raises(ProviderRejected):
        await client.redeem(flow(clock), came)
    assert provider.count(TOKEN) == 0


async def test_a_code_is_good_once(client: Client, provider: FakeProvider, clock: FakeClock):
    began = flow(clock)
    came = provider.approve(await client.address(began))
    assert (await client.redeem(began, came)).subject
    with pytest.raises(FlowLost):
        await client.redeem(began, came)


async def test_a_code_of_another_flow_is_refused(client: Client, provider: FakeProvider, clock: FakeClock):
    """PKCE: the code of a victim is worth nothing with the verifier of who stole it."""
    stolen = provider.approve(await client.address(flow(clock)))
    mine = msgspec.structs.replace(flow(clock), verifier="w" * 64)
    with pytest.raises(FlowLost):
        await client.redeem(mine, stolen)


# ── a provider that is away, or not itself ────────────────────────────────────────────────────


def answering(status: int, body: bytes = b"", **headers: str) -> Any:
    return lambda _: httpx2.Response(status, content=body, headers=headers)


AWAY = {
    "refused": httpx2.ConnectError("no"),
    "slow": httpx2.ReadTimeout("slow"),
    "cut off": httpx2.RemoteProtocolError("cut"),
    "no such name": OSError("name or service not known"),
    "500": answering(500, b"<h1>Oops</h1>"),
    "503": answering(503),
    "429": answering(429),
}
GARBAGE = {
    "html": answering(200, b"<h1>Welcome</h1>"),
    "empty": answering(200),
    "list": answering(200, b"[]"),
    "not UTF-8": answering(200, b'{"a": "\xff"}'),
    "deep": answering(200, b"[" * 100_000),
    "large": answering(200, b" " * 300_000),
    "zipped": lambda _: httpx2.Response(200, headers={"content-encoding": "gzip"}, stream=Endless()),
    "not found": answering(404, b"{}"),
    "redirect": answering(302, b"", location="http://169.254.169.254/"),
}


@pytest.mark.parametrize("fault", AWAY)
@pytest.mark.parametrize("path", [DISCOVERY, JWKS, TOKEN, USERINFO])
async def test_a_provider_that_is_away_is_told_apart(
    client: Client, provider: FakeProvider, clock: FakeClock, path: str, fault: str
):
    provider.email_in_token = False
    provider.instead[path] = AWAY[fault]
    with pytest.raises(ProviderAway) as refused:
        await signed_in(client, provider, clock)
    assert refused.value.why
    assert "example" not in refused.value.why


@pytest.mark.parametrize("answer", GARBAGE)
@pytest.mark.parametrize("path", [DISCOVERY, JWKS, TOKEN, USERINFO])
async def test_garbage_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock, path: str, answer: str
):
    provider.email_in_token = False
    provider.instead[path] = GARBAGE[answer]
    with pytest.raises((ProviderRejected, ProviderAway)):
        await signed_in(client, provider, clock)
    assert "http://169.254.169.254/" not in [str(request.url) for request in provider.requests]


async def test_an_answer_without_end_is_not_read_to_its_end(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    endless = Endless()
    provider.instead[JWKS] = lambda _: httpx2.Response(200, stream=endless)
    assert "larger than 256 kB" in await why_not(client, provider, clock)
    assert endless.sent <= 512 * 1024


async def test_an_answer_that_does_not_come_is_not_waited_for(provider: FakeProvider, clock: FakeClock):
    class Silent(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, _: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    client = Client(made(), Wire(Silent(), deadline=0.01), clock)
    with pytest.raises(ProviderAway, match="does not answer"):
        await client.ready()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"issuer": f"{ISSUER}/"}, "another issuer's"),
        ({"issuer": "https://evil.example"}, "another issuer's"),
        ({"issuer": None}, "missing required field `issuer`"),
        ({"token_endpoint": "http://id.example/token"}, "not https"),
        ({"token_endpoint": "https://user:password@id.example/token"}, "not https"),
        ({"jwks_uri": "file:///etc/passwd"}, "not https"),
        ({"userinfo_endpoint": "http://id.example/me"}, "not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not https"),
        ({"authorization_endpoint": "https://id.example/a#b"}, "not https"),
        ({"authorization_endpoint": "https://id.example:port/"}, "not https"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "signs ID tokens with none of"),
    ],
    ids=str,
)
async def test_metadata_that_cannot_be_is_refused(
    client: Client, provider: FakeProvider, changed: dict[str, Any], why: str
):
    provider.metadata = {k: v for k, v in (provider.metadata | changed).items() if v is not None}
    with pytest.raises(ProviderRejected) as refused:
        await client.ready()
    assert why in refused.value.why


async def test_who_says_nothing_of_pkce_is_asked_with_it_all_the_same(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    del provider.metadata["code_challenge_methods_supported"]
    assert (await signed_in(client, provider, clock)).subject


async def test_plain_http_is_for_who_has_a_plain_issuer(provider: FakeProvider, clock: FakeClock):
    here = "http://127.0.0.1:9"
    fake = FakeProvider(clock, here)
    client = Client(made(issuer=here), Wire(fake), clock)
    assert (await client.address(flow(clock))).startswith(f"{here}/authorize?")


async def test_a_provider_that_takes_no_secret_is_refused(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.metadata["token_endpoint_auth_methods_supported"] = ["private_key_jwt"]
    assert "client_secret" in await why_not(client, provider, clock)
    assert provider.count(TOKEN) == 0


# ── how often it is asked ─────────────────────────────────────────────────────────────────────


async def test_metadata_and_keys_are_asked_for_once_an_hour(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    for _ in range(3):
        await signed_in(client, provider, clock)
    clock.tick(minutes=59, seconds=59)
    await signed_in(client, provider, clock)
    assert (provider.count(DISCOVERY), provider.count(JWKS)) == (1, 1)
    clock.tick(seconds=1)
    await signed_in(client, provider, clock)
    assert (provider.count(DISCOVERY), provider.count(JWKS)) == (2, 2)


async def test_many_who_come_at_once_ask_once(client: Client, provider: FakeProvider):
    await asyncio.gather(*(client.ready() for _ in range(20)))
    assert provider.count(DISCOVERY) == 1


async def test_a_provider_that_is_away_is_not_asked_all_the_time(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.instead[DISCOVERY] = AWAY["refused"]
    for _ in range(10):
        with pytest.raises(ProviderAway):
            await client.ready()
    assert provider.count(DISCOVERY) == 1
    provider.instead.clear()
    clock.tick(seconds=5)
    await client.ready()
    assert provider.count(DISCOVERY) == 2


async def test_what_it_said_counts_for_a_day_while_it_cannot_be_asked(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    await client.ready()
    provider.instead[DISCOVERY] = AWAY["500"]
    clock.tick(hours=23)
    await client.ready()
    await client.ready()  # within five seconds of that, too
    clock.tick(hours=2)
    with pytest.raises(ProviderAway):
        await client.ready()
    with pytest.raises(ProviderAway):
        await client.ready()


async def test_a_new_key_is_found_at_once(client: Client, provider: FakeProvider, clock: FakeClock):
    await signed_in(client, provider, clock)
    provider.signing = key("RS256", 2)
    provider.published = [key("RS256"), key("RS256", 2)]
    clock.tick(minutes=1)
    assert (await signed_in(client, provider, clock)).subject
    assert provider.count(JWKS) == 2


async def test_keys_that_nobody_knows_are_looked_for_seldom(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.signing = key("RS256", 2)  # which is not published
    for _ in range(10):
        assert "0 keys fit" in await why_not(client, provider, clock)
    assert provider.count(JWKS) == 1
    clock.tick(seconds=30)
    for _ in range(10):
        assert "0 keys fit" in await why_not(client, provider, clock)
    assert provider.count(JWKS) == 2


async def test_a_token_that_names_no_key_is_of_the_only_one(
    client: Client, provider: FakeProvider, clock: FakeClock
):
    provider.header = {"kid": None}
    assert (await signed_in(client, provider, clock)).subject
    provider.published = [key("RS256"), key("RS256", 2)]
    clock.tick(hours=1)
    assert "2 keys fit" in await why_not(client, provider, clock)


@pytest.mark.parametrize(
    "jwk",
    [
        {"use": "enc"},
        {"kty": "EC"},
        {"alg": "RS512"},
        {"n": "AQAB"},
        {"n": 7},
        {"kid": "another"},
        {"kid": 7},
        {"d": "AQAB"},
        {"e": None},
    ],
    ids=str,
)
async def test_a_key_that_does_not_fit_is_not_used(
    client: Client, provider: FakeProvider, clock: FakeClock, jwk: dict[str, Any]
):
    public = key("RS256").as_dict(private=False) | jwk
    keys = {"keys": [{k: v for k, v in public.items() if v is not None}, 7, None]}
    provider.instead[JWKS] = lambda _: httpx2.Response(200, json=keys)
    assert await why_not(client, provider, clock)


# ── what is told ──────────────────────────────────────────────────────────────────────────────


async def test_no_secret_is_in_a_log_a_repr_or_an_error(
    client: Client, provider: FakeProvider, clock: FakeClock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    proof = await signed_in(client, provider, clock)
    told = [caplog.text, repr(proof), repr(made()), repr(flow(clock)), repr(proof.tokens)]
    provider.tokens = {"id_token": "not.a.jwt", "access_token": "stolen"}
    began = flow(clock)
    came = provider.approve(await client.address(began))
    with pytest.raises(ProviderRejected) as refused:
        await client.redeem(began, came)
    error = refused.value
    told += [str(error), repr(error), error.why, str(error.facts), repr(error.__cause__), caplog.text]
    secrets = (
        SECRET,
        "a+secret",
        "an access token",
        "a refresh token",
        "stolen",
        "not.a.jwt",
        "v" * 64,
        "code 0",
    )
    assert [secret for secret in secrets if any(secret in text for text in told)] == []
