"""The verbs of the directory: who may have sessions started, and which sessions end when that changes.

One order keeps them safe, as with accounts. Whoever disables an application or suspends a tenant writes
that down first and ends sessions second; whoever starts a session looks first, starts it second, and looks
again (`Directory.start`). However the two meet, one sees the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from sojourn.directory.checks import check_application, check_tenant, clean_name
from sojourn.directory.credentials import digest, new_name, new_secret, proves
from sojourn.directory.endings import revoke_where
from sojourn.directory.records import GRANTS, SCOPES, Algorithm, Application, Grant, Tenant
from sojourn.directory.remembered import Remembered
from sojourn.directory.store import DirectoryStore
from sojourn.errors import (
    ApplicationNotFound,
    ApplicationRejected,
    DirectoryError,
    Forbidden,
    Refusal,
    SessionNotFound,
    SettingsError,
    TenantNotFound,
    TenantRejected,
)
from sojourn.policy import Policy
from sojourn.rules import Rulebook, Scope, normal, parsed
from sojourn.session import Discreet, Reason
from sojourn.sessions import ANYBODY, AsyncSessions, Issued
from sojourn.stores.protocol import Query

__all__ = ["OVERLAP", "Directory", "Registered"]

T = TypeVar("T", bound=str)
R = TypeVar("R", Application, Tenant)

_PAGE = 1_000
OVERLAP = timedelta(hours=24)  # how long the secret before is good, unless somebody says otherwise
_CODES_KEPT = timedelta(days=1)  # after their end: as long a second use of one is noticed
_MESSAGES_KEPT = timedelta(days=7)  # after they were delivered or given up


class Registered(Discreet, frozen=True):
    """An application with its new secret, which is told this once; None: it is a public one."""

    application: Application
    secret: str | None

    def __repr__(self) -> str:
        return f"<Registered {self.application!r}>"


class Directory:
    """Applications and tenants over a store, beside the sessions that end with them.

    What it has read of them it believes for *memory*; with `sure` the store is asked in any case.
    Codes and the outbox are verbs of `store`.
    """

    def __init__(
        self,
        store: DirectoryStore,
        sessions: AsyncSessions,
        *,
        clock: Callable[[], datetime] | None = None,
        memory: timedelta = timedelta(seconds=3),
    ) -> None:
        self.store = store
        self.sessions = sessions
        self.clock = clock or sessions.clock
        self._applications = Remembered(store.application, clock=self.clock, span=memory)
        self._tenants = Remembered(store.tenant, clock=self.clock, span=memory)

    # ── begin ────────────────────────────────────────────────────────────────────────────────

    async def start(
        self,
        start: Callable[[Application | None, Tenant | None], Awaitable[Issued]],
        *,
        application_id: str | None = None,
        tenant: str | None = None,
    ) -> Issued:
        """Have *start* begin a session on behalf of an application, for a tenant, given by id or slug.

        Refused if either is unknown, disabled or suspended; also if it becomes so meanwhile, and then
        the session is ended again.
        """
        issued = await start(*await self.admit(application_id, tenant))
        try:
            await self.admit(application_id, tenant)
        except Refusal:
            with suppress(SessionNotFound):  # whoever changed the directory has ended it already
                await self.sessions.revoke(issued.session.id, owner=ANYBODY, reason=Reason.SYSTEM)
            raise
        return issued

    async def admit(
        self, application_id: str | None, tenant: str | None
    ) -> tuple[Application | None, Tenant | None]:
        """Both as the store has them now; None for what was not given. Refused if one may not be served."""
        application = found = None
        if application_id is not None:
            application = await self.application(application_id, sure=True)
            if application is None:
                raise ApplicationNotFound
            if not application.enabled:
                raise Forbidden("This application is disabled.")
            self._learn("application_id", application.id, application.rules)
        if tenant is not None:
            found = await self.tenant(tenant, sure=True)
            if found is None:
                raise TenantNotFound
            if not found.active:
                raise Forbidden("This organisation is suspended. Please ask its administrator.")
            self._learn("tenant_id", found.id, found.rules)
        return application, found

    def _learn(self, scope: Scope, id: str, rules: Mapping[str, str]) -> None:
        exceptions = self.sessions.policy.exceptions
        if isinstance(exceptions, Rulebook):
            exceptions.learn_one(scope, id, parsed(rules))

    async def learn(self) -> None:
        """Have the policy know the rules of all: before serving, and once in a while after."""
        exceptions = self.sessions.policy.exceptions
        if isinstance(exceptions, Rulebook):
            applications = await _all(self.applications)
            tenants = await _all(self.tenants)
            exceptions.learn("application_id", {a.id: parsed(a.rules) for a in applications if a.rules})
            exceptions.learn("tenant_id", {t.id: parsed(t.rules) for t in tenants if t.rules})

    # ── applications ─────────────────────────────────────────────────────────────────────────

    async def create_application(
        self,
        name: str,
        *,
        id: str | None = None,
        public: bool = False,
        redirect_uris: Iterable[str] = (),
        post_logout_redirect_uris: Iterable[str] = (),
        back_channel_logout_uri: str | None = None,
        back_channel_session_required: bool = False,
        grants: Iterable[Grant] | None = None,
        scopes: Iterable[str] | None = None,
        algorithm: Algorithm = "RS256",
        access_ttl: timedelta | None = None,
        rules: Mapping[str, str] | None = None,
    ) -> Registered:
        """Add an application; a confidential one may use every grant, a public one those for people."""
        secret = None if public else new_secret()
        application = Application(
            id=new_name("app") if id is None else id,
            name=clean_name(name, ApplicationRejected),
            secret_hash=secret and digest(secret),
            redirect_uris=_once(redirect_uris),
            post_logout_redirect_uris=_once(post_logout_redirect_uris),
            back_channel_logout_uri=back_channel_logout_uri,
            back_channel_session_required=back_channel_session_required,
            grants=_once(grants or (GRANTS[:2] if public else GRANTS)),
            scopes=_once(scopes or SCOPES),
            algorithm=algorithm,
            access_ttl=access_ttl,
            rules=_rules(rules, self.sessions.policy, ApplicationRejected),
            created_at=self.clock(),
        )
        check_application(application)
        if not await self.store.insert_application(application):
            raise ApplicationRejected(f"There is an application {application.id} already; give another id.")
        self._applications.forget()
        return Registered(application, secret)

    async def application(self, id: str, *, sure: bool = False) -> Application | None:
        return await (self._applications.sure(id) if sure else self._applications.get(id))

    async def applications(self, *, after: str | None = None, limit: int = 100) -> list[Application]:
        """Newest first; the id of the last one is the *after* of the next page."""
        return await self.store.applications(after=after, limit=limit)

    async def rotate_secret(self, id: str, *, overlap: timedelta = OVERLAP) -> Registered:
        """Give an application another secret; the one before is good for *overlap*, with 0 no longer.

        Two are good at most: to rotate twice within the overlap ends the oldest.
        """
        if overlap < timedelta(0):
            raise ApplicationRejected("The old secret is good for some time, or with 0 no longer.")
        secret = new_secret()
        until = self.clock() + overlap if overlap else None
        application = await self.store.set_secret(id, digest(secret), previous_until=until)
        self._applications.forget()
        if application is None:
            raise await self._why_no_secret(id)
        return Registered(application, secret)

    async def disable_application(self, id: str, *, by: str | None = None) -> int:
        """Serve an application no more, and end the sessions that were started for it; how many.

        Can be repeated if it was cut off.
        """
        application = await self.store.set_application_disabled(id, self.clock())
        self._applications.forget()
        if application is None:
            raise ApplicationNotFound
        query = Query(application_id=application.id)
        return await revoke_where(self.sessions, query, reason=Reason.ADMIN, by=by)

    async def enable_application(self, id: str) -> Application:
        """Serve it again. The sessions stay ended."""
        application = await self.store.set_application_disabled(id, None)
        self._applications.forget()
        if application is None:
            raise ApplicationNotFound
        return application

    async def authenticate(self, id: str, secret: str, at: datetime | None = None) -> Application | None:
        """The confidential application that proves with *secret* to be *id*, unless it is disabled.

        Unknown, public, disabled and wrong are the same answer after the same work.
        """
        application = await self._applications.get(id)
        right = proves(secret, application, at or self.clock())
        return application if right and application is not None and application.enabled else None

    async def identify(self, id: str, secret: str | None, at: datetime | None = None) -> Application | None:
        """Whom a request speaks for: a confidential application by its secret, a public one by its id."""
        if secret:
            return await self.authenticate(id, secret, at)
        application = await self._applications.get(id)
        return application if application is not None and application.public and application.enabled else None

    # ── tenants ──────────────────────────────────────────────────────────────────────────────

    async def create_tenant(
        self, slug: str, name: str = "", *, rules: Mapping[str, str] | None = None
    ) -> Tenant:
        """Add a tenant; without a name it is called by its slug."""
        tenant = Tenant(
            id=new_name("ten"),
            slug=slug,
            name=clean_name(name or slug, TenantRejected),
            rules=_rules(rules, self.sessions.policy, TenantRejected),
            created_at=self.clock(),
        )
        check_tenant(tenant)
        if not await self.store.insert_tenant(tenant):
            raise TenantRejected(f"There is a tenant {slug} already; give another slug.")
        self._tenants.forget()
        return tenant

    async def tenant(self, which: str, *, sure: bool = False) -> Tenant | None:
        """By id or slug."""
        return await (self._tenants.sure(which) if sure else self._tenants.get(which))

    async def tenants(self, *, after: str | None = None, limit: int = 100) -> list[Tenant]:
        """Newest first; the id of the last one is the *after* of the next page."""
        return await self.store.tenants(after=after, limit=limit)

    async def suspend_tenant(self, which: str, *, by: str | None = None) -> int:
        """Let nobody sign in there, and end the sessions that live; how many. Can be repeated."""
        tenant = await self.store.set_status(which, "suspended")
        self._tenants.forget()
        if tenant is None:
            raise TenantNotFound
        return await revoke_where(self.sessions, Query(tenant_id=tenant.id), reason=Reason.ADMIN, by=by)

    async def resume_tenant(self, which: str) -> Tenant:
        """Let people sign in there again. The sessions stay ended."""
        tenant = await self.store.set_status(which, "active")
        self._tenants.forget()
        if tenant is None:
            raise TenantNotFound
        return tenant

    # ── the rest ─────────────────────────────────────────────────────────────────────────────

    async def purge(self) -> int:
        """Forget codes that expired a day ago, and messages that were over a week ago; how many."""
        now, total = self.clock(), 0
        while count := await self.store.purge_codes(before=now - _CODES_KEPT):
            total += count
        while count := await self.store.purge_outbox(before=now - _MESSAGES_KEPT):
            total += count
        return total

    async def close(self) -> None:
        """Let go of the store; the sessions are somebody else's."""
        await self.store.close()

    async def _why_no_secret(self, id: str) -> DirectoryError:
        if await self.store.application(id) is None:
            return ApplicationNotFound()
        return ApplicationRejected(
            f"{id} is a public application and has no secret; create a confidential one instead."
        )


async def _all(page: Callable[..., Awaitable[list[R]]]) -> list[R]:
    found: list[R] = []
    while some := await page(after=found[-1].id if found else None, limit=_PAGE):
        found += some
        if len(some) < _PAGE:
            break
    return found


def _once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _rules(rules: Mapping[str, str] | None, policy: Policy, refused: type[DirectoryError]) -> dict[str, str]:
    try:
        return normal(rules or {}, policy)
    except SettingsError as error:
        said = str(error)
        raise refused(f"{said[0].upper()}{said[1:]}.") from None
