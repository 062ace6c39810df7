"""Whose an account at a provider is, and when it may become somebody's.

An address alone never opens an account. Whoever signs up here with somebody else's address would wait for
them to come by a provider, and share the account from then on (pre-hijacking, ASVS 6.8.1). So an account is
connected by its address only if nobody but the owner of that address can have been in it before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import asdict
from msgspec.structs import replace as _replaced

from sojourn.accounts import sealed
from sojourn.accounts.proof import Proof
from sojourn.accounts.store import AccountsStore, Credentials
from sojourn.accounts.user import Account, User, clean_email, clean_image, clean_name
from sojourn.errors import AccountExists, EmailRejected, Forbidden, InvalidCredentials
from sojourn.session import new_id
from sojourn.token import Keys

__all__ = ["Linked", "account_of", "connect", "whose"]

Linked = Callable[[User], object]  # hears whose account has one more way in by now

_TRIES = 5  # each is lost to somebody who was faster, so there is one who won


async def whose(
    store: AccountsStore,
    proof: Proof,
    *,
    keys: Keys,
    at: datetime,
    sign_up_open: bool,
    linked: Linked = lambda _: None,
) -> User:
    """The user who signs in with *proof*, found, connected or new; one who may not is found all the same.

    Each step may find that another sign-in has just done it: then it begins anew.
    """
    for _ in range(_TRIES):
        known = await store.by_account(proof.provider, proof.subject)
        if known is not None:
            return await _again(store, known.user, proof, keys=keys, at=at)
        email = _email(proof)
        found = None if email is None else await store.credentials(email=email)
        if found is not None:
            if user := await _connected(store, found, proof, keys=keys, at=at, linked=linked):
                return user
        elif user := await _created(store, email, proof, keys=keys, at=at, sign_up_open=sign_up_open):
            return user
    raise AccountExists


async def connect(
    store: AccountsStore,
    user: User,
    proof: Proof,
    *,
    keys: Keys,
    at: datetime,
    linked: Linked = lambda _: None,
) -> Account:
    """Give *user*, who is signed in, one more way in; the same one again brings its tokens up to date."""
    account = account_of(user.id, proof, at)
    verified_at = at if proof.vouched and _email(proof) == user.email else None
    if await store.link(
        sealed.sealed(account, keys), version=user.credentials_version, verified_at=verified_at
    ):
        linked(user)
        return sealed.shown(account)
    known = await store.by_account(proof.provider, proof.subject)
    if known is None:
        raise InvalidCredentials("Your account was changed just now. Please sign in again.")
    if known.user.id != user.id:
        raise AccountExists("This sign-in is connected to another account here already.")
    await store.set_tokens(sealed.sealed(account, keys))
    return sealed.shown(_replaced(account, created_at=known.account.created_at))


def account_of(user_id: str, proof: Proof, at: datetime) -> Account:
    """The account that *proof* is of, with its tokens as they came."""
    return Account(
        user_id=user_id,
        type="oidc" if proof.tokens.id_token else "oauth",
        provider=proof.provider,
        provider_account_id=proof.subject,
        created_at=at,
        updated_at=at,
        **asdict(proof.tokens),
    )


async def _again(store: AccountsStore, user: User, proof: Proof, *, keys: Keys, at: datetime) -> User:
    if not user.barred(at):
        await store.set_tokens(sealed.sealed(account_of(user.id, proof, at), keys))
    return user


async def _connected(
    store: AccountsStore, found: Credentials, proof: Proof, *, keys: Keys, at: datetime, linked: Linked
) -> User | None:
    """The user in *found*, if the address says that it is the same person; None if the race is lost."""
    user = found.user
    alone = found.password_hash is None and not await store.accounts_of(user.id)
    if not proof.vouched or not (user.email_verified_at or alone):
        if await store.by_account(proof.provider, proof.subject):  # made by the same sign-in in another tab
            return None
        raise AccountExists(
            "There is an account with this e-mail address already. "
            f"Sign in with your password first, then connect {proof.provider} in your account."
        )
    if user.barred(at):
        return user  # who may not sign in, and gets no other way to
    account = sealed.sealed(account_of(user.id, proof, at), keys)
    if not await store.link(account, version=user.credentials_version, verified_at=at):
        return None
    linked(user)
    return _replaced(user, email_verified_at=user.email_verified_at or at)


async def _created(
    store: AccountsStore,
    email: str | None,
    proof: Proof,
    *,
    keys: Keys,
    at: datetime,
    sign_up_open: bool,
) -> User | None:
    if not sign_up_open:
        raise Forbidden("New accounts are made by an administrator here.")
    if email is None:
        raise EmailRejected(
            f"{proof.provider} did not tell your e-mail address, and without one no account can be made."
        )
    user = User(
        id=str(new_id(at, None)),
        email=email,
        name=clean_name(proof.name or "", email=email),
        created_at=at,
        image=clean_image(proof.image),
        email_verified_at=at if proof.vouched else None,
    )
    inserted = await store.insert(user, sealed.sealed(account_of(user.id, proof, at), keys))
    return user if inserted else None


def _email(proof: Proof) -> str | None:
    try:
        return clean_email(proof.email or "")
    except EmailRejected:
        return None
