"""Signing up, in and out, and proving again who one is: a table of routes under /api/auth."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from sojourn.accounts import User
from sojourn.api.current import BASE, Mode, check_mode, check_origin, current_view, customised, with_tokens
from sojourn.api.routes import Call, Route
from sojourn.api.views import Changed, Current, Done, Entered, row, user_view
from sojourn.directory import Application, Tenant
from sojourn.errors import (
    Forbidden,
    InvalidCredentials,
    SessionError,
    SessionNotFound,
    TooManySessions,
)
from sojourn.session import Reason
from sojourn.sessions import Issued
from sojourn.web.reply import VERDICT, Answer

__all__ = [
    "ROUTES",
    "ChangePassword",
    "Reauthenticate",
    "SignIn",
    "SignUp",
    "change_password",
    "enter",
    "sign_up",
]

Email = Annotated[str, Meta(max_length=320)]
Password = Annotated[str, Meta(max_length=1024)]
Handle = Annotated[str, Meta(max_length=100)]
Presented = Annotated[str, Meta(max_length=10_000)]  # whatever is taken for a token


class SignUp(Struct, kw_only=True):
    email: Email
    password: Password
    name: Annotated[str, Meta(max_length=200)] = ""
    remember: bool = False
    mode: Mode = "cookie"
    application_id: Handle | None = None
    tenant_id: Handle | None = None  # or its slug


class SignIn(Struct, kw_only=True):
    """`end`: sessions of the same user that are to give way, chosen from those of a 409."""

    email: Email
    password: Password
    remember: bool = False
    mode: Mode = "cookie"
    application_id: Handle | None = None
    tenant_id: Handle | None = None
    end: Annotated[tuple[UUID, ...], Meta(max_length=100)] = ()


class Refresh(Struct, kw_only=True):
    """In bearer mode with the refresh token; without one the cookie is refreshed."""

    refresh_token: Presented | None = None


class SignOut(Struct, kw_only=True):
    refresh_token: Presented | None = None


class Reauthenticate(Struct, kw_only=True):
    password: Password


class ChangePassword(Struct, kw_only=True):
    current_password: Password
    new_password: Password


async def sign_up(call: Call) -> Entered:
    """Create an account and sign in."""
    if not call.sign_up_open:
        raise Forbidden("New accounts are made by an administrator here.")
    call.visit.require_https()
    body: SignUp = call.body
    check_mode(call, body.mode)
    user = await call.accounts.sign_up(body.email, body.password, body.name, ip=call.visit.peer.ip)
    return await _entered(call, user, await _login(call, user, body), body.mode)


async def sign_in(call: Call) -> Entered:
    """Sign in with e-mail address and password."""
    body: SignIn = call.body
    return await enter(call, body)


async def enter(call: Call, given: SignIn) -> Entered:
    """Check the password and start a session: in this browser, or for whoever bears its tokens."""
    call.visit.require_https()
    check_mode(call, given.mode)

    async def start(user: User) -> Issued:
        return await _login(call, user, given)

    try:
        user, issued = await call.accounts.sign_in(
            given.email, given.password, ip=call.visit.peer.ip, start=start
        )
    except InvalidCredentials:
        call.visit.take_back()  # the account may have changed after the session began
        raise
    return await _entered(call, user, issued, given.mode)


async def _login(call: Call, user: User, given: SignIn | SignUp) -> Issued:
    """A session of *user*, who has just proved who they are, for the application and tenant *given*."""
    sessions = call.visit.site.sessions
    for id in given.end if isinstance(given, SignIn) else ():
        with suppress(SessionNotFound):
            await sessions.revoke(id, owner=user.id, reason=Reason.USER, by=user.id)

    async def start(application: Application | None, tenant: Tenant | None) -> Issued:
        return await call.visit.login(
            user.id,
            amr=("pwd",),
            remember=given.remember,
            application_id=application.id if application else None,
            tenant_id=tenant.id if tenant else None,
            profile=sessions.policy.profile(user.role),
            cookie=given.mode == "cookie",
        )

    try:
        if given.application_id is None and given.tenant_id is None:
            return await start(None, None)
        return await call.directory.start(start, application_id=given.application_id, tenant=given.tenant_id)
    except TooManySessions as full:
        if full.asks:
            full.facts["sessions"] = [row(session, sessions.policy, None) for session in full.sessions]
        raise


async def _entered(call: Call, user: User, issued: Issued, mode: Mode) -> Entered:
    policy = call.visit.site.sessions.policy
    entered = Entered(user=user_view(user), session=row(issued.session, policy, issued.session.id))
    return await with_tokens(call, entered, issued) if mode == "bearer" else entered


async def sign_out(call: Call) -> Done:
    """End this session and take its cookie back; fine without a session too.

    In bearer mode it is the session of the access token, or of the refresh token in the body.
    """
    body: SignOut = call.body
    if body.refresh_token is None:
        await call.visit.logout()
    else:
        with suppress(SessionError):
            await call.visit.site.sessions.end(body.refresh_token)
    return Done()


async def refresh(call: Call) -> Answer:
    """Rotate the token in the cookie. Never extends the session: only a person's activity does.

    In bearer mode the refresh token comes in the body, and the answer holds its successor.
    """
    body: Refresh = call.body
    if body.refresh_token is None:
        issued = await call.visit.refresh()
    else:
        issued = await _refresh_bearer(call, body.refresh_token)
    call.session = issued.session
    view = await current_view(call, issued.session)
    if body.refresh_token is not None:
        view = await with_tokens(call, view, issued)
    answer = await customised(call, issued.session, view)
    return answer.add([(VERDICT, issued.verdict or "rotated")])


async def _refresh_bearer(call: Call, token: str) -> Issued:
    call.visit.require_https()
    check_mode(call, "bearer")
    sessions = call.visit.site.sessions
    session = await sessions.of(token)
    id = session.application_id if session else None
    if id is not None:
        application = await call.directory.application(id)
        if application is None or not application.public:  # which has to prove who it is (RFC 6749 section 6)
            raise Forbidden("This session is an application's: refresh it at /oauth/token, with its secret.")
    return await sessions.refresh(token, bearer=True, application_id=id)


async def reauthenticate(call: Call) -> Answer:
    """Prove again who you are, for what asks for a fresh sign-in. In bearer mode with new tokens."""
    call.visit.require_https()
    body: Reauthenticate = call.body
    await call.accounts.reauthenticate(str(call.in_person.user_id), body.password, ip=call.visit.peer.ip)
    issued = await call.visit.renew(amr=("pwd",))
    call.session = issued.session
    view = await current_view(call, issued.session)
    if call.visit.by_access_token:
        view = await with_tokens(call, view, issued)
    return await customised(call, issued.session, view)


async def change_password(call: Call) -> Changed:
    """Change the password, and end every other session. In bearer mode with new tokens for this one."""
    call.visit.require_https()
    body: ChangePassword = call.body
    count = await call.accounts.change_password(
        call.me, body.current_password, body.new_password, keep=call.in_person.id, ip=call.visit.peer.ip
    )
    issued = await call.visit.renew(amr=("pwd",))
    changed = Changed(count=count)
    return await with_tokens(call, changed, issued) if call.visit.by_access_token else changed


ROUTES = (
    Route(
        method="POST",
        path=f"{BASE}/sign-up",
        guard="open",
        act=sign_up,
        body=SignUp,
        returns=Entered,
        status=201,
        tag="sign-in",
        refusals=(
            "account_exists",
            "email_rejected",
            "password_rejected",
            "rate_limited",
            "forbidden",
            "too_many_sessions",
            "https_required",
        ),
    ),
    Route(
        method="POST",
        path=f"{BASE}/sign-in",
        guard="open",
        act=sign_in,
        body=SignIn,
        returns=Entered,
        tag="sign-in",
        refusals=(
            "invalid_credentials",
            "rate_limited",
            "session_changed",
            "too_many_sessions",
            "https_required",
        ),
    ),
    Route(
        method="POST",
        path=f"{BASE}/sign-out",
        guard="open",
        act=sign_out,
        before=check_origin,
        body=SignOut,
        optional_body=True,
        any_body=True,
        returns=Done,
        tag="sign-in",
    ),
    Route(
        method="POST",
        path=f"{BASE}/refresh",
        guard="open",
        act=refresh,
        body=Refresh,
        optional_body=True,
        returns=Current,
        tag="sign-in",
        refusals=("unauthenticated", "refresh_reused", "session_changed", "https_required", "forbidden"),
    ),
    Route(
        method="POST",
        path=f"{BASE}/reauthenticate",
        guard="session",
        act=reauthenticate,
        body=Reauthenticate,
        returns=Current,
        tag="sign-in",
        refusals=("invalid_credentials", "rate_limited", "session_changed"),
    ),
    Route(
        method="POST",
        path=f"{BASE}/password",
        guard="session",
        act=change_password,
        body=ChangePassword,
        returns=Changed,
        tag="sign-in",
        refusals=("invalid_credentials", "password_rejected", "rate_limited", "session_changed"),
    ),
)
