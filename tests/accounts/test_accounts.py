"""The verbs of accounts: the same answer for everybody who is refused, and no session left behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sojourn import AsyncSessions, Keys
from sojourn.accounts import Accounts, Find, User
from sojourn.accounts.limits import Rate, Rates
from sojourn.accounts.sqlite import SQLiteAccounts
from sojourn.accounts.store import AccountsStore
from sojourn.errors import (
    AccountExists,
    AccountNotFound,
    EmailRejected,
    Forbidden,
    InvalidCredentials,
    PasswordRejected,
    RateLimited,
    SessionRevoked,
)
from sojourn.events import CredentialsChanged, Event, SignInFailed
from sojourn.session import Reason
from sojourn.sessions import Issued
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from tests.accounts.conftest import ADDRESS, PASSWORD, QuickHasher

SignIn = Callable[..., Awaitable[Issued]]
Start = Callable[[User], Awaitable[Issued]]
Change = Callable[[], Awaitable[object]]
NEW = "another long password"


async def _never(user: User) -> Issued:
    raise AssertionError(f"{user} was let in")


async def reasons(sessions: AsyncSessions, user: User) -> list[Reason | None]:
    """Why each session of *user* has ended; None for one that lives."""
    return [session.reason for session in await sessions.select(Query(user_id=user.id))]


# ── sign up ───────────────────────────────────────────────────────────────────────────────────


async def test_who_signs_up_can_sign_in(accounts: Accounts, sign_in: SignIn, clock: FakeClock) -> None:
    user = await accounts.sign_up(" Grace@Example.org", PASSWORD, "Grace\tHopper")
    assert (user.email, user.name, user.role) == ("grace@example.org", "Grace Hopper", "user")
    assert (user.created_at, user.enabled, user.credentials_version) == (clock(), True, 1)
    assert (await sign_in("GRACE@example.org")).session.user_id == user.id


async def test_an_address_has_one_account(accounts: Accounts, ada: User) -> None:
    with pytest.raises(AccountExists):
        await accounts.sign_up("ADA@example.org", PASSWORD)
    assert await accounts.count() == 1


@pytest.mark.parametrize(
    ("email", "password", "refusal"),
    [("nonsense", PASSWORD, EmailRejected), ("a@example.org", "short", PasswordRejected)],
)
async def test_what_cannot_be_is_refused(
    accounts: Accounts, email: str, password: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await accounts.sign_up(email, password)
    assert await accounts.count() == 0


async def test_no_column_holds_the_password(accounts: Accounts, ada: User, store: AccountsStore) -> None:
    (account,) = await store.accounts_of(ada.id)
    assert (account.type, account.provider) == ("credentials", "password")
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$")


# ── the same answer ───────────────────────────────────────────────────────────────────────────


async def refused(
    sign_in: SignIn, hasher: QuickHasher, email: str, password: str = PASSWORD
) -> tuple[str, str, object, int]:
    """Everything that somebody who guesses is told, and how much work it was."""
    before = hasher.verified
    with pytest.raises(InvalidCredentials) as refusal:
        await sign_in(email, password)
    return refusal.value.code, refusal.value.message, refusal.value.facts, hasher.verified - before


async def test_everybody_who_is_refused_gets_the_same_answer(
    accounts: Accounts, ada: User, sign_in: SignIn, hasher: QuickHasher, sessions: AsyncSessions
) -> None:
    disabled = await accounts.create("disabled@example.org", PASSWORD)
    await accounts.disable(disabled.id)
    await accounts.create("no-password@example.org", None)
    expected = await refused(sign_in, hasher, ada.email, "wrong")
    assert expected[-1] == 1
    assert await refused(sign_in, hasher, "unknown@example.org") == expected
    assert await refused(sign_in, hasher, "not an address \ud800") == expected
    assert await refused(sign_in, hasher, "disabled@example.org") == expected
    assert await refused(sign_in, hasher, "no-password@example.org") == expected
    assert await refused(sign_in, hasher, "no-password@example.org", "") == expected
    assert await sessions.count() == 0


async def test_only_who_proves_to_be_a_banned_user_is_known_for_one(
    accounts: Accounts, ada: User, sign_in: SignIn
) -> None:
    await accounts.disable(ada.id)
    for password, banned in ((PASSWORD, True), ("wrong", False)):
        with pytest.raises(InvalidCredentials) as refusal:
            await sign_in(password=password)
        assert refusal.value.banned is banned


async def test_a_failure_is_told_without_the_address(
    ada: User, sign_in: SignIn, hasher: QuickHasher, events: list[Event], clock: FakeClock
) -> None:
    await refused(sign_in, hasher, ada.email, "wrong")
    await refused(sign_in, hasher, "ADA@example.org", "wrong")
    await refused(sign_in, hasher, "unknown@example.org", "wrong")
    failed = [event for event in events if isinstance(event, SignInFailed)]
    assert failed[0] == failed[1] == SignInFailed(at=clock(), ip=ADDRESS, account=failed[0].account)
    assert failed[0].account != failed[2].account
    assert "ada" not in failed[0].account


async def test_a_hash_with_other_parameters_is_renewed_in_passing(
    accounts: Accounts, ada: User, sign_in: SignIn, store: AccountsStore
) -> None:
    accounts.hasher = QuickHasher(passes=2)
    (before,) = await store.accounts_of(ada.id)
    first = await sign_in()
    (after,) = await store.accounts_of(ada.id)
    assert before.password_hash != after.password_hash
    assert (after.password_hash or "").startswith("$argon2id$v=19$m=8,t=2,p=1$")
    assert await store.get(ada.id) == ada
    await sign_in()
    assert first.session.id in {session.id for session in await accounts.sessions.list(ada.id)}
    assert await store.accounts_of(ada.id) == [after]


# ── limits ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-2.4.1")
@pytest.mark.parametrize("email", ["ada@example.org", "unknown@example.org"])
async def test_an_account_admits_ten_guesses(
    ada: User, sign_in: SignIn, hasher: QuickHasher, clock: FakeClock, email: str
) -> None:
    for number in range(10):
        with pytest.raises(InvalidCredentials):
            await sign_in(email, "wrong", ip=f"192.0.2.{number}")
    before = hasher.verified
    with pytest.raises(RateLimited) as limited:
        await sign_in(email, PASSWORD, ip="198.51.100.1")
    assert limited.value.retry_after == 90
    assert hasher.verified == before
    clock.tick(seconds=90)
    with pytest.raises(InvalidCredentials):
        await sign_in(email, "wrong", ip="198.51.100.2")
    with pytest.raises(RateLimited):
        await sign_in(email, "wrong", ip="198.51.100.3")


@pytest.mark.req("AX-2.4.1")
async def test_an_address_admits_thirty_guesses_at_whatever_account(
    ada: User, sign_in: SignIn, clock: FakeClock
) -> None:
    for number in range(30):
        with pytest.raises(InvalidCredentials):
            await sign_in(f"user{number}@example.org", ip=f"2001:db8::{number:x}")
    with pytest.raises(RateLimited) as limited:
        await sign_in(ip="2001:db8::ffff")
    assert limited.value.retry_after == 10
    assert (await sign_in(ip="2001:db8:0:1::1")).session.user_id == ada.id
    clock.tick(seconds=10)
    assert (await sign_in(ip="2001:db8::1")).session.user_id == ada.id


async def test_success_is_no_guess(ada: User, sign_in: SignIn) -> None:
    for _ in range(15):
        await sign_in(ip=None)


async def test_signing_up_counts_against_the_address(accounts: Accounts) -> None:
    accounts.rates = Rates(address=Rate(2, timedelta(minutes=1)))
    for number in range(2):
        await accounts.sign_up(f"user{number}@example.org", PASSWORD, ip=ADDRESS)
    with pytest.raises(RateLimited):
        await accounts.sign_up("user2@example.org", PASSWORD, ip=ADDRESS)


@pytest.mark.req("AX-2.4.1")
@pytest.mark.parametrize("act", ["reauthenticate", "change_password"])
async def test_who_holds_a_session_may_guess_no_more_often(accounts: Accounts, ada: User, act: str) -> None:
    guess = {
        "reauthenticate": lambda: accounts.reauthenticate(ada.id, "wrong", ip=None),
        "change_password": lambda: accounts.change_password(ada.id, "wrong", NEW, keep=None),
    }[act]
    for _ in range(10):
        with pytest.raises(InvalidCredentials):
            await guess()
    with pytest.raises(RateLimited):
        await accounts.reauthenticate(ada.id, PASSWORD, ip=None)


async def test_limits_are_kept_under_keyed_hashes(path: Path, keys: Keys, hasher: QuickHasher) -> None:
    store = SQLiteAccounts(path)
    accounts = Accounts(store, AsyncSessions(MemoryStore(), keys=keys), hasher=hasher)
    with pytest.raises(InvalidCredentials):
        await accounts.sign_in("ada@example.org", PASSWORD, ip=ADDRESS, start=_never)
    rows = await store.engine.scan(lambda db: db.execute("select key from rate_limits").fetchall())
    assert len(rows) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", key) for (key,) in rows)
    await store.close()


async def test_purge_forgets_what_holds_nobody_up(
    accounts: Accounts, ada: User, sign_in: SignIn, clock: FakeClock
) -> None:
    await sign_in()
    clock.tick(hours=1)
    assert await accounts.purge() == 2
    assert await accounts.purge() == 0


async def test_closing_lets_go_of_the_store_until_its_next_use(accounts: Accounts, ada: User) -> None:
    await accounts.close()
    assert await accounts.get(ada.id) == ada


# ── re-authentication and passwords ───────────────────────────────────────────────────────────


async def test_reauthentication_asks_for_the_password(accounts: Accounts, ada: User) -> None:
    assert await accounts.reauthenticate(ada.id, PASSWORD, ip=ADDRESS) == ada
    for user_id, password in ((ada.id, "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(InvalidCredentials):
            await accounts.reauthenticate(user_id, password, ip=ADDRESS)


async def test_a_reauthentication_that_was_overtaken_is_refused(
    accounts: Accounts, ada: User, hasher: QuickHasher
) -> None:
    hasher.before = lambda: accounts.set_password(ada.id, NEW)
    with pytest.raises(InvalidCredentials):
        await accounts.reauthenticate(ada.id, PASSWORD, ip=ADDRESS)


@pytest.mark.req("A7-7.4.3")
async def test_a_changed_password_ends_the_other_sessions(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    mine, *others = [await sign_in() for _ in range(3)]
    assert await accounts.change_password(ada.id, PASSWORD, NEW, keep=mine.session.id) == 2
    assert (await sessions.validate(mine.token)).session.id == mine.session.id
    for other in others:
        with pytest.raises(SessionRevoked) as refusal:
            await sessions.validate(other.token)
        assert refusal.value.reason is Reason.PASSWORD_CHANGED
    with pytest.raises(InvalidCredentials):
        await sign_in()
    await sign_in(password=NEW)


@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [("wrong", NEW, InvalidCredentials), (PASSWORD, "short", PasswordRejected)],
)
async def test_a_refused_change_changes_nothing(
    accounts: Accounts, ada: User, sign_in: SignIn, current: str, new: str, refusal: type[Exception]
) -> None:
    mine = await sign_in()
    with pytest.raises(refusal):
        await accounts.change_password(ada.id, current, new, keep=None)
    assert await accounts.get(ada.id) == ada
    assert [session.id for session in await accounts.sessions.list(ada.id)] == [mine.session.id]
    await sign_in()


async def test_of_two_who_know_the_old_password_one_changes_it(accounts: Accounts, ada: User) -> None:
    results = await asyncio.gather(
        *(accounts.change_password(ada.id, PASSWORD, f"{NEW} {number}", keep=None) for number in range(2)),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {int, InvalidCredentials}


async def test_a_user_who_is_deleted_meanwhile_gets_no_password(
    accounts: Accounts, ada: User, hasher: QuickHasher
) -> None:
    hasher.before = lambda: accounts.delete(ada.id)
    with pytest.raises(AccountNotFound):
        await accounts.set_password(ada.id, NEW)
    assert await accounts.get(ada.id) is None


@pytest.mark.req("A7-7.4.3")
async def test_a_password_that_an_administrator_sets_ends_all_sessions(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    await sign_in()
    assert await accounts.set_password(ada.id, NEW, by="grace") == 1
    assert await reasons(sessions, ada) == [Reason.PASSWORD_CHANGED]
    await sign_in(password=NEW)
    with pytest.raises(AccountNotFound):
        await accounts.set_password("nobody", NEW)
    with pytest.raises(PasswordRejected):
        await accounts.set_password(ada.id, ada.email)


async def test_who_had_no_password_gets_one(accounts: Accounts, sign_in: SignIn) -> None:
    user = await accounts.create("grace@example.org", None)
    await accounts.set_password(user.id, PASSWORD)
    assert (await sign_in("grace@example.org")).session.user_id == user.id


# ── told ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def changes(sessions: AsyncSessions) -> list[CredentialsChanged]:
    found: list[CredentialsChanged] = []

    def hear(event: Event) -> None:
        if isinstance(event, CredentialsChanged):
            found.append(event)

    sessions.listen(hear)
    return found


@pytest.mark.req("AX-6.3.7")
async def test_a_changed_password_is_told(
    accounts: Accounts, ada: User, sign_in: SignIn, changes: list[CredentialsChanged], clock: FakeClock
) -> None:
    mine = await sign_in()
    await accounts.change_password(ada.id, PASSWORD, NEW, keep=mine.session.id, ip=ADDRESS)
    await accounts.set_password(ada.id, PASSWORD, by="grace")
    common: dict[str, Any] = {"at": clock(), "user_id": ada.id}
    assert changes == [
        CredentialsChanged(change="password", by=ada.id, session_id=mine.session.id, ip=ADDRESS, **common),
        CredentialsChanged(change="password-set", by="grace", **common),
    ]
    assert all(secret not in repr(changes) for secret in (PASSWORD, NEW))


@pytest.mark.req("AX-6.3.7")
async def test_another_address_is_told_with_the_one_before(
    accounts: Accounts, ada: User, changes: list[CredentialsChanged]
) -> None:
    await accounts.update(ada.id, email="new@example.org", by="grace")
    (told,) = changes
    assert (told.change, told.before, told.by) == ("email", ada.email, "grace")


async def test_what_did_not_change_how_somebody_signs_in_is_not_told(
    accounts: Accounts, ada: User, sign_in: SignIn, changes: list[CredentialsChanged]
) -> None:
    await sign_in()
    await accounts.reauthenticate(ada.id, PASSWORD, ip=None)
    await accounts.update(ada.id, name="Ada L.", email=ada.email.upper())
    await accounts.create("grace@example.org", PASSWORD)
    with pytest.raises(InvalidCredentials):
        await accounts.change_password(ada.id, "wrong", NEW, keep=None)
    with pytest.raises(PasswordRejected):
        await accounts.set_password(ada.id, "short")
    with pytest.raises(AccountNotFound):
        await accounts.set_password("nobody", NEW)
    assert changes == []


# ── the state of an account ───────────────────────────────────────────────────────────────────


@pytest.mark.req("A7-7.4.2")
@pytest.mark.parametrize(
    ("act", "reason"), [("disable", Reason.ACCOUNT_DISABLED), ("delete", Reason.ACCOUNT_DELETED)]
)
async def test_without_an_account_there_is_no_session(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions, act: str, reason: Reason
) -> None:
    issued = [await sign_in() for _ in range(3)]
    assert await getattr(accounts, act)(ada.id, by="grace") == 3
    for one in issued:
        with pytest.raises(SessionRevoked):
            await sessions.validate(one.token)
        with pytest.raises(SessionRevoked):
            await sessions.refresh(one.token)
    ended = await sessions.select(Query(user_id=ada.id))
    assert {(session.reason, session.revoked_by) for session in ended} == {(reason, "grace")}
    assert await sessions.count() == 0
    with pytest.raises(InvalidCredentials):
        await sign_in()


async def test_who_is_enabled_again_signs_in_anew(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    await sign_in()
    await accounts.disable(ada.id)
    user = await accounts.enable(ada.id)
    assert user.enabled
    assert await sessions.list(ada.id) == []
    assert (await sign_in()).session.user_id == ada.id


async def test_a_new_role_renews_the_sessions(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    mine = await sign_in()
    assert (await accounts.set_role(ada.id, "admin")).role == "admin"
    validated = await sessions.validate(mine.token)
    assert validated.token not in (None, mine.token)


async def test_a_deletion_that_was_cut_off_can_be_repeated(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions, store: AccountsStore
) -> None:
    await sign_in()
    await store.delete(ada.id)
    with pytest.raises(AccountNotFound):
        await accounts.delete(ada.id)
    assert await sessions.count() == 0


async def test_the_last_administrator_stays_one(
    accounts: Accounts, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    admin = await accounts.create("ada@example.org", PASSWORD, role="admin")
    await sign_in()
    for act in (accounts.disable(admin.id), accounts.delete(admin.id), accounts.set_role(admin.id, "user")):
        with pytest.raises(Forbidden, match="last administrator"):
            await act
    assert await accounts.get(admin.id) == admin
    assert await sessions.count() == 1
    await accounts.create("grace@example.org", PASSWORD, role="admin")
    assert await accounts.delete(admin.id) == 1


async def test_nobody_is_not_found(accounts: Accounts) -> None:
    for act in (
        accounts.disable("nobody"),
        accounts.enable("nobody"),
        accounts.delete("nobody"),
        accounts.set_role("nobody", "admin"),
    ):
        with pytest.raises(AccountNotFound):
            await act
    assert await accounts.get("nobody") is None
    assert await accounts.by_email("nobody@example.org") is None
    assert await accounts.by_email("nonsense") is None


async def test_users_are_found(accounts: Accounts, ada: User) -> None:
    grace = await accounts.create("grace@example.org", None)
    assert await accounts.by_email(" ADA@example.org") == ada
    assert {user.id for user in await accounts.select()} == {ada.id, grace.id}
    assert await accounts.select(search="GRACE") == [grace]
    assert await accounts.count(search="example") == 2


# ── a sign-in and a change at the same moment ─────────────────────────────────────────────────

CHANGES: dict[str, Callable[[Accounts, User], Awaitable[object]]] = {
    "change_password": lambda a, user: a.change_password(user.id, PASSWORD, NEW, keep=None),
    "set_password": lambda a, user: a.set_password(user.id, NEW),
    "disable": lambda a, user: a.disable(user.id),
    "delete": lambda a, user: a.delete(user.id),
    "set_role": lambda a, user: a.set_role(user.id, "admin"),
}
RAISES: dict[str, Callable[[AccountsStore, FakeClock, User], Awaitable[object]]] = {
    "set_password": lambda store, _, user: store.set_password(user.id, "hash"),
    "disable": lambda store, clock, user: store.set_disabled(user.id, clock()),
    "delete": lambda store, _, user: store.delete(user.id),
}


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest, accounts: Accounts, ada: User) -> Change:
    return lambda: CHANGES[request.param](accounts, ada)


async def left_behind(sessions: AsyncSessions, attempt: Awaitable[object]) -> int:
    """How many sessions live after *attempt* was refused."""
    with pytest.raises(InvalidCredentials):
        await attempt
    return await sessions.count()


@pytest.mark.req("A7-7.4.2")
@pytest.mark.req("A7-7.4.3")
async def test_a_change_before_the_session_leaves_none(
    sign_in: SignIn, sessions: AsyncSessions, start: Start, change: Change
) -> None:
    async def overtaken(user: User) -> Issued:
        await change()
        return await start(user)

    assert await left_behind(sessions, sign_in(start=overtaken)) == 0


@pytest.mark.req("A7-7.4.2")
@pytest.mark.req("A7-7.4.3")
async def test_a_change_right_after_the_session_leaves_none(
    sign_in: SignIn, sessions: AsyncSessions, start: Start, change: Change
) -> None:
    async def overtaken(user: User) -> Issued:
        issued = await start(user)
        await change()
        return issued

    assert await left_behind(sessions, sign_in(start=overtaken)) == 0


async def test_a_change_while_the_password_is_verified_leaves_none(
    sign_in: SignIn, sessions: AsyncSessions, hasher: QuickHasher, change: Change
) -> None:
    hasher.before = change
    assert await left_behind(sessions, sign_in()) == 0


@pytest.mark.parametrize("verb", RAISES)
async def test_a_change_that_has_ended_no_session_yet_leaves_none(
    ada: User,
    sign_in: SignIn,
    sessions: AsyncSessions,
    store: AccountsStore,
    clock: FakeClock,
    start: Start,
    verb: str,
) -> None:
    async def overtaken(user: User) -> Issued:
        issued = await start(user)
        await RAISES[verb](store, clock, user)
        return issued

    assert await left_behind(sessions, sign_in(start=overtaken)) == 0
    assert await reasons(sessions, ada) == [Reason.SYSTEM]


async def test_a_change_after_the_sign_in_ends_its_session(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    await sign_in()
    await accounts.change_password(ada.id, PASSWORD, NEW, keep=None)
    assert await sessions.count() == 0


@pytest.mark.parametrize("verb", ["change_password", "disable", "delete"])
async def test_many_sign_ins_at_once_with_a_change_leave_none(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions, verb: str
) -> None:
    accounts.rates = Rates(account=Rate(1000, timedelta(seconds=1)))
    attempts = [sign_in(ip=None) for _ in range(12)]
    results = await asyncio.gather(
        *attempts[:6], CHANGES[verb](accounts, ada), *attempts[6:], return_exceptions=True
    )
    assert {type(result) for result in results} <= {Issued, InvalidCredentials, int}
    assert await sessions.count() == 0


# ── profiles and bans ─────────────────────────────────────────────────────────────────────────


async def test_a_profile_is_cleaned_as_a_new_one_is(accounts: Accounts, ada: User, clock: FakeClock) -> None:
    later = clock.tick(hours=1)
    user = await accounts.update(
        ada.id, name=" Ada\n Lovelace\u202e", email=" ADA@Example.NET", image="https://example.org/a.png"
    )
    assert (user.name, user.email) == ("Ada Lovelace", "ada@example.net")
    assert (user.image, user.updated_at, user.created_at) == (
        "https://example.org/a.png",
        later,
        ada.created_at,
    )
    assert (await accounts.update(ada.id, name=" ")).name == "ada"


@pytest.mark.parametrize(
    "image",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.org/a.png",
        "https://",
        "https://a b",
        "https://[",
        "",
    ],
)
async def test_what_a_page_might_run_is_no_picture(accounts: Accounts, ada: User, image: str) -> None:
    assert (await accounts.update(ada.id, image=image)).image is None
    assert (await accounts.sign_up("grace@example.org", PASSWORD, image=image)).image is None


async def test_an_address_that_is_taken_or_none_is_refused(accounts: Accounts, ada: User) -> None:
    await accounts.create("grace@example.org", None)
    with pytest.raises(AccountExists):
        await accounts.update(ada.id, email="GRACE@example.org")
    with pytest.raises(EmailRejected):
        await accounts.update(ada.id, email="nonsense")
    with pytest.raises(AccountNotFound):
        await accounts.update("nobody", name="Ada")
    assert await accounts.get(ada.id) == ada


async def test_a_new_address_signs_in_and_the_old_one_does_not(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions
) -> None:
    mine = await sign_in()
    await accounts.update(ada.id, email="new@example.org")
    with pytest.raises(InvalidCredentials):
        await sign_in()
    assert (await sign_in("new@example.org")).session.user_id == ada.id
    assert (await sessions.validate(mine.token)).session.user_id == ada.id


@pytest.mark.req("A7-7.4.2")
async def test_a_ban_ends_sessions_and_ends_itself(
    accounts: Accounts, ada: User, sign_in: SignIn, sessions: AsyncSessions, clock: FakeClock
) -> None:
    await sign_in()
    until = clock() + timedelta(hours=1)
    assert await accounts.disable(ada.id, by="grace", until=until, note="x" * 1000) == 1
    banned = await accounts.get(ada.id)
    assert banned is not None
    assert (banned.disabled_until, banned.disabled_note) == (until, "x" * 255)
    clock.tick(minutes=59)
    with pytest.raises(InvalidCredentials):
        await sign_in()
    clock.tick(minutes=1)
    with pytest.raises(InvalidCredentials):
        await sign_in(password="wrong")
    assert await accounts.get(ada.id) == banned
    await sign_in()
    after = await accounts.get(ada.id)
    assert after is not None
    assert (after.enabled, after.disabled_until, after.disabled_note) == (True, None, None)
    assert await sessions.count() == 1


async def test_many_sign_ins_after_a_ban_all_succeed(
    accounts: Accounts, ada: User, sign_in: SignIn, clock: FakeClock
) -> None:
    await accounts.disable(ada.id, until=clock() + timedelta(hours=1))
    clock.tick(hours=1)
    assert len({one.session.id for one in await asyncio.gather(*(sign_in() for _ in range(6)))}) == 6


async def test_a_new_ban_is_not_lifted_by_the_end_of_the_old_one(
    accounts: Accounts, ada: User, sign_in: SignIn, hasher: QuickHasher, clock: FakeClock
) -> None:
    await accounts.disable(ada.id, until=clock() + timedelta(hours=1))
    clock.tick(hours=1)
    hasher.before = lambda: accounts.disable(ada.id)
    with pytest.raises(InvalidCredentials):
        await sign_in()
    banned = await accounts.get(ada.id)
    assert banned is not None
    assert (banned.enabled, banned.disabled_until) == (False, None)


async def test_the_last_administrator_cannot_be_banned_for_a_while_either(accounts: Accounts) -> None:
    one = await accounts.create("one@example.org", None, role="admin")
    two = await accounts.create("two@example.org", None, role="admin")
    until = accounts.clock() + timedelta(minutes=1)
    await accounts.disable(one.id, until=until)
    with pytest.raises(Forbidden, match="last administrator"):
        await accounts.disable(two.id, until=until)
    await accounts.enable(one.id)
    await accounts.disable(two.id, until=until)


async def test_users_are_asked_for(accounts: Accounts, ada: User) -> None:
    await accounts.create("grace@example.org", None)
    assert await accounts.find(Find(search="ADA")) == ([ada], 1)
    assert (await accounts.find(Find(limit=1)))[1] == 2


# ── an idle timeout of their own ──────────────────────────────────────────────────────────────


async def test_an_idle_timeout_is_for_the_account_and_for_all_that_live(
    accounts: Accounts, ada: User
) -> None:
    sessions, hour = accounts.sessions, timedelta(hours=1)
    for _ in range(2):
        await sessions.start(ada.id)
    await sessions.start("somebody else")
    assert await accounts.limit_idle(ada.id, hour) == 2
    known = await accounts.get(ada.id)
    assert known is not None
    assert (known.idle_timeout, known.credentials_version) == (hour, ada.credentials_version)
    assert {session.idle_timeout for session in await sessions.list(ada.id)} == {hour}
    assert {session.idle_timeout for session in await sessions.list("somebody else")} == {None}


async def test_nobody_without_an_account_has_an_idle_timeout_of_their_own(accounts: Accounts) -> None:
    with pytest.raises(AccountNotFound):
        await accounts.limit_idle("nobody", timedelta(hours=1))
