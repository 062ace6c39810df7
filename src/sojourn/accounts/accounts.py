"""The verbs of accounts: who may sign in, and which sessions end when that changes.

One order keeps them safe (ASVS 7.4.2, 7.4.3). Whoever changes a password, a role or the state of an
account raises `credentials_version` first and ends sessions second; whoever signs in reads it first,
starts the session second, and reads it again. However the two meet, one sees the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from sojourn.accounts import linking, sealed
from sojourn.accounts.find import Find
from sojourn.accounts.limits import Rates, network
from sojourn.accounts.passwords import PasswordHasher, check_password
from sojourn.accounts.proof import Proof
from sojourn.accounts.store import AccountsStore, Credentials
from sojourn.accounts.user import (
    Account,
    Changes,
    Role,
    User,
    clean_email,
    clean_image,
    clean_name,
    folded,
    password_account,
)
from sojourn.errors import (
    AccountExists,
    AccountNotFound,
    EmailRejected,
    Forbidden,
    InvalidCredentials,
    LastWayIn,
    RateLimited,
    SessionNotFound,
)
from sojourn.events import CredentialsChanged, SignInFailed
from sojourn.session import Reason, new_id
from sojourn.sessions import AsyncSessions, Issued

__all__ = ["Accounts"]

_LAST_ADMIN = "This is the last administrator. Make somebody else one first."
_LONGEST_NOTE = 255

Change = Literal["password", "password-set", "linked", "unlinked", "email"]


class Accounts:
    """Accounts over a store, beside the sessions that they begin and end. One instance serves an application.

    *ip* is the address of the other end as the web layer believes it; without one only the account
    is limited.
    """

    def __init__(
        self,
        store: AccountsStore,
        sessions: AsyncSessions,
        *,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], datetime] | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.store = store
        self.sessions = sessions
        self.hasher = hasher or PasswordHasher()
        self.clock = clock or sessions.clock
        self.rates = rates or Rates()

    # ── begin ────────────────────────────────────────────────────────────────────────────────

    async def sign_up(
        self, email: str, password: str, name: str = "", *, ip: str | None = None, image: str | None = None
    ) -> User:
        """Add a user who asks for it. Counts against the address like an attempt to sign in."""
        await self._admit_address(ip)
        return await self.create(email, password, name, image=image)

    async def create(
        self,
        email: str,
        password: str | None,
        name: str = "",
        role: Role = "user",
        *,
        image: str | None = None,
        email_verified_at: datetime | None = None,
    ) -> User:
        """Add a user; without a password one who cannot sign in with any."""
        email, at = clean_email(email), self.clock()
        user = User(
            id=str(new_id(at, None)),
            email=email,
            name=clean_name(name, email=email),
            role=role,
            created_at=at,
            image=clean_image(image),
            email_verified_at=email_verified_at,
        )
        account = None
        if password is not None:
            check_password(password, email)
            account = password_account(user.id, await self.hasher.hash(password), at)
        if not await self.store.insert(user, account):
            raise AccountExists
        return user

    async def sign_in(
        self, email: str, password: str, *, ip: str | None, start: Callable[[User], Awaitable[Issued]]
    ) -> tuple[User, Issued]:
        """Prove who somebody is, and have *start* begin the session.

        Unknown, wrong, disabled and without a password: the same `InvalidCredentials`, after the same
        work. So is a sign-in that a change of the account has overtaken; its session is ended again.
        """
        try:
            email = clean_email(email)
            found = await self.store.credentials(email=email)
        except EmailRejected:
            email, found = folded(email[:254]), None
        user = await self._prove(found, email, password, ip=ip)
        return user, await self._begin(user, start, email, ip=ip)

    async def sign_in_with(
        self,
        proof: Proof,
        *,
        ip: str | None,
        start: Callable[[User], Awaitable[Issued]],
        sign_up_open: bool,
    ) -> tuple[User, Issued]:
        """As `sign_in`, by the word of a provider: a user whom it knows, may connect, or brings (`linking`).

        `AccountExists` if somebody else may be behind the address; `Forbidden` or `EmailRejected` if
        there is nobody and nobody can be made.
        """
        await self._admit_address(ip)
        name = f"{proof.provider} {proof.subject}"
        user = await linking.whose(
            self.store,
            proof,
            keys=self.sessions.keys,
            at=self.clock(),
            sign_up_open=sign_up_open,
            linked=self._linked(proof, ip),
        )
        user = await self._lifted(user)
        if not user.enabled:
            raise self._failed(name, ip, banned=True)
        return user, await self._begin(user, start, name, ip=ip)

    async def reauthenticate(self, user_id: str, password: str, *, ip: str | None) -> User:
        """Prove that it is still the same person; renewing the session is the caller's part."""
        found = await self.store.credentials(user_id=user_id)
        email = found.user.email if found else user_id
        user = await self._prove(found, email, password, ip=ip)
        if not await self._unmoved(user):
            raise self._failed(email, ip)
        return user

    # ── change ───────────────────────────────────────────────────────────────────────────────

    async def change_password(
        self, user_id: str, current: str, new: str, *, keep: UUID | None, ip: str | None = None
    ) -> int:
        """Set another password and end the other sessions; how many. The caller renews the one to *keep*."""
        found = await self.store.credentials(user_id=user_id)
        email = found.user.email if found else user_id
        user = await self._prove(found, email, current, ip=ip)
        check_password(new, email)
        # Only over the version that was proved: of two who know the old password, one is too late.
        hash = await self.hasher.hash(new)
        if not await self.store.set_password(
            user_id, hash, version=user.credentials_version, at=self.clock()
        ):
            raise self._failed(email, ip)
        self._changed(user_id, "password", by=user_id, session_id=keep, ip=ip)
        return await self.sessions.revoke_all(user_id, keep=keep, reason=Reason.PASSWORD_CHANGED, by=user_id)

    async def set_password(self, user_id: str, new: str, *, by: str | None = None) -> int:
        """Set a password for somebody, without asking for the old one, and end all sessions; how many."""
        user = await self._known(user_id)
        check_password(new, user.email)
        if not await self.store.set_password(user_id, await self.hasher.hash(new), at=self.clock()):
            raise AccountNotFound
        self._changed(user_id, "password-set", by=by)
        return await self.sessions.revoke_all(user_id, reason=Reason.PASSWORD_CHANGED, by=by)

    async def update(
        self,
        user_id: str,
        *,
        name: str | UnsetType = UNSET,
        image: str | UnsetType | None = UNSET,
        email: str | UnsetType = UNSET,
        email_verified: bool | UnsetType = UNSET,
        by: str | None = None,
    ) -> User:
        """Change what describes a user. Another address counts as unverified unless it is said to be."""
        user = await self._known(user_id)
        email = email if email is UNSET else clean_email(email)
        changes = Changes(
            at=self.clock(),
            name=name if name is UNSET else clean_name(name, email=email or user.email),
            image=image if image is UNSET else clean_image(image),
            email=email,
            email_verified=email_verified,
        )
        changed = await self.store.update(user_id, changes)
        if changed is None:
            raise AccountExists if await self.store.get(user_id) else AccountNotFound
        if changed.email != user.email:
            self._changed(user_id, "email", by=by, before=user.email)
        return changed

    async def limit_idle(self, user_id: str, idle_timeout: timedelta | None) -> int:
        """End a user's sessions after *idle_timeout* without use; None: as the policy has it.

        Those that live now, how many they are, and all that begin from now on. In whole seconds.
        """
        changes = Changes(at=self.clock(), idle_timeout=idle_timeout)
        if await self.store.update(user_id, changes) is None:
            raise AccountNotFound
        return await self.sessions.limit_idle(user_id, idle_timeout)

    async def link(self, user_id: str, proof: Proof) -> Account:
        """Let a user, who is signed in, sign in with *proof* too. `AccountExists`: somebody else does."""
        user = await self._known(user_id)
        if not user.enabled:
            raise Forbidden
        return await linking.connect(
            self.store,
            user,
            proof,
            keys=self.sessions.keys,
            at=self.clock(),
            linked=self._linked(proof, None),
        )

    async def unlink(self, user_id: str, provider: str, provider_account_id: str | None = None) -> int:
        """Let a user sign in with *provider* no more; how many accounts there. Sessions go on.

        Sign-ins that are under way are refused; `LastWayIn` if there would be no other.
        """
        count = await self.store.unlink(user_id, provider, provider_account_id)
        if not count and await self._account(user_id, provider, provider_account_id):
            raise LastWayIn
        if count:
            self._changed(user_id, "unlinked", by=user_id, provider=provider)
        return count

    async def disable(
        self,
        user_id: str,
        *,
        by: str | None = None,
        until: datetime | None = None,
        note: str | None = None,
    ) -> int:
        """Let a user sign in no more, or not before *until*, and end all sessions; how many.

        Can be repeated if it was cut off. *note* is for administrators.
        """
        note = note and note[:_LONGEST_NOTE]
        if not await self.store.set_disabled(user_id, self.clock(), until=until, note=note):
            raise await self._why_not(user_id)
        return await self.sessions.revoke_all(user_id, reason=Reason.ACCOUNT_DISABLED, by=by)

    async def enable(self, user_id: str) -> User:
        """Let a user sign in again. The sessions stay ended."""
        user = await self.store.set_disabled(user_id, None)
        if user is None:
            raise AccountNotFound
        return user

    async def set_role(self, user_id: str, role: Role) -> User:
        """Give a user a role; every session is renewed at its next use (ASVS 7.2.4)."""
        user = await self.store.set_role(user_id, role)
        if user is None:
            raise await self._why_not(user_id)
        await self.sessions.renew_all(user_id, profile=self.sessions.policy.profile(role))
        return user

    async def require_deletable(self, user_id: str) -> None:
        """`Forbidden` for the last administrator: for who has much to do before `delete`."""
        if await self.store.is_last_admin(user_id):
            raise Forbidden(_LAST_ADMIN)

    async def delete(self, user_id: str, *, by: str | None = None) -> int:
        """Forget a user, and end all sessions; how many.

        Those of somebody who is gone too, before `AccountNotFound`: the first time may have been cut off.
        """
        deleted = await self.store.delete(user_id)
        if not deleted and await self.store.get(user_id):
            raise Forbidden(_LAST_ADMIN)
        count = await self.sessions.revoke_all(user_id, reason=Reason.ACCOUNT_DELETED, by=by)
        if not deleted:
            raise AccountNotFound
        return count

    # ── look ─────────────────────────────────────────────────────────────────────────────────

    async def get(self, user_id: str) -> User | None:
        return await self.store.get(user_id)

    async def by_email(self, email: str) -> User | None:
        """The user with this address in whatever spelling; None also for what is no address."""
        try:
            found = await self.store.credentials(email=clean_email(email))
        except EmailRejected:
            return None
        return found.user if found else None

    async def select(self, *, after: str | None = None, limit: int = 100, search: str = "") -> list[User]:
        """Newest first; the id of the last one is the *after* of the next page."""
        return await self.store.select(after=after, limit=limit, search=search)

    async def count(self, *, search: str = "") -> int:
        return await self.store.count(search=search)

    async def find(self, find: Find) -> tuple[list[User], int]:
        """One page of the users who are asked for, and how many they are."""
        return await self.store.find(find)

    async def ways(self, user_id: str) -> list[Account]:
        """How a user signs in; hashes and tokens are left out."""
        return [sealed.shown(account) for account in await self.store.accounts_of(user_id)]

    async def provider_tokens(
        self, user_id: str, provider: str, provider_account_id: str | None = None
    ) -> Account | None:
        """The account of a user at *provider*, the first if none is named, with its tokens."""
        account = await self._account(user_id, provider, provider_account_id)
        return None if account is None else sealed.opened(account, self.sessions.keys)

    async def purge(self) -> int:
        """Forget the limits that hold nobody up; how many."""
        return await self.store.purge_limits(before=self.clock())

    async def close(self) -> None:
        """Let go of the store; the sessions are somebody else's."""
        await self.store.close()

    # ── tell ─────────────────────────────────────────────────────────────────────────────────

    def _changed(
        self,
        user_id: str,
        change: Change,
        *,
        ip: str | None = None,
        session_id: UUID | None = None,
        **facts: Any,
    ) -> None:
        """Have it told that *user_id* signs in by other means than before: they may not know (ASVS 6.3.7)."""
        at = self.sessions.clock()
        self.sessions.emit(
            CredentialsChanged(at=at, user_id=user_id, change=change, ip=ip, session_id=session_id, **facts)
        )

    def _linked(self, proof: Proof, ip: str | None) -> linking.Linked:
        return lambda user: self._changed(user.id, "linked", by=user.id, ip=ip, provider=proof.provider)

    # ── prove ────────────────────────────────────────────────────────────────────────────────

    async def _prove(self, found: Credentials | None, email: str, password: str, *, ip: str | None) -> User:
        """The user in *found*, whose *password* it is, or `InvalidCredentials`. Attempts count first."""
        await self._admit_address(ip)
        key, rate = self._hashed("account", email), self.rates.account
        if wait := await self.store.take(key, rate=rate, at=self.clock()):
            raise RateLimited(wait)
        hash = found.password_hash if found else None
        right = await self.hasher.verify(password, hash)
        if found is None or hash is None or not right:
            raise self._failed(email, ip)
        user = await self._lifted(found.user)
        if not user.enabled:
            raise self._failed(email, ip, banned=True)
        await self.store.give_back(key, rate=rate)
        if self.hasher.needs_rehash(hash):
            await self.store.rehash(user.id, await self.hasher.hash(password), instead_of=hash)
        return user

    async def _lifted(self, user: User) -> User:
        """*user*, enabled again if the time of that has come."""
        if user.enabled or user.barred(at := self.clock()):
            return user
        return await self.store.lift(user.id, at) or user

    async def _begin(
        self, user: User, start: Callable[[User], Awaitable[Issued]], name: str, *, ip: str | None
    ) -> Issued:
        """Have *start* begin the session of *user*, and end it if the user has changed meanwhile."""
        issued = await start(user)
        if not await self._unmoved(user):
            with suppress(SessionNotFound):  # whoever changed the account has ended it already
                await self.sessions.revoke(issued.session.id, owner=user.id, reason=Reason.SYSTEM)
            raise self._failed(name, ip)
        return issued

    async def _unmoved(self, user: User) -> bool:
        now = await self.store.get(user.id)
        return now is not None and now.enabled and now.credentials_version == user.credentials_version

    async def _admit_address(self, ip: str | None) -> None:
        if ip is None:
            return
        key = self._hashed("address", network(ip))
        if wait := await self.store.take(key, rate=self.rates.address, at=self.clock()):
            raise RateLimited(wait)

    def _failed(self, email: str, ip: str | None, *, banned: bool = False) -> InvalidCredentials:
        """Tell the listeners; the refusal is the caller's to raise."""
        self.sessions.emit(SignInFailed(at=self.clock(), ip=ip, account=self._hashed("account", email)))
        return InvalidCredentials(banned=banned)

    def _hashed(self, kind: str, name: str) -> str:
        """A name for limits and events that says nothing without the key. A new key starts limits anew."""
        return self.sessions.keys.mac("limits", f"{kind} {name}".encode("utf-8", "surrogatepass"))[:16].hex()

    async def _account(self, user_id: str, provider: str, provider_account_id: str | None) -> Account | None:
        found = await self.store.accounts_of(user_id)
        return next((account for account in found if account.named(provider, provider_account_id)), None)

    async def _known(self, user_id: str) -> User:
        user = await self.store.get(user_id)
        if user is None:
            raise AccountNotFound
        return user

    async def _why_not(self, user_id: str) -> Forbidden | AccountNotFound:
        return Forbidden(_LAST_ADMIN) if await self.store.get(user_id) else AccountNotFound()
