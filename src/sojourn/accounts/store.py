"""Where accounts are kept: the contract of a store, and the one that lives in this process's memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from msgspec.structs import replace as _replaced

from sojourn.accounts import limits
from sojourn.accounts.find import Find, matching, ordered
from sojourn.accounts.limits import Limits, Rate
from sojourn.accounts.user import PASSWORD, Account, Changes, Role, User, folded, password_account
from sojourn.session import Discreet

__all__ = ["AccountsStore", "Credentials", "Linked", "MemoryAccounts"]


class Credentials(Discreet, frozen=True):
    """A user and the hash of the password, as they were at one moment."""

    user: User
    password_hash: str | None = None

    def __repr__(self) -> str:
        return f"<Credentials of {self.user!r}>"


class Linked(Discreet, frozen=True):
    """One way of signing in and its user, as they were at one moment."""

    user: User
    account: Account

    def __repr__(self) -> str:
        return f"<Linked: {self.account!r}>"


class AccountsStore(Limits, Protocol):
    """Every verb is atomic, and one round trip. E-mail addresses come as `clean_email` gives them.

    What changes an address, a password, a role or the state of a user, or takes a way of signing in
    away, raises `credentials_version` in the same write. An administrator who is the last enabled one
    stays so: then nothing is done. One who is disabled until a moment that is past is not enabled yet.
    """

    faults: tuple[type[Exception], ...]

    async def insert(self, user: User, account: Account | None = None) -> bool:
        """Add *user*; false if the id, the e-mail address or the account is known already."""

    async def get(self, user_id: str) -> User | None: ...

    async def credentials(
        self, *, user_id: str | None = None, email: str | None = None
    ) -> Credentials | None:
        """The user with this id or e-mail address, and the password's hash in the same look."""

    async def accounts_of(self, user_id: str) -> list[Account]:
        """By provider."""

    async def by_account(self, provider: str, provider_account_id: str) -> Linked | None:
        """Who signs in by this account."""

    async def link(
        self, account: Account, *, version: int | None = None, verified_at: datetime | None = None
    ) -> bool:
        """Add a way of signing in; false if it is known already, or where `set_password` is None.

        With *verified_at* the address is verified since then, unless it was before.
        """

    async def unlink(self, user_id: str, provider: str, provider_account_id: str | None = None) -> int:
        """Take away this way of signing in, or all with *provider*; how many. 0 if none would be left."""

    async def set_tokens(self, account: Account) -> bool:
        """Put what *account* holds of its provider over what was there, of which a refresh token stays
        unless there is another. False if there is no such account of this user."""

    async def update(self, user_id: str, changes: Changes) -> User | None:
        """None if there is no such user, or if the address is another's."""

    async def set_password(
        self, user_id: str, hash: str, *, version: int | None = None, at: datetime | None = None
    ) -> User | None:
        """Set the first or another password; None if there is no such user, or no longer in *version*."""

    async def rehash(self, user_id: str, hash: str, *, instead_of: str) -> bool:
        """The same password under other parameters: no new version. False if it is another one by now."""

    async def set_disabled(
        self, user_id: str, at: datetime | None, *, until: datetime | None = None, note: str | None = None
    ) -> User | None:
        """Disable, or with None enable; the first `disabled_at` stays, *until* and *note* are the last ones.

        None as with `set_role`.
        """

    async def lift(self, user_id: str, at: datetime) -> User | None:
        """Enable whoever was disabled until *at* or earlier. The user, changed or not."""

    async def set_role(self, user_id: str, role: Role) -> User | None:
        """None if there is no such user, or no other administrator."""

    async def is_last_admin(self, user_id: str) -> bool:
        """Whether there is no other administrator who may sign in."""

    async def delete(self, user_id: str) -> bool:
        """Remove a user and all accounts; false if there is no such user, or no other administrator."""

    async def select(self, *, after: str | None = None, limit: int = 100, search: str = "") -> list[User]:
        """Newest first, those before the id *after*, with *search* somewhere in e-mail address or name."""

    async def count(self, *, search: str = "") -> int: ...

    async def find(self, find: Find) -> tuple[list[User], int]:
        """One page of those who are asked for, and how many they are."""

    async def close(self) -> None: ...


_ENABLED: dict[str, None] = dict.fromkeys(("disabled_at", "disabled_until", "disabled_note"))


