"""The server: sign-in, account page, overview for administrators and the API, in one ASGI application."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles

import sojourn
from sojourn import device, duties, keyring
from sojourn.access import Signers
from sojourn.accounts import Accounts, User, open_accounts
from sojourn.api import admin, authjs, authvital, better_auth, metrics, native, oauth
from sojourn.api.federation import CALLBACKS, ERROR_PAGE, Federation
from sojourn.api.openapi import openapi
from sojourn.api.routes import Call, Route
from sojourn.custom import CustomSession
from sojourn.directory import Directory, open_directory
from sojourn.errors import MethodRejected, NothingHere
from sojourn.event_log import log_event
from sojourn.issuer import Issuer
from sojourn.leading import Leader
from sojourn.metering import Meter
from sojourn.observe import open_ledger
from sojourn.observe.journal.writer import Journal
from sojourn.observe.metrics.scrape import Metrics
from sojourn.place import Places
from sojourn.session import Session
from sojourn.sessions import AsyncSessions
from sojourn.settings import Settings, load
from sojourn.stores import open_store
from sojourn.stores.protocol import Store
from sojourn.token import Keys
from sojourn.web import pages
from sojourn.web.asgi import SessionMiddleware
from sojourn.web.ending import told_to_end
from sojourn.web.reply import BROKEN, STATUS, Answer, as_json, broken, problem
from sojourn.web.streams import Streams
from sojourn.web.table import mounted, response
from sojourn.web.visit import Site, Visit
from sojourn.web.within import placed

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger("sojourn")
_YOUNG = 10_000  # objects that are new before the garbage collector looks at them: a few megabytes

__all__ = ["API", "application", "create_app", "document"]

API = (*native.ROUTES, *admin.ROUTES, *oauth.ROUTES)


def application() -> Starlette:
    """The application as the environment configures it: what each worker process loads."""
    app = create_app(load().settings)
    _settle()
    return app


def _settle() -> None:
    """Have the garbage collector leave alone what was loaded, and look less often for what was not freed.

    By itself it looks whenever 700 objects more are alive than before. Of requests that wait for their store
    that takes a dozen: a fifth of their time, and now and then 40 ms in which it walks through all modules.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


