"""Snapshots: what they hold, what they cost, and what opens the sealed ones."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import Device, Key, Keys, Place, Policy, Session
from sojourn.session import new_id
from sojourn.snapshot import (
    _VERSION,
    MARGIN,
    Bound,
    LookupUnread,
    Partial,
    Snapshot,
    _context,
    digest,
    of,
    opened,
    packed,
    sealed,
    unpacked,
    world,
)
from sojourn.testing import MORNING, make_keys, make_session
from sojourn.token import derive

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
POLICY = Policy(cookie_cache=5 * MINUTE, cached_data=("role", "cart"))
SIGNED = POLICY.changed(cookie_cache_form="signed")
NONCE = bytes(range(12))
ID = new_id(MORNING, "ada-lovelace")
STALE = MORNING + 5 * MINUTE
LAPTOP = Device(
    id="0123456789abcdef" * 2,
    kind="desktop",
    name="Firefox on Linux",
    browser="Firefox",
    browser_version="146",
    os="Linux",
    user_agent="Mozilla/5.0 (X11; Linux)",
)


def session(**fields: Any) -> Session:
    return make_session(
        **{"id": ID, "user_id": "ada-lovelace", "device": LAPTOP, "place": Place(city="Zürich", country="CH")}
        | fields
    )


def made(policy: Policy = POLICY, **fields: Any) -> Snapshot:
    return of(session(**fields), policy, MORNING, STALE)


def bound(
    token: str = "sjn_token", *, epoch: str = "epoch", names: tuple[str, ...] = POLICY.cached_data
) -> Bound:
    return Bound(digest(token), world(epoch, names))


def seal(
    snapshot: Snapshot, to: Bound | None = None, policy: Policy = POLICY, keys: Keys | None = None
) -> str:
    text = sealed(snapshot, to or bound(), keys or make_keys(), form=policy.cookie_cache_form, nonce=NONCE)
    assert text is not None
    return text


def open_(text: str, to: Bound | None = None, policy: Policy = POLICY, **other: Any) -> Snapshot | None:
    return opened(text, to or bound(), other.get("keys", make_keys()), policy, other.get("now", MORNING))


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# ── what it holds ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", [POLICY, SIGNED], ids=lambda policy: policy.cookie_cache_form)
def test_law_06_no_form_of_a_snapshot_contains_the_salt_or_the_token(policy):
    origin = session()
    token = derive(origin, make_keys())
    snapshot = of(origin, policy, MORNING, STALE)
    assert snapshot.session.salt == b""
    text = seal(snapshot, bound(token), policy)
    for raw in (packed(snapshot), packed(snapshot, whole=False), decoded(text), text.encode()):
        assert origin.salt not in raw
        assert token.encode() not in raw
        assert decoded(token.removeprefix("sjn_"))[22:] not in raw


def test_of_the_data_only_the_named_keys_are_in_it():
    snapshot = made(data={"role": "admin", "diary": "secret"})
    assert snapshot.session.data["role"] == "admin"
    assert b"diary" not in packed(snapshot)


def test_data_that_is_not_in_it_is_not_said_to_be_absent():
    data = made(data={"role": "admin", "diary": "secret"}).session.data
    for look in (
        lambda: data["diary"],
        lambda: data.get("diary"),
        lambda: "diary" in data,
        lambda: list(data),
        lambda: len(data),
        lambda: bool(data),
    ):
        with pytest.raises(LookupUnread, match="was not read"):
            look()


def test_a_named_key_that_the_session_does_not_have_is_absent():
    data = made(data={"role": "admin"}).session.data
    assert "cart" not in data
    assert data.get("cart", 7) == 7
    assert data.get("role", 7) == "admin"
    with pytest.raises(KeyError):
        data["cart"]


def test_what_a_request_does_to_a_value_is_not_seen_by_the_next():
    origin = session(data={"cart": [1]})
    data = of(origin, POLICY, MORNING, STALE).session.data
    origin.data["cart"].append("by who asked the store")
    data["cart"].append("by who asked the cache")
    assert data["cart"] == [1]


def test_data_of_a_snapshot_is_equal_to_the_same_and_names_no_value():
    one, same, other = Partial({"role": 1}), Partial({"role": 1}), Partial({"role": 2})
    assert one == same
    assert one != other
    assert one != {"role": 1}
    assert repr(one) == "<Partial data: role>"
    assert repr(Partial({})) == "<Partial data: none of it>"


def test_a_snapshot_of_a_snapshot_holds_the_same():
    once = made(data={"role": "admin", "diary": 1})
    assert of(once.session, POLICY, MORNING, STALE) == once


def test_digests_of_two_tokens_differ_and_any_text_has_one():
    assert digest("one") != digest("two")
    assert len(digest("\ud800 ☃")) == 16


# ── packed ────────────────────────────────────────────────────────────────────────────────────

moments = st.timedeltas(timedelta(days=-20_000), timedelta(days=100_000)).map(lambda span: MORNING + span)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ids = st.one_of(
    st.none(),
    texts,
    st.uuids().map(str),
    st.uuids().map(lambda id: str(id).upper()),
    st.uuids().map(lambda id: id.hex),
    st.text(min_size=32, max_size=32).filter(str.isascii),
    st.text(min_size=36, max_size=36).filter(str.isascii),
)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
devices = st.builds(
    Device,
    id=ids,
    kind=st.sampled_from(["desktop", "mobile", "tablet", "bot", "api", "unknown"]),
    name=texts,
    model=st.none() | texts,
    browser=st.none() | texts,
    browser_version=st.none() | texts,
    os=st.none() | texts,
    os_version=st.none() | texts,
    user_agent=texts,
)
snapshots = st.builds(
    lambda session, at, life: of(session, POLICY, at, at + life),
    st.builds(
        make_session,
        id=st.uuids(),
        user_id=ids,
        application_id=st.none() | texts,
        tenant_id=st.none() | texts,
        generation=st.integers(0, 2**32 - 1),
        key_id=st.integers(1, 2**16 - 1),
        created_at=moments,
        seen_at=moments,
        authenticated_at=st.none() | moments,
        expires_at=moments,
        ends_at=moments,
        rotated_at=st.none() | moments,
        confirmed_at=st.none() | moments,
        amr=st.lists(texts, max_size=3).map(tuple),
        aal=st.integers(0, 3),
        device=devices,
        place=st.none() | st.builds(Place, city=st.none() | texts, country=st.none() | texts),
        ip=st.none() | texts,
        remember=st.booleans(),
        data=st.dictionaries(st.sampled_from(["role", "cart", "diary"]), json, max_size=3),
        version=st.integers(1, 2**31),
        void_below=st.integers(0, 2**31),
    ),
    moments,
    st.timedeltas(timedelta(0), timedelta(days=1)),
)


@given(snapshots)
def test_every_field_survives_packing(snapshot):
    assert unpacked(packed(snapshot), POLICY) == snapshot


@given(snapshots)
def test_every_field_survives_packing_without_device_and_place(snapshot):
    raw = packed(snapshot, whole=False)
    device, place = snapshot.session.device, snapshot.session.place
    assert unpacked(raw, POLICY, device, place) == snapshot


@given(snapshots, texts)
def test_every_field_survives_sealing(snapshot, token):
    text = sealed(snapshot, bound(token), make_keys(), form="encrypted", nonce=NONCE)
    if snapshot.made_at < snapshot.stale_at:
        assert text is None or open_(text, bound(token), now=snapshot.made_at) in (snapshot, None)
    if text is not None and snapshot.made_at < min(snapshot.stale_at, snapshot.made_at + 5 * MINUTE):
        assert open_(text, bound(token), now=snapshot.made_at) == snapshot


def test_a_session_that_began_when_it_was_proved_and_one_that_never_was():
    for at in (MORNING, MORNING - MINUTE, MORNING + MINUTE, None):
        assert unpacked(packed(made(authenticated_at=at)), POLICY).session.authenticated_at == at


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x93\x01\x02\x03", packed(made(), whole=False)])
def test_what_is_no_whole_snapshot_is_not_unpacked(raw):
    with pytest.raises(Exception, match=r"packed whole|truncated|Expected") as found:
        unpacked(raw, POLICY)
    assert type(found.value).__name__ in {"ValueError", "DecodeError", "ValidationError"}


# ── sealed ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=[POLICY, SIGNED], ids=["encrypted", "signed"])
def policy(request: pytest.FixtureRequest) -> Policy:
    found: Policy = request.param
    return found


def test_what_was_sealed_for_a_token_opens_with_it(policy):
    keys = make_keys()
    assert open_(seal(made(), policy=policy, keys=keys), policy=policy, keys=keys) == made()


def test_every_flipped_bit_is_noticed(policy):
    raw = decoded(seal(made(), policy=policy))
    for position in range(len(raw)):
        for bit in range(8):
            forged = bytearray(raw)
            forged[position] ^= 1 << bit
            assert open_(encoded(bytes(forged)), policy=policy) is None


def test_what_is_cut_off_or_longer_is_noticed(policy):
    raw = decoded(seal(made(), policy=policy))
    for cut in range(len(raw)):
        assert open_(encoded(raw[:cut]), policy=policy) is None
    assert open_(encoded(raw + b"\0"), policy=policy) is None


@pytest.mark.parametrize(
    "other",
    [{"token": "sjn_tokem"}, {"token": ""}, {"epoch": "another"}, {"names": ("role",)}, {"names": ()}],
    ids=str,
)
def test_with_anything_else_than_it_was_bound_to_it_is_worth_nothing(policy, other):
    assert open_(seal(made(), policy=policy), bound(**other), policy=policy) is None


def test_a_policy_that_caches_no_data_opens_its_own():
    plain = Policy(cookie_cache=5 * MINUTE)
    text = seal(made(plain, data={"role": "admin"}), bound(names=()), plain)
    snapshot = open_(text, bound(names=()), plain)
    assert snapshot == made(plain, data={"role": "admin"})


def test_one_form_is_not_taken_for_the_other():
    assert open_(seal(made(), policy=POLICY), policy=SIGNED) is None
    assert open_(seal(made(), policy=SIGNED), policy=POLICY) is None
    for text, other in ((seal(made()), SIGNED), (seal(made(), policy=SIGNED), POLICY)):
        raw = bytearray(decoded(text))
        raw[3:4] = other.cookie_cache_form[0].encode()
        assert open_(encoded(bytes(raw)), policy=other) is None


def test_the_encrypted_form_shows_nothing():
    raw = decoded(seal(made(user_id="ada-lovelace", ip="192.0.2.77")))
    for shown in (b"ada-lovelace", b"192.0.2.77", b"Firefox", "Zürich".encode()):
        assert shown not in raw
    assert b"ada-lovelace" in decoded(seal(made(), policy=SIGNED))


def ring(*keys: tuple[int, str], last: bytes = b"!") -> Keys:
    return Keys([Key(id=id, secret=b"k" * 31 + last, role=role) for id, role in keys])  # type: ignore[arg-type]


def test_a_retired_key_opens_and_an_unknown_one_does_not(policy):
    text = seal(made(), policy=policy, keys=ring((1, "signing")))
    assert open_(text, policy=policy, keys=ring((1, "retired"), (2, "signing"))) == made()
    assert open_(text, policy=policy, keys=ring((2, "signing"))) is None


def test_another_ring_with_the_same_numbers_opens_nothing(policy):
    text = seal(made(), policy=policy, keys=ring((1, "signing")))
    assert open_(text, policy=policy, keys=ring((1, "signing"), last=b"?")) is None


def test_what_does_not_fit_into_a_cookie_is_not_sealed():
    large = made(data={"cart": "x" * 4000})
    assert sealed(large, bound(), make_keys(), form="encrypted", nonce=NONCE) is None
    fitting = sealed(made(data={"cart": "x" * 2000}), bound(), make_keys(), form="encrypted", nonce=NONCE)
    assert fitting is not None
    assert len(fitting) < 4000


@pytest.mark.parametrize(
    ("later", "opens"),
    [
        (-MARGIN - timedelta(microseconds=1), False),
        (-MARGIN, True),
        (timedelta(0), True),
        (5 * MINUTE - timedelta(microseconds=1), True),
        (5 * MINUTE, False),
    ],
)
def test_it_opens_while_it_is_neither_stale_nor_from_the_future(policy, later, opens):
    assert (open_(seal(made(), policy=policy), policy=policy, now=MORNING + later) is not None) is opens


def test_a_shorter_life_of_the_policy_holds_at_once():
    text = seal(made())
    shorter = POLICY.changed(cookie_cache=MINUTE)
    assert open_(text, policy=shorter, now=MORNING + 59 * SECOND) is not None
    assert open_(text, policy=shorter, now=MORNING + MINUTE) is None
    assert open_(text, policy=POLICY.changed(cookie_cache=None)) is None


@pytest.mark.parametrize("version", sorted({*range(_VERSION + 2), 255} - {_VERSION}))
def test_another_version_of_the_form_is_not_opened(policy, version):
    raw = decoded(seal(made(), policy=policy))
    assert open_(encoded(bytes([version]) + raw[1:]), policy=policy) is None


def test_what_every_browser_says_takes_hardly_any_room(policy):
    agent = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/143.0.0.0 Safari/537.36"
    )
    long, none = (
        made(device=Device(id=LAPTOP.id, kind="desktop", user_agent=text), policy=policy)
        for text in (agent, "")
    )
    text = seal(long, policy=policy)
    assert len(text) - len(seal(none, policy=policy)) < 16
    found = open_(text, policy=policy)
    assert found is not None
    assert found.session.device.user_agent == agent


def test_no_two_logs_or_lists_of_names_are_taken_for_each_other():
    told = [("a", ()), ("a", ("b",)), ("", ("a", "b")), ("a", ("b", "c")), ("a", ("b\0c",)), ("a\0b", ("c",))]
    told += [("a", ("b,c",)), ("a", ('b","c',)), ("ab", ()), ("a", ("",)), ("", ())]
    assert len({world(*one) for one in told}) == len(told)
    assert {len(world(*one)) for one in told} == {len(digest(""))} == {16}


def signed(body: bytes) -> str:
    """*body*, signed by us, as if it were a snapshot."""
    head = bytes([_VERSION]) + b"\x00\x01s" + NONCE
    return encoded(head + body + make_keys().mac("cookie cache signature", _context(head, bound()) + body))


def test_what_we_signed_and_is_no_snapshot_is_not_opened():
    for body in (b"", b"\x90", b"\xc0" * 30):
        assert open_(signed(body), policy=SIGNED) is None


def test_what_we_signed_and_is_a_snapshot_is_opened():
    assert open_(signed(packed(made(policy=SIGNED))), policy=SIGNED) is not None


@pytest.mark.parametrize(
    "text", ["", "=", "a", "====", "☃" * 20, "a" * 100_000, "\0" * 40, "AwAB", "AwABZQ", "é" * 100, "a b c d"]
)
def test_garbage_is_not_opened(policy, text):
    assert open_(text, policy=policy) is None


@given(st.text(max_size=200), st.text(max_size=50))
def test_opening_never_raises(text, token):
    assert open_(text, bound(token)) is None
    assert open_(text, bound(token), SIGNED) is None


@given(st.binary(max_size=200), st.sampled_from(["e", "s"]))
def test_opening_bytes_that_begin_well_never_raises(tail, form):
    policy = POLICY if form == "e" else SIGNED
    assert open_(encoded(bytes([_VERSION]) + b"\x00\x01" + form.encode() + tail), policy=policy) is None


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_opening_what_was_tampered_with_never_raises(position, byte):
    raw = bytearray(decoded(seal(made())))
    position %= len(raw)
    same = raw[position] == byte
    raw[position] = byte
    assert (open_(encoded(bytes(raw))) is not None) is same
