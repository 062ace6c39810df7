"""The demo: a truthful sample, and no way to take it for a real database, or a real one for it."""

from __future__ import annotations

import asyncio
import stat
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from sojourn import AsyncSessions, Query, Reason, keyring, lifecycle, open_store
from sojourn.accounts import Accounts, open_accounts
from sojourn.accounts.store import MemoryAccounts
from sojourn.demo import (
    ADMIN,
    USER,
    arguments,
    is_demo,
    occupied,
    prepare,
    refuse_demo,
)
from sojourn.demo.sample import OTHERS, POLICY, fill
from sojourn.errors import SessionExpired, SettingsError
from sojourn.observe import open_ledger
from sojourn.settings import load
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SQLiteStore
from sojourn.testing import MORNING, FakeClock, make_keys
from sojourn.token import derive

NOW = MORNING


class Filled:
    """The sample in memory, and what the demo's server would say about it."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        store, accounts = MemoryStore(), MemoryAccounts()
        asyncio.run(fill(store, accounts, key_id=1, now=NOW))
        self.sessions = AsyncSessions(store, keys=make_keys(), policy=POLICY, clock=self.clock)
        self.accounts = Accounts(accounts, self.sessions)

    def do(self, coroutine):
        return asyncio.run(coroutine)

    def user(self, email):
        return self.do(self.accounts.by_email(email))

    def all(self):
        users = self.do(self.accounts.select(limit=1000))
        return [s for u in users for s in self.do(self.sessions.select(Query(user_id=u.id, limit=1000)))]


@pytest.fixture(scope="module")
def filled():
    return Filled()


# ── the sample ────────────────────────────────────────────────────────────────────────────────


def test_the_demo_has_the_rules_that_it_shows():
    assert (POLICY.lifetime, POLICY.idle_timeout) == (timedelta(days=30), timedelta(minutes=15))
    assert (POLICY.activity_every, POLICY.rotate_every) == (timedelta(minutes=5), timedelta(minutes=15))


def test_the_user_is_signed_in_on_five_devices_of_three_kinds_in_three_places(filled):
    live = filled.do(filled.sessions.list(filled.user(USER.email).id))
    assert len(live) == 5
    assert {s.device.kind for s in live} == {"desktop", "mobile", "tablet"}
    assert {s.place.city for s in live} == {"Lyon", "New York", "Paris"}
    assert [s.device.name for s in live][:2] == ["Chrome 143 on macOS", "Safari 26 on iOS"]
    assert [s.device.model for s in live if s.device.os == "Android"] == ["Pixel 9"]
    assert len({s.device.id for s in live}) == 5


def test_the_other_devices_leave_one_by_one(filled):
    ada, counts = filled.user(USER.email).id, []
    for minutes in range(0, 18, 2):
        filled.clock.now = NOW + timedelta(minutes=minutes, seconds=1)
        counts.append(len(filled.do(filled.sessions.list(ada))))
    filled.clock.now = NOW
    assert counts == [5, 5, 5, 5, 5, 4, 3, 2, 0]


def test_the_users_past_has_two_expired_and_three_revoked_sessions(filled):
    past = filled.do(filled.sessions.history(filled.user(USER.email).id))
    assert Counter(s.reason for s in past) == {
        None: 2,
        Reason.USER: 1,
        Reason.REPLAY: 1,
        Reason.ADMIN: 1,
    }
    ends = [lifecycle.ended(s, POLICY, NOW) for s in past if s.reason is None]
    assert {end.limit for end in ends if isinstance(end, SessionExpired)} == {"idle", "absolute"}


def test_both_accounts_can_sign_in():
    filled = Filled()
    for person, role in ((USER, "user"), (ADMIN, "admin")):
        user, _ = filled.do(
            filled.accounts.sign_in(
                person.email, person.password, ip=None, start=lambda user: filled.sessions.start(user.id)
            )
        )
        assert user.role == role


def test_the_week_before_has_many_people_and_every_day_of_it(filled):
    others = [s for s in filled.all() if s.created_at <= NOW]
    assert filled.do(filled.accounts.count()) == OTHERS + 2
    assert len({s.user_id for s in others}) == OTHERS + 2
    assert len({s.created_at.date() for s in others if s.created_at > NOW - timedelta(days=7)}) >= 7
    assert {Reason.SIGNED_OUT, Reason.REPLACED, Reason.PASSWORD_CHANGED} <= {s.reason for s in others}


def test_no_record_of_the_sample_contradicts_itself(filled):
    for s in filled.all():
        assert s.created_at <= s.seen_at < s.expires_at <= s.ends_at == s.created_at + POLICY.lifetime
        assert s.seen_at <= NOW
        assert s.revoked_at is None or s.seen_at <= s.revoked_at <= NOW
        assert (s.revoked_at is None) == (s.reason is None)
        assert s.rotated_at is None or s.created_at < s.rotated_at <= s.seen_at


def test_a_live_session_of_the_sample_goes_on():
    filled = Filled()
    (session,) = filled.do(filled.sessions.list(filled.user(ADMIN.email).id))
    refreshed = filled.do(filled.sessions.refresh(derive(session, filled.sessions.keys)))
    assert filled.do(filled.sessions.validate(refreshed.token)).session.id == session.id


def test_the_sample_is_the_same_every_time_except_for_its_secrets():
    def story(filled):
        email = {u.id: u.email for u in filled.do(filled.accounts.select(limit=1000))}
        return sorted(
            (email[s.user_id], s.created_at, s.seen_at, s.device.name, s.ip, str(s.reason))
            for s in filled.all()
        )

    first, second = Filled(), Filled()
    assert story(first) == story(second)
    assert not {s.salt for s in first.all()} & {s.salt for s in second.all()}


def test_every_address_of_the_sample_is_one_for_documentation(filled):
    prefixes = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
    assert all(s.ip.startswith(prefixes) for s in filled.all() if s.ip)


# ── its directory ─────────────────────────────────────────────────────────────────────────────


def made(directory, **more):
    with occupied(directory):
        return asyncio.run(prepare(directory, NOW, **more))


def people(directory):
    async def ids():
        store = open_accounts(f"sqlite:///{directory / 'demo.db'}")
        users = await store.select(limit=1000)
        await store.close()
        return {user.id for user in users}

    return asyncio.run(ids())


def test_the_demo_writes_only_into_its_own_directory(tmp_path):
    directory = tmp_path / "demo"
    assert made(directory)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    written = ("demo.db", "demo.keys", "demo-journal.db")
    assert {path.name for path in directory.iterdir()} == {"README.txt", ".gitignore", *written}
    for name in written:
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
    assert "public" in (directory / "README.txt").read_text()
    keyring.read(directory / "demo.keys")


def test_the_journal_tells_the_week_that_the_sample_lived(tmp_path):
    made(tmp_path)

    async def told() -> tuple[Any, ...]:
        store = SQLiteStore(tmp_path / "demo.db")
        ledger = open_ledger(
            f"sqlite:///{tmp_path}/demo-journal.db", keys=keyring.read(tmp_path / "demo.keys")
        )
        try:
            names = Counter(line.name for line in await ledger.tail(0, 100_000))
            hours = await ledger.series("active", NOW - timedelta(days=6), NOW, "hour")
            report = await ledger.verify()
            news = await ledger.tail(await ledger.alert_cursor(), 1_000)
            live = await store.count(Query(live_at=NOW))
            return names, hours, report, news, live, await store.expire(at=NOW)
        finally:
            await ledger.close()
            await store.close()

    names, hours, report, news, live, unnoticed = asyncio.run(told())
    ended = names["session-revoked"] + names["session-expired"] + names["token-reused"]
    assert names["session-established"] - ended == live
    assert all(hour.known and hour.counts["sessions"] >= hour.counts["users"] for hour in hours)
    assert not report.faults
    assert not news
    assert unnoticed == []  # or they would be told twice


def test_each_start_makes_a_fresh_sample_unless_the_old_one_is_kept(tmp_path):
    made(tmp_path)
    first = people(tmp_path)
    assert made(tmp_path, keep=True) is False
    assert people(tmp_path) == first
    assert made(tmp_path) is True
    assert not people(tmp_path) & first


def test_a_start_that_was_cut_off_is_repeated(tmp_path):
    made(tmp_path)
    (tmp_path / "demo.keys").unlink()
    assert made(tmp_path, keep=True) is True


def test_a_directory_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "letters.txt").write_text("Dear Charles")
    with pytest.raises(SettingsError, match="--directory"), occupied(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_database_without_the_mark_is_not_touched(tmp_path):
    with occupied(tmp_path):
        pass
    real = tmp_path / "demo.db"
    asyncio.run(used(open_store(f"sqlite:///{real}")))
    before = real.read_bytes()
    with pytest.raises(SettingsError, match="not the demo's"):
        made(tmp_path)
    assert real.read_bytes() == before


async def used(store):
    await store.count(Query(live_at=NOW))
    await store.close()


def test_two_demos_do_not_share_a_directory(tmp_path):
    with occupied(tmp_path), pytest.raises(SettingsError, match="another demo"), occupied(tmp_path):
        pass
    with occupied(tmp_path):
        pass


def test_serving_a_demo_as_if_it_were_real_is_refused(tmp_path):
    made(tmp_path)
    assert is_demo(tmp_path / "demo.db")
    with pytest.raises(SettingsError, match="passwords are public; run `sojourn demo`"):
        refuse_demo(f"sqlite:///{tmp_path / 'demo.db'}")


def test_what_is_no_demo_is_not_refused(tmp_path):
    real, text = tmp_path / "real.db", tmp_path / "text.db"
    asyncio.run(used(open_store(f"sqlite:///{real}")))
    text.write_text("no database")
    for url in (
        "memory://",
        "sqlite:///:memory:",
        f"sqlite:///{real}",
        f"sqlite:///{text}",
        "sqlite:///none.db",
    ):
        refuse_demo(url)


def test_the_demos_settings_name_nothing_real(tmp_path):
    settings = load(arguments(tmp_path, 8123), environment={}).settings
    assert settings.policy() == POLICY
    assert settings.origin == "http://127.0.0.1:8123"
    assert settings.store == settings.accounts == f"sqlite:///{tmp_path / 'demo.db'}"
    assert settings.keys_file == tmp_path / "demo.keys"
