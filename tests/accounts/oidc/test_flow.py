"""What a browser carries to a provider and back is readable, changeable and usable by nobody else."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import msgspec
import pytest

from sojourn import Keys
from sojourn.accounts.oidc import Provider, described
from sojourn.accounts.oidc.flow import Flow, opened, sealed, slot_of
from sojourn.errors import SettingsError
from sojourn.testing import FakeClock
from sojourn.token import Key
from tests.accounts.oidc.provider import made

NONCE = b"twelve bytes"


@pytest.fixture
def flow(clock: FakeClock) -> Flow:
    return Flow(
        provider="example",
        redirect_uri="https://good.test/api/auth/callback/example",
        state="the state",
        nonce="the nonce",
        verifier="the verifier",
        device="this browser",
        next="/account/security",
        dialect="better-auth",
        began_at=clock(),
        act="link",
        session_id=UUID(int=7),
        user_id="ada",
        remember=True,
        error_to="/failed",
        new_user_to="/welcome",
    )


def again(text: str, keys: Keys, clock: FakeClock, **changed: Any) -> Flow | None:
    given: dict[str, Any] = {"state": "the state", "device": "this browser"} | changed
    return opened(text, keys, clock(), **given)


def seal(flow: Flow, keys: Keys) -> str:
    text = sealed(flow, keys, nonce=NONCE)
    assert text is not None
    return text


def test_a_flow_comes_back_as_it_went(flow: Flow, keys: Keys, clock: FakeClock):
    assert again(seal(flow, keys), keys, clock) == flow


def test_it_can_be_read_by_nobody(flow: Flow, keys: Keys):
    raw = base64.urlsafe_b64decode(seal(flow, keys) + "==")
    assert [word for word in (b"verifier", b"nonce", b"state", b"ada") if word in raw] == []


def test_its_repr_holds_no_secret(flow: Flow):
    assert repr(flow) == "<Flow to example, link>"


@pytest.mark.parametrize("state", ["", "another", "the stat", "the state ", "THE STATE", "\ud800", "é"])
def test_another_state_opens_nothing(flow: Flow, keys: Keys, clock: FakeClock, state: str):
    assert again(seal(flow, keys), keys, clock, state=state) is None


@pytest.mark.parametrize("device", [None, "", "another"])
def test_another_browser_opens_nothing(flow: Flow, keys: Keys, clock: FakeClock, device: str | None):
    assert again(seal(flow, keys), keys, clock, device=device) is None


@pytest.mark.parametrize(
    ("minutes", "good"), [(0, True), (9.99, True), (10, False), (-0.99, True), (-1, False)]
)
def test_it_is_good_for_ten_minutes(flow: Flow, keys: Keys, clock: FakeClock, minutes: float, good: bool):
    text = seal(flow, keys)
    clock.tick(minutes=minutes)
    assert (again(text, keys, clock) is not None) is good


def test_every_byte_of_it_counts(flow: Flow, keys: Keys, clock: FakeClock):
    raw = bytearray(base64.urlsafe_b64decode(seal(flow, keys) + "=="))
    for at in range(len(raw)):
        raw[at] ^= 1
        assert again(base64.urlsafe_b64encode(raw).decode().rstrip("="), keys, clock) is None
        raw[at] ^= 1


@pytest.mark.parametrize("junk", ["", "A", "é", "AAAA" * 10, "A" * 4_000, "=" * 40, "AQAB" + "A" * 60])
def test_junk_is_no_flow(keys: Keys, clock: FakeClock, junk: str):
    assert again(junk, keys, clock) is None


def test_it_outlives_a_change_of_keys_but_not_the_loss_of_one(flow: Flow, clock: FakeClock):
    old = Key(id=1, secret=b"o" * 32)
    text = seal(flow, Keys([old]))
    new = Key(id=2, secret=b"n" * 32)
    assert again(text, Keys([msgspec.structs.replace(old, role="retired"), new]), clock) == flow
    assert again(text, Keys([new]), clock) is None
    assert again(text, Keys([Key(id=1, secret=b"x" * 32)]), clock) is None


def test_what_is_too_large_for_a_cookie_is_not_sealed(flow: Flow, keys: Keys):
    assert sealed(msgspec.structs.replace(flow, next="/" + "x" * 4_000), keys, nonce=NONCE) is None


def test_the_name_of_its_cookie_does_not_tell_the_state():
    assert slot_of("the state") != slot_of("another")
    assert len(slot_of("the state")) == 16


# ── how an operator describes a provider ──────────────────────────────────────────────────────

GOOD = {"issuer": "https://id.example", "client_id": "us", "client_secret": "hush"}


def test_the_usual_need_not_be_said():
    assert described({"google": GOOD}) == {
        "google": Provider(
            id="google",
            name="Google",
            issuer="https://id.example",
            client_id="us",
            client_secret="hush",
            scopes=("openid", "email", "profile"),
            trusted_email=False,
        )
    }


def test_scopes_may_be_a_list_or_words():
    for scopes in ("openid email", ["openid", "email"]):
        assert described({"a": GOOD | {"scopes": scopes}})["a"].scopes == ("openid", "email")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "JSON object"),
        ({"google": None}, "Expected `object`"),
        ({"google": {}}, "missing required field"),
        ({"google": GOOD | {"secret": "hush"}}, "unknown field `secret`"),
        ({"google": GOOD | {"trusted_email": "yes"}}, "Expected `bool`"),
        ({"Google": GOOD}, "short name in lower case"),
        ({"password": GOOD}, "not password"),
        ({"credentials": GOOD}, "not password"),
        ({"": GOOD}, "short name"),
        ({"../evil": GOOD}, "short name"),
        ({"a" * 33: GOOD}, "short name"),
        ({"google": GOOD | {"issuer": "id.example"}}, "its issuer"),
        ({"google": GOOD | {"issuer": "https://id.example?a=b"}}, "its issuer"),
        ({"google": GOOD | {"issuer": "https://hush:hush@id.example"}}, "its issuer"),
        ({"google": GOOD | {"issuer": "https://"}}, "its issuer"),
        ({"google": GOOD | {"client_secret": ""}}, "client_secret"),
        ({"google": GOOD | {"client_id": ""}}, "client_id"),
        ({"google": GOOD | {"name": " "}}, "its name"),
        ({"google": GOOD | {"name": "a\nb"}}, "its name"),
        ({"google": GOOD | {"scopes": ["email"]}}, "openid among them"),
        ({"google": GOOD | {"scopes": ["openid", "a b"]}}, "its scopes"),
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_is_refused_without_its_secret(said: object, why: str):
    with pytest.raises(SettingsError) as refused:
        described(said)
    assert why in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_provider_is_shown_without_its_secret():
    assert repr(made()) == "<Provider example, https://id.example>"
