"""Signing in by the word of a provider: whose account it is, and that nobody gets another's by an address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace as _replaced

from sojourn import AsyncSessions
from sojourn.accounts import Accounts, Proof, ProviderTokens, User
from sojourn.accounts.limits import Rate, Rates
from sojourn.accounts.store import AccountsStore
from sojourn.accounts.user import Account
from sojourn.errors import (
    AccountExists,
    AccountNotFound,
    EmailRejected,
    Forbidden,
    InvalidCredentials,
    LastWayIn,
    RateLimited,
)
from sojourn.events import CredentialsChanged, Event, SignInFailed
from sojourn.sessions import Issued
from sojourn.testing import FakeClock
from tests.accounts.conftest import ADDRESS, PASSWORD

Start = Callable[[User], Awaitable[Issued]]
SignInWith = Callable[..., Awaitable[User]]
TOKENS = ProviderTokens(
    access_token="access-1", refresh_token="refresh-1", id_token="id-token-1", scope="openid email"
)
PROOF = Proof(
    provider="example",
    subject="sub-1",
    email="Ada@Example.org",
    email_verified=True,
    trusted_email=True,
    name="Ada\tL.",
    image="https://example.org/ada.png",
    tokens=TOKENS,
)


@pytest.fixture
def sign_in_with(accounts: Accounts, start: Start) -> SignInWith:
    async def sign_in_with(
        proof: Proof = PROOF, *, start: Start = start, sign_up_open: bool = True, **fields: Any
    ) -> User:
        user, issued = await accounts.sign_in_with(
            _replaced(proof, **fields), ip=ADDRESS, start=start, sign_up_open=sign_up_open
        )
        assert issued.session.user_id == user.id
        return user

    return sign_in_with


# ── somebody new ──────────────────────────────────────────────────────────────────────────────


async def test_who_is_new_gets_an_account(
    accounts: Accounts, sign_in_with: SignInWith, clock: FakeClock
) -> None:
    user = await sign_in_with()
    assert (user.email, user.name, user.image) == ("ada@example.org", "Ada L.", PROOF.image)
    assert (user.email_verified_at, user.created_at, user.role) == (clock(), clock(), "user")
    (way,) = await accounts.ways(user.id)
    assert (way.type, way.provider, way.provider_account_id) == ("oidc", "example", "sub-1")
    assert (way.created_at, way.updated_at, way.scope) == (clock(), clock(), "openid email")
    assert await accounts.get(user.id) == user


@pytest.mark.parametrize("word", [{"email_verified": False}, {"trusted_email": False}])
async def test_an_address_is_verified_only_by_whom_we_trust(
    sign_in_with: SignInWith, word: dict[str, bool]
) -> None:
    assert (await sign_in_with(**word)).email_verified_at is None


@pytest.mark.parametrize("email", [None, "", "nonsense", "\ud800@example.org"])
async def test_without_an_address_there_is_no_account(
    accounts: Accounts, sign_in_with: SignInWith, email: str | None
) -> None:
    with pytest.raises(EmailRejected, match="example did not tell"):
        await sign_in_with(email=email)
    assert await accounts.count() == 0


async def test_a_twin_that_was_faster_is_the_same_person(
    accounts: Accounts, sign_in_with: SignInWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, by_account = await sign_in_with(trusted_email=False), accounts.store.by_account
    asked: list[tuple[str, ...]] = []

    async def late(*subject: str) -> object:
        asked.append(subject)
        return None if len(asked) == 1 else await by_account(*subject)

    monkeypatch.setattr(accounts.store, "by_account", late)
    assert (await sign_in_with(trusted_email=False)).id == first.id


async def test_nobody_is_added_where_nobody_may_sign_up(
    accounts: Accounts, sign_in_with: SignInWith, sessions: AsyncSessions
) -> None:
    with pytest.raises(Forbidden):
        await sign_in_with(sign_up_open=False)
    assert (await accounts.count(), await sessions.count()) == (0, 0)


async def test_who_is_known_signs_in_where_nobody_may_sign_up(sign_in_with: SignInWith) -> None:
    assert await sign_in_with() == await sign_in_with(sign_up_open=False)


async def test_many_sign_ins_of_somebody_new_at_once_make_one_user(
    accounts: Accounts, sign_in_with: SignInWith, sessions: AsyncSessions
) -> None:
    users = await asyncio.gather(*(sign_in_with() for _ in range(8)))
    assert len({user.id for user in users}) == 1
    assert (await accounts.count(), await sessions.count()) == (1, 8)


async def test_two_people_with_one_address_at_once_do_not_share_an_account(
    accounts: Accounts, sign_in_with: SignInWith
) -> None:
    done = await asyncio.gather(
        *(sign_in_with(subject=f"sub-{number}", email_verified=False) for number in range(6)),
        return_exceptions=True,
    )
    assert [type(one) for one in done].count(User) == 1
    assert [type(one) for one in done].count(AccountExists) == 5
    assert await accounts.count() == 1


# ── somebody known ────────────────────────────────────────────────────────────────────────────


async def test_who_is_known_is_known_by_the_subject_alone(
    sign_in_with: SignInWith, accounts: Accounts
) -> None:
    first = await sign_in_with()
    again = await sign_in_with(email="other@example.org", email_verified=False, name="Other", image=None)
    assert again == first
    assert await sign_in_with(email=None) == first
    assert await accounts.count() == 1


async def test_one_subject_at_two_providers_is_two_people(sign_in_with: SignInWith) -> None:
    first = await sign_in_with(email="ada@example.org")
    other = await sign_in_with(provider="another", email="eve@example.org")
    assert first.id != other.id


async def test_somebody_elses_user_id_is_no_subject() -> None:
    """A password is an account under the user's id; no provider may name that one."""
    wrongs: list[dict[str, Any]] = [
        {"provider": "password"},
        {"provider": ""},
        {"subject": ""},
        {"subject": "s" * 256},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="proves nothing"):
            Proof(**({"provider": "example", "subject": "sub-1"} | wrong))
    with pytest.raises(ValueError, match="surrogates"):
        Proof(provider="example", subject="\ud800")


