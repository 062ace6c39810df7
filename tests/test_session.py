"""The record: frozen, sortable by its id, and discreet about its salt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

import pytest
from rich.pretty import pretty_repr

from sojourn import Device, Place, Policy, Reason, Session, lifecycle
from sojourn.session import Seen, bucket_of, lowest_id, new_id, new_salt

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MICROSECOND, MILLISECOND = timedelta(microseconds=1), timedelta(milliseconds=1)


def begun(**fields: Any) -> Session:
    given: dict[str, Any] = {"id": new_id(NOON, "ada"), "salt": new_salt(), "key_id": 1, "user_id": "ada"}
    return lifecycle.start(Policy(), NOON, device=Device(name="Firefox on Linux"), **given | fields)


@pytest.mark.parametrize(
    "record", [begun(), Device(), Place(), Seen(NOON, NOON)], ids=lambda record: type(record).__name__
)
def test_a_record_cannot_be_altered(record):
    with pytest.raises(AttributeError):
        setattr(record, record.__struct_fields__[0], None)


def test_a_record_of_which_little_is_said_is_a_visitors_of_the_first_generation():
    bare = Session(
        id=new_id(NOON, None),
        user_id=None,
        salt=new_salt(),
        key_id=1,
        created_at=NOON,
        seen_at=NOON,
        expires_at=NOON,
        ends_at=NOON,
    )
    assert (bare.generation, bare.version, bare.aal, bare.amr) == (0, 1, 0, ())
    assert (bare.remember, bare.renew_due, bare.revoked_at, bare.data) == (False, False, None, {})
    assert bare.device == Device(name="Unknown device", kind="unknown")


def test_a_change_is_a_new_value_with_the_next_version():
    session = begun()
    changed = session.change(ip="192.0.2.1")
    assert (session.version, session.ip, changed.version, changed.ip) == (1, None, 2, "192.0.2.1")


def test_a_session_lives_until_the_microsecond_of_its_end():
    session = begun()
    assert session.live(session.expires_at - MICROSECOND)
    assert not session.live(session.expires_at)


def test_a_revoked_session_does_not_live():
    assert not begun().change(revoked_at=NOON, reason=Reason.USER).live(NOON)


# ── what is printed ───────────────────────────────────────────────────────────────────────────


def test_repr_names_the_user_the_device_and_the_end():
    session = begun()
    assert (
        repr(session) == f"<Session {session.id} of 'ada', 'Firefox on Linux', expires 2026-11-15T12:01:01Z>"
    )


def test_repr_names_the_reason_of_a_revocation():
    assert "revoked: cap" in repr(begun().change(revoked_at=NOON, reason=Reason.CAP))


@pytest.mark.req("TH-10")
@pytest.mark.parametrize("show", [repr, str, pretty_repr], ids=["repr", "str", "rich"])
def test_no_way_of_printing_a_session_shows_its_salt(show):
    session = begun(salt=b"canary-" * 5)
    shown = show(session) + show([session]) + show(lifecycle.Outcome(session=session))
    assert "canary" not in shown


# ── ids and salts ─────────────────────────────────────────────────────────────────────────────


def test_an_id_is_a_uuid_of_version_7():
    id = new_id(NOON, "ada")
    assert (id.version, id.variant) == (7, "specified in RFC 4122")


def test_an_id_begins_with_the_millisecond_of_its_making():
    assert new_id(NOON + 999 * MICROSECOND, "ada").int >> 80 == int(NOON.timestamp() * 1000)


def test_ids_sort_by_time():
    moments = [NOON + n * MILLISECOND for n in range(50)]
    ids = [new_id(moment, "ada") for moment in moments]
    assert ids == sorted(ids)


@pytest.mark.parametrize("user_id", ["ada", "", "Zoë 🚀", "0" * 10_000])
def test_an_id_carries_the_bucket_of_its_user(user_id):
    assert new_id(NOON, user_id).int >> 64 & 0xFFF == bucket_of(user_id)


def test_a_bucket_is_a_fixed_hash_because_routing_outlives_every_key():
    assert (bucket_of("ada"), bucket_of("bob")) == (3746, 1688)


def test_the_users_of_a_large_site_fill_all_buckets():
    assert {bucket_of(str(n)) for n in range(50_000)} == set(range(4096))


def test_visitors_are_spread_over_the_buckets():
    assert len({new_id(NOON, None).int >> 64 & 0xFFF for _ in range(40_000)}) > 4000


@pytest.mark.req("A7-7.2.3")
def test_the_last_62_bits_of_an_id_are_chance():
    tails = [new_id(NOON, "ada").int & (1 << 62) - 1 for _ in range(200)]
    assert reduce(or_, tails) == (1 << 62) - 1
    assert reduce(and_, tails) == 0


@pytest.mark.req("A7-7.2.3")
def test_ids_of_one_user_in_one_millisecond_differ():
    assert len({new_id(NOON, "ada") for _ in range(10_000)}) == 10_000


def test_the_lowest_id_is_below_every_id_of_its_moment_and_above_every_earlier_one():
    assert new_id(NOON - MILLISECOND, "ada") < lowest_id(NOON) <= new_id(NOON, "ada")


def test_an_id_from_before_1970_is_of_the_first_millisecond():
    assert lowest_id(datetime(1969, 1, 1, tzinfo=UTC)) == UUID(int=0)


@pytest.mark.req("AX-11.5.1")
def test_a_salt_has_256_bits():
    assert len(new_salt()) == 32


@pytest.mark.req("A7-7.2.3")
def test_salts_differ():
    assert len({new_salt() for _ in range(10_000)}) == 10_000