def create_app(
    settings: Settings,
    *,
    keys: Keys | None = None,
    signers: Signers | None = None,
    clock: Callable[[], datetime] | None = None,
    demo: bool = False,
    custom: CustomSession | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Starlette:
    """The server's application. Nothing is opened before the first request or the lifespan begins.

    Without a *clock* it runs with the store's. *custom* adds fields to what clients see of a session,
    instead of name and status of its tenant. *transport*: how the services are reached with which people
    sign in, such as one that knows a proxy or trusts a certificate authority of your own.
    """
    if keys is None:
        keys, signers = keyring.ring(settings), keyring.signers(settings)

    async def with_tenant(session: Session) -> Mapping[str, Any]:
        tenant = await directory.tenant(session.tenant_id) if session.tenant_id else None
        return {"user": {"tenant": {"name": tenant.name, "status": tenant.status}}} if tenant else {}

    meter = Meter(settings)
    sessions = AsyncSessions(
        meter.timed(open_store(settings.store)),
        keys=keys,
        policy=settings.learning_policy(),
        clock=clock,
        on_event=log_event,
        custom=custom or with_tenant,
        places=Places(settings.places, documentation=demo),
    )
    ledger = None if settings.journal == "off" else open_ledger(settings.journal, keys=keys)
    journal = None
    if ledger is not None:
        journal = Journal(ledger, uses=lambda: sessions.activity.written, clock=sessions.clock)
        sessions.listen(journal.hear)
        ledger.written = journal.flush
        sessions.activity.tell = journal.hear
    accounts = Accounts(
        open_accounts(settings.accounts), sessions, clock=sessions.clock, rates=settings.rates()
    )
    directory = Directory(open_directory(settings.accounts), sessions)
    federation = Federation(settings.providers.values(), sessions.clock, transport=transport)
    issuer = signers and Issuer(
        sessions, signers, url=settings.origin, life=settings.access_ttl, terms_of=oauth.terms_of(directory)
    )
    table = (*API, *_dialects(settings), *_OWN, *pages.PAGES)
    site = Site(
        sessions,
        origin=settings.origin,
        load_user=_enabled(accounts),
        trusted_proxies=map(str, settings.trusted_proxies),
        country_header=settings.country_header,
        development=settings.development,
        faults=(*accounts.store.faults, *directory.store.faults, *(ledger.faults if ledger else ())),
        demo=demo,
        issuer=issuer or None,
        methods=("password", *federation.providers),
        cookieless=((route.method, route.path) for route in table if route.cookieless),
        bearer_tokens=settings.better_auth and settings.better_auth_bearer,
        says={(route.method, route.path): route.says for route in table if route.says},
        streams=Streams(per_user=settings.streams_per_user, per_address=settings.streams_per_address),
    )
    exposed = meter.begin(site, directory, journal)
    leaders: list[Leader] = []
    if settings.worker:
        leaders.append(duties.worker(accounts, directory, ledger, settings))
    delivery = duties.dispatch(settings, accounts, directory, signers, ledger) if settings.worker else None
    if delivery is not None:
        leaders.append(delivery)
    if settings.worker and ledger is not None:
        leaders.append(duties.watch(settings, directory, ledger, delivery))
        leaders.append(duties.jobs(accounts, sessions, ledger))
    working: list[Leader | Metrics] = [*leaders, *([] if exposed is None else [exposed.metrics])]
    app = Starlette(
        routes=[
            *mounted(
                table,
                accounts=accounts,
                directory=directory,
                sign_up_open=settings.sign_up,
                federation=federation,
                multi_session=settings.multi_session,
                defers=settings.better_auth_defer,
                session_fields=settings.session_fields,
                ledger=ledger,
                metrics=exposed,
            ),
            Mount(pages.ASSETS_PATH, _Assets(directory=pages.STATIC)),
        ],
        middleware=[Middleware(SessionMiddleware, site=site, page=_as_page)],
        exception_handlers={HTTPException: _not_here, Exception: _broken},
        lifespan=_lifespan(
            *(working, directory, site, journal),
            *(sessions.close, accounts.close, directory.close, federation.close),
        ),
    )
    app.state.ledger, app.state.journal = ledger, journal
    app.router.redirect_slashes = False  # the redirect would name the host that the request claims
    return app


def _dialects(settings: Settings) -> tuple[Route, ...]:
    """The routes that other systems' clients know."""
    return (
        *(authvital.ROUTES if settings.authvital else ()),
        *(better_auth.routes(multi_session=settings.multi_session) if settings.better_auth else ()),
        *authjs.ROUTES.get(settings.authjs, ()),
        *pages.authjs.PAGES.get(settings.authjs, ()),
    )


def document(call: Call) -> dict[str, Any]:
    """The OpenAPI document of this server."""
    site = call.visit.site
    return openapi(
        (*API, *_OWN),
        version=sojourn.__version__,
        origin=site.origin + call.visit.base,
        cookie=site.carrier.name,
        statuses=STATUS,
    )


class Health(Struct):
    status: str


async def healthz(call: Call) -> Health:
    """This process answers."""
    return Health("ok")


class Ready(Struct):
    """How many things are wrong with the store; which, `sojourn doctor` says: anybody may read this."""

    status: str
    warnings: int


async def readyz(call: Call) -> Ready:
    """This process reaches its stores."""
    store = call.visit.site.sessions.store
    await store.get(_NOBODY)
    await call.accounts.get("nobody")
    return Ready("ready", await _warnings(store))


async def openapi_json(call: Call) -> Answer:
    """This document."""
    return as_json(document(call))


async def docs(call: Call) -> Answer:
    """The API, to read."""
    return pages.docs_page(document(call), base=call.visit.base)


_NOBODY = UUID(int=0)

_OWN = (
    Route(method="GET", path="/healthz", guard="open", act=healthz, returns=Health, tag="health"),
    Route(method="GET", path="/readyz", guard="open", act=readyz, returns=Ready, tag="health"),
    Route(method="GET", path="/api/openapi.json", guard="open", act=openapi_json, tag="health"),
    Route(method="GET", path="/api/docs", guard="open", act=docs, tag="health"),
    *metrics.ROUTES,
)


async def _warnings(store: Store) -> int:
    """What a store that has opinions of its own finds wrong, such as too few partitions ahead."""
    diagnose = getattr(store, "diagnose", None)
    if diagnose is None:
        return 0
    try:
        return sum(level != "ok" for level, _, _ in await diagnose())
    except store.faults:
        return 1  # it answers, but does not let us look


def _enabled(accounts: Accounts) -> Callable[[str], Any]:
    async def load_user(user_id: str) -> User | None:
        user = await accounts.get(user_id)
        return user if user is not None and user.enabled else None

    return load_user


_LEARNT_EVERY = 30.0  # seconds: rules of an application or tenant are as old at most in other processes


@asynccontextmanager
async def _learning(directory: Directory) -> AsyncIterator[None]:
    """Have the policy know the rules of all applications and tenants, from before the first request on."""

    async def learn() -> None:
        try:
            await directory.learn()
        except directory.store.faults as fault:
            _log.warning("the rules of applications and tenants could not be read: %s", fault)

    async def again() -> None:
        while True:
            await asyncio.sleep(_LEARNT_EVERY)
            await learn()

    await learn()
    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _lifespan(
    leaders: Sequence[Leader | Metrics],
    directory: Directory,
    site: Site,
    journal: Journal | None,
    *closing: Callable[[], Awaitable[None]],
) -> Callable[[Any], Any]:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await asyncio.to_thread(device.warm)
        async with AsyncExitStack() as stack:  # what was opened first ends last
            for close in closing:
                stack.push_async_callback(close)
            if journal is not None:
                stack.push_async_callback(journal.ledger.close)
                await stack.enter_async_context(journal.at_work())  # what the rest tells when it ends, too
            await stack.enter_async_context(_learning(directory))
            if directory.sessions.places is not None:
                await stack.enter_async_context(directory.sessions.places.following())
            for leader in leaders:
                await stack.enter_async_context(leader.at_work())
            await stack.enter_async_context(site.following())  # where we are mounted nobody else does
            stack.enter_context(told_to_end(site.streams.close))
            yield

    return lifespan


async def _not_here(request: Request, error: Exception) -> Response:
    """404 and 405, as the rest of the API or of the pages says no."""
    wrong_method = isinstance(error, HTTPException) and error.status_code == 405
    refusal = MethodRejected() if wrong_method else NothingHere()
    base, path = placed(request.scope["path"], request.scope.get("root_path", ""))
    if _for_programs(request.method, path):
        sent = response(problem(refusal))
    elif wrong_method:
        said = "This page cannot be used like that."
        sent = response(pages.error_page(405, "Not possible", said, base=base))
    else:
        said = "There is no page at this address."
        sent = response(pages.error_page(404, "Page not found", said, base=base))
    if wrong_method:
        sent.headers["allow"] = ", ".join(sorted(_methods(request)))
    return sent


def _as_page(visit: Visit, answer: Answer, message: str) -> Answer:
    """What the middleware refuses, for a person who looks at a page."""
    if _for_programs(visit.method, visit.path):
        return answer
    title = "Not available" if answer.status == 503 else "That did not work"
    kept = [header for header in answer.headers if header[0] in ("retry-after", "www-authenticate")]
    return pages.error_page(answer.status, title, message, base=visit.base).add(kept)


async def _broken(request: Request, error: Exception) -> Response:
    """500: a mistake of ours. Starlette logs it; nobody else is told what it was."""
    base, path = placed(request.scope["path"], request.scope.get("root_path", ""))
    if _for_programs(request.method, path):
        return response(broken())
    return response(pages.error_page(500, "That did not work", BROKEN, base=base))


def _for_programs(method: str, path: str) -> bool:
    """Whether no person looks at what is there, so that errors are JSON too."""
    if path == "/oauth/logout":
        return method == "POST"  # AuthVital's; to sign out at an application's request is a GET
    if method == "GET" and (path.startswith(CALLBACKS) or path in _ALSO_PAGES):
        return False
    return path.startswith(("/api/", "/oauth/", "/.well-known/")) and path not in _FOR_PEOPLE


_FOR_PEOPLE = (
    "/oauth/authorize",
    "/oauth/logout/confirm",
    ERROR_PAGE,
)
_ALSO_PAGES = ("/api/auth/signin", "/api/auth/signout")  # of Auth.js, whose scripts post there


def _methods(request: Request) -> set[str]:
    """What the address takes: the router knows only the first line of the table that it matches."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or {"GET", "HEAD"}
    return found


class _Assets(StaticFiles):
    """Files whose address changes with their content, so that caches may keep them for good."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        sent = super().file_response(*args, **kwargs)
        sent.headers["cache-control"] = "public, max-age=31536000, immutable"
        sent.headers["x-content-type-options"] = "nosniff"
        return sent