async def test_a_sign_in_brings_the_tokens_up_to_date(
    accounts: Accounts, sign_in_with: SignInWith, clock: FakeClock
) -> None:
    user = await sign_in_with()
    first, later = clock(), clock.tick(hours=1)
    await sign_in_with(tokens=ProviderTokens(access_token="access-2", expires_at=later))
    account = await accounts.provider_tokens(user.id, "example")
    assert account is not None
    assert (account.access_token, account.refresh_token, account.id_token) == ("access-2", "refresh-1", None)
    assert (account.created_at, account.updated_at, account.expires_at) == (first, later, later)


# ── an address that is known ──────────────────────────────────────────────────────────────────


async def test_a_verified_address_connects(
    accounts: Accounts, ada: User, sign_in_with: SignInWith, clock: FakeClock
) -> None:
    await accounts.update(ada.id, email_verified=True)
    assert (await sign_in_with()).id == ada.id
    assert [way.provider for way in await accounts.ways(ada.id)] == ["example", "password"]
    assert await accounts.count() == 1


@pytest.mark.parametrize("word", [{"email_verified": False}, {"trusted_email": False}])
@pytest.mark.parametrize("password", [PASSWORD, None])
async def test_the_word_of_anybody_does_not_connect(
    accounts: Accounts, sign_in_with: SignInWith, word: dict[str, bool], password: str | None
) -> None:
    ada = await accounts.create("ada@example.org", password, email_verified_at=accounts.clock())
    with pytest.raises(AccountExists, match=r"Sign in with your password first, then connect example"):
        await sign_in_with(**word)
    assert "example" not in [way.provider for way in await accounts.ways(ada.id)]


async def test_an_unverified_account_is_never_connected_by_its_address(
    accounts: Accounts, ada: User, sign_in_with: SignInWith, sessions: AsyncSessions
) -> None:
    """Somebody signed up with Ada's address, and waits for her to come by her provider."""
    with pytest.raises(AccountExists):
        await sign_in_with()
    assert [way.provider for way in await accounts.ways(ada.id)] == ["password"]
    assert await sessions.count() == 0


async def test_nor_is_one_that_an_untrusted_provider_prepared(
    accounts: Accounts, sign_in_with: SignInWith
) -> None:
    """Some providers let anybody say whose an address is, and call it verified."""
    prepared = await sign_in_with(provider="sloppy", trusted_email=False)
    with pytest.raises(AccountExists):
        await sign_in_with()
    assert [way.provider for way in await accounts.ways(prepared.id)] == ["sloppy"]


async def test_nor_is_one_whose_address_was_changed_to_it(
    accounts: Accounts, sign_in_with: SignInWith
) -> None:
    eve = await accounts.create("eve@example.org", PASSWORD, email_verified_at=accounts.clock())
    await accounts.update(eve.id, email="ada@example.org")
    with pytest.raises(AccountExists):
        await sign_in_with()


async def test_an_account_that_nobody_could_open_is_its_owners(
    accounts: Accounts, sign_in_with: SignInWith, clock: FakeClock
) -> None:
    invited = await accounts.create("ada@example.org", None, "Ada")
    user = await sign_in_with()
    assert user == _replaced(invited, email_verified_at=clock())
    assert await accounts.get(invited.id) == user