class MemoryAccounts:
    """Accounts that end with the process: for tests, examples and the demo."""

    faults: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._ids: dict[str, str] = {}  # by e-mail address
        self._accounts: dict[tuple[str, str], Account] = {}  # by provider and its id
        self._due: dict[str, datetime] = {}
        self._lock = Lock()

    async def insert(self, user: User, account: Account | None = None) -> bool:
        with self._lock:
            if user.id in self._users or user.email in self._ids or self._taken(account):
                return False
            self._users[user.id] = user
            self._ids[user.email] = user.id
            if account is not None:
                self._put(account)
            return True

    async def get(self, user_id: str) -> User | None:
        return self._users.get(user_id)

    async def credentials(
        self, *, user_id: str | None = None, email: str | None = None
    ) -> Credentials | None:
        with self._lock:
            user = self._users.get(user_id or self._ids.get(email or "", ""))
            if user is None:
                return None
            account = self._accounts.get((PASSWORD, user.id))
            return Credentials(user, account.password_hash if account else None)

    async def accounts_of(self, user_id: str) -> list[Account]:
        with self._lock:
            found = [account for account in self._accounts.values() if account.user_id == user_id]
        return sorted(found, key=lambda account: (account.provider, account.provider_account_id))

    async def by_account(self, provider: str, provider_account_id: str) -> Linked | None:
        with self._lock:
            account = self._accounts.get((provider, provider_account_id))
            return None if account is None else Linked(self._users[account.user_id], account)

    async def link(
        self, account: Account, *, version: int | None = None, verified_at: datetime | None = None
    ) -> bool:
        with self._lock:
            user = self._version(account.user_id, version)
            if user is None or self._taken(account):
                return False
            self._put(account)
            verified_at = user.email_verified_at or verified_at
            self._users[user.id] = _replaced(user, email_verified_at=verified_at)
            return True

    async def unlink(self, user_id: str, provider: str, provider_account_id: str | None = None) -> int:
        with self._lock:
            ways = {key for key, account in self._accounts.items() if account.user_id == user_id}
            gone = {key for key in ways if self._accounts[key].named(provider, provider_account_id)}
            if not gone or gone == ways:
                return 0
            for key in gone:
                del self._accounts[key]
            self._change(self._users[user_id])
            return len(gone)

    async def set_tokens(self, account: Account) -> bool:
        with self._lock:
            kept = self._accounts.get((account.provider, account.provider_account_id))
            if kept is None or kept.user_id != account.user_id:
                return False
            stays = {"password_hash": kept.password_hash, "created_at": kept.created_at, "type": kept.type}
            refresh_token = account.refresh_token or kept.refresh_token
            self._put(_replaced(account, refresh_token=refresh_token, **stays))
            return True

    async def update(self, user_id: str, changes: Changes) -> User | None:
        with self._lock:
            user = self._users.get(user_id)
            if user is None:
                return None
            changed = changes.of(user)
            if self._ids.get(changed.email, user_id) != user_id:
                return None
            del self._ids[user.email]
            self._ids[changed.email], self._users[user_id] = user_id, changed
            return changed

    async def set_password(
        self, user_id: str, hash: str, *, version: int | None = None, at: datetime | None = None
    ) -> User | None:
        with self._lock:
            user = self._version(user_id, version)
            if user is None:
                return None
            new = password_account(user_id, hash, at)
            before = self._accounts.get((PASSWORD, user_id), new)
            self._put(_replaced(new, created_at=before.created_at))
            return self._change(user)

    async def rehash(self, user_id: str, hash: str, *, instead_of: str) -> bool:
        with self._lock:
            account = self._accounts.get((PASSWORD, user_id))
            if account is None or account.password_hash != instead_of:
                return False
            self._put(_replaced(account, password_hash=hash))
            return True

    async def set_disabled(
        self, user_id: str, at: datetime | None, *, until: datetime | None = None, note: str | None = None
    ) -> User | None:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or (at is not None and self._last_admin(user)):
                return None
            if at is None:
                return self._change(user, **_ENABLED)
            since = user.disabled_at or at
            return self._change(user, disabled_at=since, disabled_until=until, disabled_note=note)

    async def lift(self, user_id: str, at: datetime) -> User | None:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or user.enabled or user.barred(at):
                return user
            return self._change(user, **_ENABLED)

    async def set_role(self, user_id: str, role: Role) -> User | None:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or (role != "admin" and self._last_admin(user)):
                return None
            return self._change(user, role=role)

    async def is_last_admin(self, user_id: str) -> bool:
        with self._lock:
            user = self._users.get(user_id)
            return user is not None and self._last_admin(user)

    async def delete(self, user_id: str) -> bool:
        with self._lock:
            user = self._users.get(user_id)
            if user is None or self._last_admin(user):
                return False
            del self._users[user_id], self._ids[user.email]
            self._accounts = {
                k: account for k, account in self._accounts.items() if account.user_id != user_id
            }
            return True

    async def select(self, *, after: str | None = None, limit: int = 100, search: str = "") -> list[User]:
        found = [user for user in self._matching(search) if after is None or user.id < after]
        return sorted(found, key=lambda user: user.id, reverse=True)[:limit]

    async def count(self, *, search: str = "") -> int:
        return len(self._matching(search))

    async def find(self, find: Find) -> tuple[list[User], int]:
        with self._lock:
            users = list(self._users.values())
        found = ordered(find, [user for user in users if matching(find, user)])
        return found[find.skipped : find.skipped + find.size], len(found)

    async def take(self, key: str, *, rate: Rate, at: datetime) -> timedelta | None:
        with self._lock:
            self._due[key], wait = limits.take(self._due.get(key), rate, at)
            return wait

    async def give_back(self, key: str, *, rate: Rate) -> None:
        with self._lock:
            if key in self._due:
                self._due[key] -= rate.every

    async def purge_limits(self, *, before: datetime) -> int:
        with self._lock:
            over = [key for key, due in self._due.items() if due < before]
            for key in over:
                del self._due[key]
            return len(over)

    async def close(self) -> None:
        pass

    def _put(self, account: Account) -> None:
        self._accounts[account.provider, account.provider_account_id] = account

    def _taken(self, account: Account | None) -> bool:
        return account is not None and (account.provider, account.provider_account_id) in self._accounts

    def _version(self, user_id: str, version: int | None) -> User | None:
        user = self._users.get(user_id)
        return user if user is not None and version in (None, user.credentials_version) else None

    def _change(self, user: User, **fields: Any) -> User:
        changed = _replaced(user, credentials_version=user.credentials_version + 1, **fields)
        self._users[user.id] = changed
        return changed

    def _last_admin(self, user: User) -> bool:
        return [user.id] == [u.id for u in self._users.values() if u.role == "admin" and u.enabled]

    def _matching(self, search: str) -> list[User]:
        wanted = folded(search)
        with self._lock:
            return [user for user in self._users.values() if wanted in folded(f"{user.email}\n{user.name}")]
