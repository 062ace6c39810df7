"""A token is derived and never stored; garbage is turned away before the store is asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import string
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.pretty import pretty_repr

from sojourn import Device, Key, Keys, Policy, Session, Sessions, lifecycle
from sojourn.errors import SettingsError, TokenInvalid
from sojourn.session import new_id, new_salt
from sojourn.stores.memory import MemoryStore
from sojourn.testing import FakeClock
from sojourn.token import PREFIX, Kind, Token, derive, genuine, parse

NOW = FakeClock()()
OLD, NEW, COMING = b"o" * 32, b"n" * 32, b"c" * 32
ALPHABET = string.ascii_letters + string.digits + "-_"


def ring(**roles: str) -> Keys:
    """`ring(old="retired", new="signing")`."""
    secrets = {"old": (1, OLD), "new": (2, NEW), "coming": (3, COMING)}
    keys: list[dict[str, Any]] = [
        {"id": secrets[name][0], "secret": secrets[name][1], "role": role} for name, role in roles.items()
    ]
    return Keys(Key(**key) for key in keys)


KEYS = ring(old="retired", new="signing", coming="next")


def begun(**fields: Any) -> Session:
    given: dict[str, Any] = {"id": new_id(NOW, "ada"), "salt": new_salt(), "key_id": 2, "user_id": "ada"}
    return lifecycle.start(Policy(), NOW, device=Device(), **given | fields)


def bytes_of(text: str) -> bytes:
    body = text.removeprefix(PREFIX)
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def text_of(body: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def checksum_of(body: bytes, keys: Keys, key_id: int) -> bytes:
    return hashlib.blake2b(body, digest_size=8, key=keys.subkey("token checksum", key_id)).digest()


def checked(body: bytes, keys: Keys, key_id: int) -> str:
    """*body*, without its checksum, with the checksum that its maker would have given it."""
    return text_of(body + checksum_of(body, keys, key_id))


# ── layout ────────────────────────────────────────────────────────────────────────────────────


def test_a_token_has_a_prefix_that_secret_scanners_know():
    assert derive(begun(), KEYS).startswith("sjn_")


def test_a_token_has_83_characters_behind_its_prefix():
    assert len(derive(begun(), KEYS).removeprefix(PREFIX)) == 83


def test_a_token_needs_no_quoting_in_a_cookie_a_header_or_a_url():
    assert set(derive(begun(), KEYS)) <= set(ALPHABET)


@pytest.mark.req("OS-03")
def test_a_token_is_id_generation_key_id_proof_and_checksum():
    session = begun().change(generation=258)
    body = bytes_of(derive(session, KEYS))
    proof = KEYS.mac("token proof", body[:22] + session.salt, 2)
    assert body == b"".join(
        [
            session.id.bytes,
            (258).to_bytes(4),
            (2).to_bytes(2),
            proof,
            checksum_of(body[:54], KEYS, 2),
        ]
    )


@pytest.mark.req("A7-7.2.3")
def test_the_proof_is_as_strong_as_the_salt_and_the_key():
    assert len(parse(derive(begun(), KEYS), KEYS).proof) == 32


def test_parsing_gives_back_what_was_derived():
    session = begun().change(generation=7)
    token = parse(derive(session, KEYS), KEYS)
    assert (token.session_id, token.generation, token.key_id) == (session.id, 7, 2)


def test_all_processes_with_the_key_derive_the_same_token():
    session = begun()
    assert derive(session, KEYS) == derive(session, ring(new="signing"))


@pytest.mark.req("A7-7.2.2")
@pytest.mark.parametrize(
    "change",
    [{"generation": 1}, {"key_id": 1}, {"salt": bytes(32)}, {"id": UUID(int=1)}],
    ids=lambda change: next(iter(change)),
)
def test_a_token_depends_on_every_part_of_the_record_that_it_proves(change):
    session = begun()
    assert derive(session.change(**change), KEYS) != derive(session, KEYS)


def test_a_token_depends_on_nothing_else():
    session = begun()
    assert derive(session.change(ip="192.0.2.1", data={"cart": 1}), KEYS) == derive(session, KEYS)


@pytest.mark.req("A7-7.2.3")
def test_tokens_differ():
    assert len({derive(begun(), KEYS) for _ in range(5_000)}) == 5_000


# ── one spelling ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.2.1")
def test_every_flipped_bit_is_refused():
    body = bytes_of(derive(begun(), KEYS))
    for position in range(len(body) * 8):
        flipped = (int.from_bytes(body) ^ 1 << position).to_bytes(len(body))
        with pytest.raises(TokenInvalid):
            parse(text_of(flipped), KEYS)


def test_every_changed_character_is_refused():
    text = derive(begun(), KEYS)
    for position, character in enumerate(text):
        other = "A" if character != "A" else "B"
        with pytest.raises(TokenInvalid):
            parse(text[:position] + other + text[position + 1 :], KEYS)


def test_only_one_spelling_of_the_last_character_is_accepted():
    text = derive(begun(), KEYS)
    accepted = [last for last in ALPHABET if _parses(text[:-1] + last)]
    assert accepted == [text[-1]]


def _parses(text: str) -> bool:
    try:
        parse(text, KEYS)
    except TokenInvalid:
        return False
    return True


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text + "=",
        lambda text: text + "==",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.removeprefix(PREFIX),
        lambda text: text.upper(),
        lambda text: " " + text[:-1],
        lambda text: text + "\n",
        lambda text: f'"{text}"',
        lambda text: text[:-1] + "\n",
        lambda text: text[:40] + "+" + text[41:],
        lambda text: text[:40] + "/" + text[41:],
        lambda text: text[:40] + "=" + text[41:],
        lambda text: text[:40] + "\x00" + text[41:],
        lambda text: text[:40] + "é" + text[41:],
        lambda text: text[:40] + "\udc80" + text[41:],
        lambda text: text[:40] + "\uff21" + text[41:],
        lambda text: "",
        lambda text: PREFIX,
        lambda text: PREFIX + "A" * 83,
        lambda text: "A" * 1_000_000,
        lambda text: "' OR 1=1 --",
    ],
)
@pytest.mark.req("OS-07")
def test_another_spelling_is_refused(spell):
    with pytest.raises(TokenInvalid):
        parse(spell(derive(begun(), KEYS)), KEYS)


# ── forging ───────────────────────────────────────────────────────────────────────────────────


def test_a_derived_token_is_genuine():
    session = begun()
    assert genuine(parse(derive(session, KEYS), KEYS), session, KEYS)


def test_a_token_of_another_generation_is_genuine_too():
    session = begun()
    assert genuine(parse(derive(session, KEYS), KEYS), session.change(generation=5), KEYS)


def test_a_token_of_another_session_is_not_genuine():
    assert not genuine(parse(derive(begun(), KEYS), KEYS), begun(), KEYS)


@pytest.mark.req("A7-7.2.4")
def test_a_token_of_an_earlier_salt_is_not_genuine():
    session = begun()
    assert not genuine(parse(derive(session, KEYS), KEYS), session.change(salt=new_salt()), KEYS)


@pytest.mark.req("TH-09")
def test_the_record_without_the_key_forges_nothing():
    session = begun()
    guess = Keys([Key(id=2, secret=session.salt)])
    with pytest.raises(TokenInvalid):
        parse(derive(session, guess), KEYS)


@pytest.mark.req("TH-29")
def test_the_key_without_the_salt_forges_nothing():
    session = begun()
    head = session.id.bytes + (0).to_bytes(4) + (2).to_bytes(2)
    for salt in (b"", bytes(32), session.id.bytes * 2):
        forged = parse(checked(head + KEYS.mac("token proof", head + salt, 2), KEYS, 2), KEYS)
        assert not genuine(forged, session, KEYS)


def test_a_proof_is_good_for_its_own_generation_only():
    session = begun()
    body = bytes_of(derive(session, KEYS))
    moved = body[:16] + (1).to_bytes(4) + body[20:54]
    assert not genuine(parse(checked(moved, KEYS, 2), KEYS), session, KEYS)


def test_a_proof_is_good_for_its_own_key_only():
    session = begun()
    body = bytes_of(derive(session, KEYS))
    moved = body[:20] + (1).to_bytes(2) + body[22:54]
    assert not genuine(parse(checked(moved, KEYS, 1), KEYS), session, KEYS)


def test_a_token_under_an_unknown_key_is_refused():
    text = derive(begun(), KEYS)
    with pytest.raises(TokenInvalid):
        parse(text, ring(old="signing"))


def test_a_key_with_the_same_id_and_another_secret_is_another_key():
    text = derive(begun(), KEYS)
    with pytest.raises(TokenInvalid):
        parse(text, Keys([Key(id=2, secret=OLD)]))


# ── the ring ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key_id", [1, 2, 3])
def test_every_key_of_the_ring_verifies(key_id):
    session = begun(key_id=key_id)
    assert genuine(parse(derive(session, KEYS), KEYS), session, KEYS)


def test_one_key_signs():
    assert KEYS.signing_id == 2


def test_only_a_retired_key_is_retired():
    assert [key.id for key in KEYS if KEYS.retired(key.id)] == [1]


def test_the_ring_knows_its_keys():
    assert [key_id in KEYS for key_id in (0, 1, 2, 3, 4)] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ([], "sojourn keys generate"),
        ([Key(id=1, secret=OLD, role="retired")], "0 do"),
        ([Key(id=1, secret=OLD), Key(id=2, secret=NEW)], "2 do"),
        ([Key(id=1, secret=OLD), Key(id=1, secret=NEW, role="next")], "an id of its own"),
    ],
    ids=["empty", "nobody signs", "two sign", "one id twice"],
)
def test_a_ring_that_cannot_work_is_refused_with_its_remedy(keys, remedy):
    with pytest.raises(SettingsError, match=remedy):
        Keys(keys)


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"id": 0, "secret": OLD}, "between 1 and 65535"),
        ({"id": 65536, "secret": OLD}, "between 1 and 65535"),
        ({"id": 1, "secret": b"short"}, "5 bytes, 32 are needed"),
        ({"id": 1, "secret": OLD, "role": "boss"}, "use next, signing or retired"),
    ],
)
def test_a_key_that_cannot_work_is_refused_with_its_remedy(fields, remedy):
    with pytest.raises(SettingsError, match=remedy):
        Key(**fields)


def test_the_refusal_of_a_short_key_does_not_show_it():
    with pytest.raises(SettingsError) as refused:
        Key(id=1, secret=b"canary")
    assert "canary" not in str(refused.value)


@pytest.mark.req("TH-29")
def test_every_purpose_has_a_key_of_its_own():
    purposes = ["token proof", "token checksum", "device"]
    assert len({KEYS.subkey(purpose) for purpose in purposes}) == len(purposes)


def test_every_key_has_subkeys_of_its_own():
    assert len({KEYS.subkey("token proof", key_id) for key_id in (1, 2, 3)}) == 3


def test_a_subkey_is_of_the_signing_key_unless_another_is_named():
    assert KEYS.subkey("device") == KEYS.subkey("device", 2)


def test_a_subkey_is_hkdf_of_rfc_5869():
    extracted = hmac.digest(bytes(32), NEW, hashlib.sha256)
    expanded = hmac.digest(extracted, b"sojourn device\x01", hashlib.sha256)
    assert KEYS.subkey("device") == expanded


def test_what_a_mac_was_made_for_is_recognised_under_every_key():
    assert all(KEYS.made("device", b"laptop", KEYS.mac("device", b"laptop", key.id)) for key in KEYS)


def test_a_mac_may_be_cut_to_16_bytes():
    assert KEYS.made("device", b"laptop", KEYS.mac("device", b"laptop")[:16])


@pytest.mark.parametrize("mac", [b"", b"x" * 32, b"x" * 64], ids=["none", "another", "too long"])
def test_another_mac_is_not_recognised(mac):
    assert not KEYS.made("device", b"laptop", mac)


def test_a_mac_cut_shorter_than_16_bytes_is_not_recognised():
    assert not KEYS.made("device", b"laptop", KEYS.mac("device", b"laptop")[:15])


def test_a_mac_for_one_purpose_is_worth_nothing_for_another():
    assert not KEYS.made("csrf", b"laptop", KEYS.mac("device", b"laptop"))


# ── what is printed ───────────────────────────────────────────────────────────────────────────


@pytest.mark.req("TH-10")
@pytest.mark.parametrize("show", [repr, str, pretty_repr], ids=["repr", "str", "rich"])
def test_no_way_of_printing_a_key_shows_its_secret(show):
    key = Key(id=1, secret=b"canary-" * 5)
    shown = show(key) + show([key]) + show(Keys([key]))
    assert "canary" not in shown


@pytest.mark.req("TH-10")
@pytest.mark.parametrize("show", [repr, str, pretty_repr], ids=["repr", "str", "rich"])
def test_no_way_of_printing_a_token_shows_its_proof(show):
    token = Token(session_id=UUID(int=1), generation=0, key_id=1, proof=b"canary-" * 5)
    assert "canary" not in show(token) + show([token])


# ── fuzz ──────────────────────────────────────────────────────────────────────────────────────


class _CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.gets = 0

    async def get(self, id: UUID) -> Session | None:
        self.gets += 1
        return await super().get(id)


@pytest.mark.req("OS-07")
@given(st.text() | st.text(ALPHABET, min_size=83, max_size=83).map(PREFIX.__add__))
@example("sjn_" + "\ud800" * 83)
def test_any_text_raises_the_refusal_and_nothing_else(text):
    with pytest.raises(TokenInvalid):
        parse(text, KEYS)


@given(st.binary(min_size=62, max_size=62))
def test_any_body_of_the_right_length_is_refused(body):
    with pytest.raises(TokenInvalid):
        parse(text_of(body), KEYS)


@pytest.mark.req("TH-11")
def test_ten_thousand_guesses_never_reach_the_store():
    store, chance = _CountingStore(), random.Random(7)
    sessions = Sessions(store, keys=KEYS, clock=lambda: NOW)
    genuine_head = bytes_of(sessions.start("ada").token)[:22]
    for _ in range(10_000):
        with pytest.raises(TokenInvalid):
            sessions.validate(text_of(genuine_head + chance.randbytes(40)))
    assert store.gets == 0


@pytest.mark.req("TH-11")
@pytest.mark.parametrize("verb", ["validate", "refresh"])
def test_a_token_with_one_changed_character_never_reaches_the_store(verb):
    store = _CountingStore()
    sessions = Sessions(store, keys=KEYS, clock=lambda: NOW)
    text = sessions.start("ada").token
    for position, character in enumerate(text):
        other = "A" if character != "A" else "B"
        with pytest.raises(TokenInvalid):
            getattr(sessions, verb)(text[:position] + other + text[position + 1 :])
    assert store.gets == 0


# ── what is remembered of tokens must not change anything ─────────────────────────────────────


def test_a_token_that_was_read_and_proven_lately_is_as_good_as_then_and_no_better():
    session = begun()
    text = derive(session, KEYS)
    for _ in range(2):
        assert genuine(parse(text, KEYS), session, KEYS)
        assert not genuine(parse(text, KEYS), begun(), KEYS)  # another session
        renewed = session.voiding(salt=new_salt(), generation=1)
        assert not genuine(parse(text, KEYS), renewed, KEYS)  # what a renewal is for
    with pytest.raises(TokenInvalid):
        parse(text, ring(old="signing"))  # a ring that has lost the key


@pytest.mark.parametrize("kind", ["session", "refresh", "bearer"])
def test_what_was_proven_lately_was_proven_for_that_alone(kind: Kind) -> None:
    session = begun()
    token = parse(derive(session, KEYS, kind), KEYS)
    assert genuine(token, session, KEYS)
    same = replace(token, session_id=UUID(int=session.id.int))  # another object, and of the same meaning
    assert genuine(same, replace(session, id=UUID(int=session.id.int)), KEYS)
    another: Kind = "session" if kind == "refresh" else "refresh"
    for claimed in (replace(token, generation=1), replace(token, key_id=1), replace(token, kind=another)):
        assert not genuine(claimed, session, KEYS)
    for record in (replace(session, salt=bytes(32)), replace(session, id=begun().id)):
        assert not genuine(token, record, KEYS)


def test_another_process_proves_what_it_has_never_seen():
    for _ in range(3):
        session, ours, theirs = begun(), ring(new="signing"), ring(new="signing")
        text = derive(session, ours)
        assert genuine(parse(text, theirs), session, theirs)
        assert not genuine(parse(text, theirs), session.voiding(salt=new_salt()), theirs)


def test_guesses_are_not_remembered():
    keys, session = ring(new="signing"), begun()
    text = derive(session, ring(new="signing"))  # by another process
    with pytest.raises(TokenInvalid):
        parse(text[:-1] + ("A" if text[-1] != "A" else "E"), keys)
    assert not genuine(parse(text, keys), begun(), keys)
    assert (list(keys.read), keys.proven) == ([text], {})


def test_tokens_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr("sojourn.token._LATELY", 10)
    keys = ring(new="signing")
    for _ in range(25):
        session = begun()
        assert genuine(parse(derive(session, keys), keys), session, keys)
    assert len(keys.read) <= 10
    assert len(keys.proven) <= 10


# ── the three kinds ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("A9-9.2.2", "T-09")
def test_a_token_of_one_kind_is_none_of_another_whatever_its_prefix():
    session, prefixes = begun(), {"session": "sjn_", "refresh": "sjr_", "bearer": "sjb_"}
    made = {kind: derive(session, KEYS, kind) for kind in get_args(Kind)}
    assert prefixes.keys() == made.keys()
    for kind, text in made.items():
        assert text.startswith(prefixes[kind])
        token = parse(text, KEYS)
        assert token.kind == kind
        assert genuine(token, session, KEYS)
    swapped = [
        prefix + text[4:] for text in made.values() for prefix in prefixes.values() if prefix != text[:4]
    ]
    for _ in range(2):  # also once the proofs are remembered
        assert not any(genuine(parse(text, KEYS), session, KEYS) for text in swapped)