@pytest.mark.parametrize("act", ["password", "address"])
async def test_what_changes_meanwhile_is_judged_anew(
    accounts: Accounts, sign_in_with: SignInWith, store: AccountsStore, act: str
) -> None:
    """The account could be connected when it was read, and can no more when that is written."""
    ada = await accounts.create("ada@example.org", None, "Ada")
    read = store.accounts_of

    async def overtaken(user_id: str) -> list[Account]:
        found = await read(user_id)
        store.accounts_of = read  # type: ignore[method-assign]
        if act == "password":
            await accounts.set_password(ada.id, PASSWORD)
        else:
            await accounts.update(ada.id, email="elsewhere@example.org")
        return found

    store.accounts_of = overtaken  # type: ignore[method-assign]
    if act == "password":
        with pytest.raises(AccountExists):
            await sign_in_with()
    else:
        assert (await sign_in_with()).id != ada.id
    assert "example" not in [way.provider for way in await accounts.ways(ada.id)]


# ── who may not ───────────────────────────────────────────────────────────────────────────────


async def test_a_disabled_user_is_refused_and_told_of(
    accounts: Accounts, sign_in_with: SignInWith, sessions: AsyncSessions, events: list[Event]
) -> None:
    user = await sign_in_with()
    await accounts.disable(user.id)
    with pytest.raises(InvalidCredentials) as refusal:
        await sign_in_with(tokens=ProviderTokens(access_token="access-2"))
    assert refusal.value.banned
    assert await sessions.count() == 0
    account = await accounts.provider_tokens(user.id, "example")
    assert account is not None
    assert account.access_token == "access-1"
    (failed,) = [event for event in events if isinstance(event, SignInFailed)]
    assert failed.ip == ADDRESS
    assert "sub-1" not in failed.account


async def test_a_disabled_user_is_not_connected(
    accounts: Accounts, ada: User, sign_in_with: SignInWith
) -> None:
    await accounts.update(ada.id, email_verified=True)
    await accounts.disable(ada.id)
    with pytest.raises(InvalidCredentials):
        await sign_in_with()
    assert [way.provider for way in await accounts.ways(ada.id)] == ["password"]


async def test_a_ban_that_is_over_lets_in(
    accounts: Accounts, sign_in_with: SignInWith, clock: FakeClock
) -> None:
    user = await sign_in_with()
    await accounts.disable(user.id, until=clock() + timedelta(hours=1), note="spam")
    clock.tick(minutes=59)
    with pytest.raises(InvalidCredentials):
        await sign_in_with()
    clock.tick(minutes=1)
    again = await sign_in_with()
    assert (again.enabled, again.disabled_until, again.disabled_note) == (True, None, None)
    assert await accounts.get(user.id) == again


CHANGES: dict[str, Callable[[Accounts, User], Awaitable[object]]] = {
    "disable": lambda a, user: a.disable(user.id),
    "delete": lambda a, user: a.delete(user.id),
    "set_password": lambda a, user: a.set_password(user.id, PASSWORD),
    "unlink": lambda a, user: a.unlink(user.id, "example"),
    "address": lambda a, user: a.update(user.id, email="new@example.org"),
}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_at_the_moment_of_signing_in_leaves_no_session(
    accounts: Accounts,
    sign_in_with: SignInWith,
    start: Start,
    sessions: AsyncSessions,
    store: AccountsStore,
    change: str,
    before: bool,
) -> None:
    user = await sign_in_with()
    await accounts.link(user.id, _replaced(PROOF, provider="another"))
    await sessions.revoke_all(user.id)

    async def overtaken(user: User) -> Issued:
        if before:
            await CHANGES[change](accounts, user)
        issued = await start(user)
        if not before:
            await CHANGES[change](accounts, user)
        return issued

    with pytest.raises(InvalidCredentials):
        await sign_in_with(start=overtaken)
    assert await sessions.count() == 0


async def test_signing_in_with_a_provider_counts_against_the_address(
    accounts: Accounts, sign_in_with: SignInWith
) -> None:
    accounts.rates = Rates(address=Rate(2, timedelta(minutes=1)))
    await sign_in_with()
    await sign_in_with()
    with pytest.raises(RateLimited):
        await sign_in_with()


# ── connecting and disconnecting ──────────────────────────────────────────────────────────────


async def test_who_is_signed_in_connects_whatever_the_address(
    accounts: Accounts, ada: User, sign_in_with: SignInWith
) -> None:
    other = _replaced(PROOF, email="work@example.net", email_verified=False)
    account = await accounts.link(ada.id, other)
    assert (account.user_id, account.access_token, account.id_token) == (ada.id, None, None)
    assert await accounts.get(ada.id) == ada
    assert (await sign_in_with(other)).id == ada.id


