"""Records in Redis: what is written is read again, is small, and stays readable."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as _replaced

from sojourn.device import describe
from sojourn.session import Device, Held, Place, Reason
from sojourn.stores.redis.rows import from_record, pack_text, to_record, unpack_text
from sojourn.stores.redis.words import WORDS
from sojourn.testing import MORNING, make_session
from sojourn.testing.changes import FULL

OWN = _replaced(FULL, impersonator_id=None, parent_id=None, parent_version=0)
HASH = "w4rqzlQ-N56oQp87jqXp0m8u7xdRVM9CJFyGSiugxiE"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize("session", [FULL, OWN, make_session(), make_session(user_id=None)])
def test_law_08_a_record_is_read_as_it_was_written(session) -> None:
    assert from_record(session.id, to_record(session)) == session


@given(st.text(st.characters(codec="utf-8")) | st.from_regex(r"[0-9a-fA-F-]{36}|[\w-]{43}", fullmatch=True))
def test_a_text_is_unpacked_as_it_was_packed(text: str) -> None:
    assert unpack_text(pack_text(text)) == text


@pytest.mark.parametrize("ids", [(str(uuid4()), 17), (HASH, 33), ("ada", 4), ("", 1)])
def test_ids_of_the_usual_kinds_take_little(ids: tuple[str, int]) -> None:
    text, size = ids
    assert len(pack_text(text)) == size
    assert unpack_text(pack_text(text)) == text


def test_texts_are_equal_only_if_they_are_the_same() -> None:
    near = str(UUID(int=10**37))
    texts = [None, "", near, near.upper(), near.replace("-", ""), HASH, HASH[:-1] + "F", "\0", "\1", "\2"]
    assert len({pack_text(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "ip", ["203.0.113.7", "2001:db8::1", "::ffff:192.0.2.1", "2001:0DB8::1", "192.0.2.0/24", "nowhere", ""]
)
def test_an_address_is_kept_however_it_is_written(ip: str) -> None:
    session = make_session(ip=ip)
    assert from_record(session.id, to_record(session)).ip == ip


def test_an_id_may_tell_another_time_than_the_session() -> None:
    session = make_session(id=UUID(int=1))
    assert from_record(session.id, to_record(session)) == session


@pytest.mark.parametrize("ending", [{"note": "kept"}, {"revoked_by": "root"}, {"revoked_at": MORNING}])
def test_each_part_of_an_ending_is_kept_by_itself(ending) -> None:
    session = make_session(**ending)
    assert from_record(session.id, to_record(session)) == session


def test_a_record_of_an_ordinary_session_is_small() -> None:
    session = make_session(
        user_id=str(uuid4()),
        device=describe({"user-agent": CHROME}, id=HASH),
        place=Place(city="Zürich", country="CH"),
        ip="203.0.113.77",
        seen_at=MORNING + timedelta(microseconds=1),
    )
    assert len(to_record(session)) <= 220  # with four bytes of Redis' own it fits into 224


def test_the_words_never_change() -> None:
    """A record is read with the words that it was written with: better words need a number of their own."""
    assert hashlib.sha256(WORDS).hexdigest()[:16] == "abf2f68b25b831f4"


@pytest.mark.parametrize("device", [Device(), describe({"user-agent": CHROME}, id=HASH)])
def test_a_profile_costs_those_nothing_who_have_none(device: Device) -> None:
    plain = make_session(device=device)
    assert to_record(plain)[0] == 1
    session = _replaced(plain, profile="kiosk")
    # A short body is deflated for it.
    assert len(to_record(session)) <= len(to_record(plain)) + len("\0kiosk") + 2 + 20
    ended = session.change(revoked_at=MORNING, reason=Reason.ADMIN, note="kiosk")
    assert [from_record(s.id, to_record(s)) for s in (session, ended)] == [session, ended]


def test_who_knows_no_profiles_reads_the_rest() -> None:
    session = make_session(profile="kiosk", device=Device(name="Till 3"))
    assert from_record(session.id, b"\1" + to_record(session)[1:]) == _replaced(session, profile=None)


def test_an_impersonation_is_kept_with_and_without_a_profile() -> None:
    plain = make_session(impersonator_id=str(uuid4()), parent_id=uuid4(), parent_version=2**31)
    named = _replaced(plain, profile="kiosk")
    ended = plain.change(revoked_at=MORNING, reason=Reason.ADMIN, note="kiosk")
    assert [from_record(s.id, to_record(s)) for s in (plain, named, ended)] == [plain, named, ended]
    assert to_record(plain)[0] == 3


def test_what_an_older_sojourn_wrote_is_read() -> None:
    stored = bytes.fromhex(OLD)
    assert from_record(OLD_SESSION.id, stored) == OLD_SESSION


@pytest.mark.parametrize("device", [Device(), describe({"user-agent": CHROME}, id=HASH)])
def test_holds_names_and_idle_timeouts_cost_those_nothing_who_have_none(device: Device) -> None:
    plain = make_session(device=device)
    size = len(to_record(plain))
    held = _replaced(plain, held=Held(MORNING, uuid4(), MORNING))
    named = _replaced(plain, device=_replaced(device, custom_name="Till 3"))
    idle = _replaced(plain, idle_timeout=timedelta(minutes=5))
    for session, more in ((held, 2 + 16 + 2 * 9), (named, 1 + 6), (idle, 1 + 3)):
        assert 0 < len(to_record(session)) - size <= more + 5  # deflating may gain a little less
        assert from_record(session.id, to_record(session)) == session


OLD_SESSION = _replaced(
    OWN,
    profile=None,
    id=UUID("019cadc6-9a80-7ea2-a89c-0a8db1c78a23"),
    device=_replaced(FULL.device, custom_name=None),
    held=None,
    idle_timeout=None,
)
OLD = (
    "01010000000300000007000000020000013100064c06cfdac63f00064c1aeda2e40400064c2f0b7a440500064c06cfcb"
    "8407001b00d090d0b4d0b020d09bd0b0d0b2d0bbd0b5d0b9d18120f09fa68a002c006464646464646464646464646464"
    "646464646464646464646464646464646464646464646464646464646400050073686f7000050061636d650020000102"
    "030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f019bc3c8c4ca7ef6ff7f26e62382cc0a8cbc3b"
    "18108071d26260a9b51858a4cd580649d7dbb057abcb216d03cbe550e9a5e0126339547691a1d94d176a54ea9396471d"
    "de5394999cb1c8d9e38879b55232b02650b28a36d431d233d5c92bcdc9d129292a4dd5a956ca3bbc3255c94ae9d18ca9"
    "4ab5b13a4a40664ca90110c49428d5020000064c06cfcb840993a561646d696ea56772616365b86c6f7374202270686f"
    "6e65220ae280932073656520233132"
)
