"""The access token: what it says, and every way to be fooled by one (RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from sojourn import access, access_ring
from sojourn.access import ALGORITHMS, Claims, Signer, Signers, claims_of, opened, signed, verified
from sojourn.errors import AccessExpired, SettingsError, TokenInvalid
from sojourn.testing import MORNING, make_session

ISSUER, AUDIENCE = "https://good.test", "app_one"
LINES = access_ring.generate(MORNING)
SIGNERS = access_ring.parse(LINES)
NOW = int(MORNING.timestamp())


def make_claims(**fields: Any) -> Claims:
    given: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": (AUDIENCE, ISSUER),
        "client_id": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "a" * 32,
    }
    return Claims(**given | fields)


def token(algorithm: Any = "ES256", **fields: Any) -> str:
    return signed(make_claims(**fields), SIGNERS.signing(algorithm), SIGNERS)


def read(text: str, at: int = 0, **more: Any) -> Claims:
    expected: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE}
    return verified(text, SIGNERS.find, MORNING + timedelta(seconds=at), **expected | more)


def refused(text: str, **more: Any) -> None:
    with pytest.raises(TokenInvalid):
        read(text, **more)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(
    header: dict[str, Any] | str, payload: Any = None, key: Any = None, algorithm: str = "ES256"
) -> str:
    """A token with any header, signed by the right key unless told otherwise."""
    head = header if isinstance(header, str) else json.dumps(header)
    body = payload if isinstance(payload, str) else json.dumps(payload or json_claims())
    first = f"{b64(head.encode())}.{b64(body.encode())}"
    signer = jws.default_registry.algorithms[algorithm]
    return f"{first}.{b64(signer.sign(first.encode(), key or SIGNERS.key(SIGNERS.signing('ES256'))))}"


def json_claims(**fields: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER, "sub": "ada", "aud": [AUDIENCE], "client_id": AUDIENCE, "iat": NOW, "exp": NOW + 300,
        "jti": "a",
    } | fields  # fmt: skip


def head(**fields: Any) -> dict[str, Any]:
    return {"alg": "ES256", "kid": SIGNERS.signing("ES256").kid, "typ": "at+jwt"} | fields


# ── what it says ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_signed_is_read_back(algorithm):
    assert read(token(algorithm, tenant_id="ten_1", amr=("pwd", "otp"))) == make_claims(
        tenant_id="ten_1", amr=("pwd", "otp")
    )


@pytest.mark.req("T-01")
def test_the_type_may_be_spelled_as_a_media_type():
    assert read(forged(head(typ="application/AT+jwt"))).sub == "ada"


@pytest.mark.req("T-06")
def test_a_key_is_named_by_its_thumbprint():
    for line in LINES:
        assert line.signer.kid == SIGNERS.key(line.signer).thumbprint()


def test_public_keys_hold_no_private_part():
    for key in SIGNERS.jwks()["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
        assert {"kid", "alg", "use", "kty"} <= key.keys()


def test_secrets_are_not_in_what_python_prints():
    printed = repr(SIGNERS) + repr(LINES) + repr(list(SIGNERS._ring.values()))
    for line in LINES:
        assert repr(line.signer.private)[4:40] not in printed


@given(life=st.integers(2, 3600), left=st.integers(1, 10_000), jti=st.text(min_size=1))
def test_law_12_it_never_outlives_the_session(life, left, jti):
    session = make_session(user_id="ada")
    ends_at = MORNING + timedelta(seconds=left)
    said = claims_of(session, MORNING, ends_at, issuer=ISSUER, life=timedelta(seconds=life), jti=jti)
    assert said.exp <= ends_at.timestamp()
    assert said.exp <= NOW + life
    assert said.exp >= min(NOW + life * 0.9 - 1, ends_at.timestamp())


# ── time ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A9-9.2.1")
@pytest.mark.parametrize(
    ("at", "fine"), [(0, True), (300, True), (329, True), (330, False), (-30, True), (-31, False)]
)
def test_time_is_kept_to_the_leeway(at, fine):
    text = token()
    if fine:
        read(text, at)
    else:
        with pytest.raises((AccessExpired, TokenInvalid)):
            read(text, at)


def test_over_is_another_refusal_than_wrong():
    with pytest.raises(AccessExpired):
        read(token(), 1000)


def test_not_before_is_honoured():
    refused(token(nbf=NOW + 60))


@pytest.mark.req("T-11")
@pytest.mark.parametrize("fields", [{"exp": (NOW + 300) * 1000}, {"exp": NOW + 90_000}, {"iat": NOW * 1000}])
def test_milliseconds_and_long_lives_are_refused(fields):
    refused(token(**fields))


# ── the corpus of RFC 8725 ────────────────────────────────────────────────────────────────────


@pytest.mark.req("A9-9.1.2", "T-07", "TH-22")
@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", "HS256", "es256", "ES384", "PS256"]
)
def test_the_algorithm_is_one_of_ours_to_the_letter(algorithm):
    first = f"{b64(json.dumps(head(alg=algorithm)).encode())}.{b64(json.dumps(json_claims()).encode())}"
    refused(f"{first}.")
    refused(f"{first}.{b64(b'x' * 64)}")


@pytest.mark.req("A9-9.1.2", "OJ-03")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_public_key_is_no_secret_to_sign_with(algorithm):
    signer = SIGNERS.signing(algorithm)
    public = SIGNERS.key(signer).as_pem(private=False)
    for name in ("HS256", algorithm):
        parts = (head(alg=name, kid=signer.kid), json_claims())
        first = ".".join(b64(json.dumps(part).encode()) for part in parts)
        mac = hmac.digest(public, first.encode(), hashlib.sha256)
        refused(f"{first}.{b64(mac)}")


@pytest.mark.req("T-07")
def test_a_key_is_used_with_its_own_algorithm_alone():
    rsa, ec = SIGNERS.signing("RS256"), SIGNERS.signing("ES256")
    refused(forged(head(kid=rsa.kid)))
    refused(forged(head(alg="RS256", kid=ec.kid)))
    refused(token("RS256"), algorithms=["ES256"])


@pytest.mark.req("A9-9.1.3", "OJ-04", "T-08")
@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t"])
def test_keys_that_the_token_names_are_not_looked_at(member):
    thief = ECKey.generate_key("P-256")
    value: Any = thief.as_dict(private=False) if member == "jwk" else "https://evil.test/keys"
    refused(forged(head(**{member: value}), key=thief))
    refused(forged(head(**{member: value})))


@pytest.mark.req("OJ-04")
@pytest.mark.parametrize(
    "kid", ["", "../../dev/null", "' or 1=1 --", "x" * 400, "\x00", 7, None, ["a"], {"a": 1}]
)
def test_a_kid_is_untrusted(kid):
    refused(forged(head(kid=kid)))


@pytest.mark.req("T-04")
def test_what_must_be_understood_and_is_not_is_refused():
    refused(forged(head(crit=["x"], x=1)))
    refused(forged(head(crit=[])))
    refused(forged(head(b64=False, crit=["b64"])))


@pytest.mark.req("T-09", "A9-9.2.2")
@pytest.mark.parametrize("typ", ["JWT", "jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "", None, 7])
def test_another_kind_of_token_is_refused(typ):
    refused(forged(head(typ=typ)))
    untyped = head()
    del untyped["typ"]
    refused(forged(untyped))


@pytest.mark.parametrize("kind", [RSAKey, ECKey, OKPKey, OctKey])
def test_another_key_under_our_kid_is_refused(kind):
    if kind is ECKey:
        refused(forged(head(), key=ECKey.generate_key("P-256")))
    elif kind is OctKey:
        refused(forged(head(), key=OctKey.generate_key(256), algorithm="HS256"))
    elif kind is RSAKey:
        other = RSAKey.generate_key(2048)
        refused(forged(head(alg="RS256", kid=SIGNERS.signing("RS256").kid), key=other, algorithm="RS256"))
    else:
        other_okp = OKPKey.generate_key("Ed25519")
        refused(forged(head(alg="EdDSA", kid=SIGNERS.signing("EdDSA").kid), key=other_okp, algorithm="EdDSA"))


@pytest.mark.parametrize(
    "text",
    [
        '{"alg":"ES256","alg":"none","kid":"KID","typ":"at+jwt"}',
        '{"kid":"KID","typ":"JWT","alg":"ES256","typ":"at+jwt"}',
        "[]",
        '"a"',
        "{",
        "",
        '{"alg":NaN}',
    ],
)
def test_a_header_that_two_readers_read_differently_is_refused(text):
    refused(forged(text.replace("KID", SIGNERS.signing("ES256").kid)))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.test"},
        {"iss": ISSUER + "/"},
        {"aud": ["app_two"]},
        {"aud": []},
        {"aud": AUDIENCE},  # of ours it is always a list
        {"sub": ""},
        {"sub": 7},
        {"exp": "never"},
        {"exp": None},
        {"exp": 1e400},
        {"iat": True},
        {"sid": "nonsense"},
        {"amr": "pwd"},
        {"ver": -1.5},
    ],
)
@pytest.mark.req("A9-9.2.3", "T-08")
def test_claims_that_cannot_be_are_refused(change):
    refused(forged(head(), json_claims(**change)))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"])
@pytest.mark.req("T-02", "A9-9.2.4")
def test_a_claim_that_is_missing_is_refused(name):
    payload = json_claims()
    del payload[name]
    refused(forged(head(), payload))


def test_a_claim_that_comes_twice_is_refused():
    twice = json.dumps(json_claims())[:-1] + ', "sub": "mallory"}'
    refused(forged(head(), twice))


@pytest.mark.req("T-10", "TH-31")
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "é.b.c",
        "x" * 1_000_000,
        "." * 1_000_000,
        '{"payload": "e30", "signatures": []}',
        "e30." + b64(b"[" * 3000) + ".e30",
    ],
)
def test_other_forms_and_great_lengths_are_refused(text):
    refused(text)


@pytest.mark.req("A9-9.1.1")
@given(data=st.data())
def test_whoever_flips_a_bit_is_refused(data):
    text = token(data.draw(st.sampled_from(ALGORITHMS)))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_."))
    changed = text[:at] + other + text[at + 1 :]
    parts = [base64.urlsafe_b64decode(part + "==") for part in text.split(".")]
    try:
        same = [base64.urlsafe_b64decode(part + "==") for part in changed.split(".")] == parts
    except ValueError:
        same = False
    if not same:
        with pytest.raises(TokenInvalid):
            read(changed)


def test_nothing_of_the_claims_is_read_before_the_signature(monkeypatch):
    monkeypatch.setattr(access, "check_time", lambda *_: pytest.fail("read too early"))
    refused(token()[:-8] + "AAAAAAAA")


# ── the ring ──────────────────────────────────────────────────────────────────────────────────


def test_an_algorithm_that_nobody_signs_says_what_to_do():
    with pytest.raises(SettingsError, match="keys rotate"):
        Signers().signing("RS256")


def test_two_keys_that_sign_one_algorithm_are_refused():
    twice = [line.signer for line in (*LINES, *access_ring.generate(MORNING))]
    with pytest.raises(SettingsError, match="two keys sign"):
        Signers(twice)


def roles(lines: list[access_ring.Line]) -> set[tuple[str, str]]:
    return {(line.signer.algorithm, line.signer.role) for line in lines}


@pytest.mark.req("T-05")
def test_a_key_is_published_before_its_first_use_and_until_its_last_token_is_over():
    text = signed(make_claims(), SIGNERS.signing("ES256"), SIGNERS)
    announced, said = access_ring.rotate(LINES, MORNING)
    assert "let an hour pass" in said[0]
    assert access_ring.parse(announced).signing("ES256").kid == SIGNERS.signing("ES256").kid
    assert len(access_ring.parse(announced).jwks()["keys"]) == 6
    promoted, _ = access_ring.rotate(announced, MORNING + timedelta(hours=2))
    after = access_ring.parse(promoted)
    assert after.signing("ES256").kid != SIGNERS.signing("ES256").kid
    assert verified(text, after.find, MORNING, issuer=ISSUER, audience=None).sub == "ada"
    later, _ = access_ring.rotate(promoted, MORNING + access_ring.KEEP)
    assert ("ES256", "retired") in roles(later)
    last, _ = access_ring.rotate(promoted, MORNING + timedelta(days=3))
    assert ("ES256", "retired") not in roles(last)


def test_an_old_ring_gets_keys_that_sign_at_once():
    made, said = access_ring.rotate([], MORNING)
    assert roles(made) == {(algorithm, "signing") for algorithm in ALGORITHMS}
    assert "restart" in said[0]


@pytest.mark.parametrize(
    "text",
    [
        "jwt",
        "jwt signing 2026-03-02 RS256",
        "jwt boss 2026-03-02 RS256 AAAA",
        "jwt signing someday RS256 AAAA",
        "jwt signing 2026-03-02 HS256 AAAA",
        "jwt signing 2026-03-02 RS256 AAAA",
        "jwt signing 2026-03-02 RS256 !!!!",
    ],
)
def test_a_broken_line_is_refused_without_quoting_it(text):
    with pytest.raises(SettingsError, match="restore it") as caught:
        access_ring.lines([text], where="SOJOURN_KEYS")
    assert "AAAA" not in str(caught.value)


def test_a_key_under_the_name_of_another_algorithm_is_refused():
    crossed = LINES[1].text.replace("ES256", "EdDSA")
    with pytest.raises(SettingsError):
        access_ring.lines([crossed], where="x")


def test_lines_are_written_as_they_are_read():
    assert access_ring.lines([line.text for line in LINES], where="x") == LINES


def test_the_library_reads_what_we_sign_and_we_what_it_signs():
    signer: Signer = SIGNERS.signing("ES256")
    key = SIGNERS.key(signer)
    assert json.loads(jws.deserialize_compact(token(), key, algorithms=["ES256"]).payload)["sub"] == "ada"
    text = jws.serialize_compact(head(), json.dumps(json_claims()).encode(), key, algorithms=["ES256"])
    assert opened(text, SIGNERS.find, typ="at+jwt", algorithms=["ES256"])["sub"] == "ada"