@pytest.mark.parametrize(
    ("fields", "verified"),
    [
        ({}, True),
        ({"email": "work@example.net"}, False),
        ({"email_verified": False}, False),
        ({"trusted_email": False}, False),
    ],
)
async def test_connecting_verifies_the_address_that_is_vouched_for(
    accounts: Accounts, ada: User, fields: dict[str, Any], verified: bool
) -> None:
    await accounts.link(ada.id, _replaced(PROOF, **fields))
    user = await accounts.get(ada.id)
    assert user is not None
    assert (user.email_verified_at is not None) is verified


async def test_connecting_again_brings_the_tokens_up_to_date(
    accounts: Accounts, ada: User, clock: FakeClock
) -> None:
    first = await accounts.link(ada.id, PROOF)
    clock.tick(hours=1)
    again = await accounts.link(ada.id, _replaced(PROOF, tokens=ProviderTokens(access_token="access-2")))
    assert (again.created_at, again.updated_at) == (first.created_at, clock())
    account = await accounts.provider_tokens(ada.id, "example", "sub-1")
    assert account is not None
    assert account.access_token == "access-2"


async def test_what_is_connected_to_somebody_is_connected_to_nobody_else(
    accounts: Accounts, ada: User, sign_in_with: SignInWith
) -> None:
    other = await sign_in_with(email="grace@example.org")
    with pytest.raises(AccountExists):
        await accounts.link(ada.id, PROOF)
    assert (await sign_in_with()).id == other.id


async def test_nobody_and_who_is_disabled_connect_nothing(accounts: Accounts, ada: User) -> None:
    with pytest.raises(AccountNotFound):
        await accounts.link("nobody", PROOF)
    await accounts.disable(ada.id)
    with pytest.raises(Forbidden):
        await accounts.link(ada.id, PROOF)
    assert len(await accounts.ways(ada.id)) == 1


async def test_a_way_is_taken_away_and_sessions_go_on(
    accounts: Accounts, ada: User, sign_in_with: SignInWith, sessions: AsyncSessions
) -> None:
    await accounts.link(ada.id, PROOF)
    await sign_in_with()
    assert await accounts.unlink(ada.id, "example") == 1
    assert await accounts.unlink(ada.id, "example") == 0
    assert await sessions.count() == 1
    with pytest.raises(AccountExists):
        await sign_in_with(email_verified=False)


async def test_the_last_way_in_stays(accounts: Accounts, sign_in_with: SignInWith, ada: User) -> None:
    user = await sign_in_with(email="grace@example.org")
    for given in (("example",), ("example", "sub-1")):
        with pytest.raises(LastWayIn):
            await accounts.unlink(user.id, *given)
    assert await accounts.unlink(user.id, "example", "sub-2") == 0
    with pytest.raises(LastWayIn):
        await accounts.unlink(ada.id, "password")
    assert (await sign_in_with()).id == user.id


async def test_of_two_ways_that_go_at_once_one_stays(accounts: Accounts, ada: User) -> None:
    await accounts.link(ada.id, PROOF)
    done = await asyncio.gather(
        accounts.unlink(ada.id, "example"), accounts.unlink(ada.id, "password"), return_exceptions=True
    )
    assert {type(one) for one in done} == {int, LastWayIn}
    assert len(await accounts.ways(ada.id)) == 1


# ── told ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("AX-6.3.7")
async def test_each_way_in_that_comes_or_goes_is_told_once(
    accounts: Accounts, sessions: AsyncSessions, ada: User
) -> None:
    changes: list[Event] = []
    sessions.listen(changes.append)

    def told() -> list[tuple[str | None, ...]]:
        found = [event for event in changes if isinstance(event, CredentialsChanged)]
        return [(event.change, event.provider, event.user_id, event.by) for event in found]

    await accounts.link(ada.id, PROOF)
    await accounts.link(ada.id, PROOF)  # its tokens alone are brought up to date
    linked = ("linked", "example", ada.id, ada.id)
    assert told() == [linked]
    assert await accounts.unlink(ada.id, "nobody") == 0
    assert await accounts.unlink(ada.id, "example") == 1
    assert told() == [linked, ("unlinked", "example", ada.id, ada.id)]
    assert all(secret not in repr(changes) for secret in ("access-1", "refresh-1", "id-token-1", "sub-1"))


@pytest.mark.req("AX-6.3.7")
async def test_an_account_that_a_sign_in_connects_by_its_address_is_told(
    accounts: Accounts, sessions: AsyncSessions, sign_in_with: SignInWith
) -> None:
    changes: list[Event] = []
    sessions.listen(changes.append)
    first = await sign_in_with()  # somebody new has nothing that changed
    await sign_in_with()
    assert [event for event in changes if isinstance(event, CredentialsChanged)] == []
    await sign_in_with(provider="other", subject="sub-2")
    (told,) = (event for event in changes if isinstance(event, CredentialsChanged))
    assert (told.change, told.provider, told.user_id, told.ip) == ("linked", "other", first.id, ADDRESS)
