"""The native API: a table of routes under /api/auth."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from msgspec import Meta, Struct, to_builtins

from sojourn import lifecycle
from sojourn.accounts import User
from sojourn.api.routes import Call, Route
from sojourn.api.views import (
    Changed,
    Count,
    Current,
    Done,
    Ended,
    Entered,
    History,
    SessionList,
    ended_row,
    instant,
    limits,
    row,
    user_view,
)
from sojourn.custom import KEY, merged
from sojourn.directory import Application, Tenant
from sojourn.errors import (
    BodyRejected,
    Forbidden,
    InvalidCredentials,
    SessionError,
    SessionNotFound,
    TooManySessions,
)
from sojourn.session import Reason, Session
from sojourn.sessions import Issued
from sojourn.web.reply import VERDICT, Answer, as_json

__all__ = ["BASE", "ROUTES", "enter"]

BASE = "/api/auth"

Email = Annotated[str, Meta(max_length=320)]
Password = Annotated[str, Meta(max_length=1024)]


Mode = Literal["cookie", "bearer"]
Handle = Annotated[str, Meta(max_length=100)]
Presented = Annotated[str, Meta(max_length=10_000)]  # whatever is taken for a token
Entry = TypeVar("Entry", Entered, Current, Changed)


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


class Activity(Struct, kw_only=True):
    """How long ago, by the client's own clock, a person last did something."""

    idle_ms: Annotated[int, Meta(ge=0, le=400 * 86_400_000)] = 0


class Reauthenticate(Struct, kw_only=True):
    password: Password


class ChangePassword(Struct, kw_only=True):
    current_password: Password
    new_password: Password


class RevokeAll(Struct, kw_only=True, forbid_unknown_fields=True):
    """Only sessions of one application or tenant, if named. A field that is misspelt must not mean "all"."""

    include_current: bool = False
    application_id: Handle | None = None
    tenant_id: Handle | None = None


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


def check_mode(call: Call, mode: Mode) -> None:
    """Refuse bearer mode where nobody can sign an access token, before anything is done."""
    if mode == "bearer" and not call.visit.site.issuer:
        raise BodyRejected(
            "There are no keys for access tokens here: the operator makes them with `sojourn keys rotate`. "
            "Or use the cookie mode.",
            status=422,
        )


async def _entered(call: Call, user: User, issued: Issued, mode: Mode) -> Entered:
    policy = call.visit.site.sessions.policy
    entered = Entered(user=user_view(user), session=row(issued.session, policy, issued.session.id))
    return await with_tokens(call, entered, issued) if mode == "bearer" else entered


async def with_tokens(call: Call, view: Entry, issued: Issued) -> Entry:
    """*view* with what bearer mode hands over: an access token, and the token that refreshes it."""
    check_mode(call, "bearer")
    access = await call.visit.site.issuer.issue(issued.session)  # type: ignore[union-attr]
    view.access_token, view.expires_in = access.text, access.expires_in
    view.refresh_token, view.token_type = issued.token, "Bearer"
    return view


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
    view = await _current(call, issued.session)
    if body.refresh_token is not None:
        view = await with_tokens(call, view, issued)
    answer = await _customised(call, issued.session, view)
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


async def activity(call: Call) -> Answer:
    """Tell that a person was active, `idle_ms` ago: that slides the session, as far as its limits let it."""
    body: Activity = call.body
    call.session = await call.visit.active(timedelta(milliseconds=body.idle_ms))
    return await _customised(call, call.session, await _current(call, call.session))


async def reauthenticate(call: Call) -> Answer:
    """Prove again who you are, for what asks for a fresh sign-in. In bearer mode with new tokens."""
    call.visit.require_https()
    body: Reauthenticate = call.body
    await call.accounts.reauthenticate(call.me, body.password, ip=call.visit.peer.ip)
    issued = await call.visit.renew(amr=("pwd",))
    call.session = issued.session
    view = await _current(call, issued.session)
    if call.visit.bearer is not None:
        view = await with_tokens(call, view, issued)
    return await _customised(call, issued.session, view)


async def change_password(call: Call) -> Changed:
    """Change the password, and end every other session. In bearer mode with new tokens for this one."""
    call.visit.require_https()
    body: ChangePassword = call.body
    count = await call.accounts.change_password(
        call.me, body.current_password, body.new_password, keep=call.mine.id, ip=call.visit.peer.ip
    )
    issued = await call.visit.renew(amr=("pwd",))
    changed = Changed(count=count)
    return changed if call.visit.bearer is None else await with_tokens(call, changed, issued)


async def list_mine(call: Call) -> SessionList:
    """Your live sessions: this device first, then the most recently active."""
    sessions = call.visit.site.sessions
    found = await sessions.list(
        call.me,
        application_id=call.query.get("application_id"),
        tenant_id=call.query.get("tenant_id"),
        limit=call.limit(),
    )
    found.sort(key=lambda session: session.id != call.mine.id)
    rows = [row(session, sessions.policy, call.mine.id) for session in found]
    return SessionList(sessions=rows, count=len(rows), server_now=instant(sessions.clock()))


async def current(call: Call) -> Answer:
    """This session, its user, and the limits that people read."""
    sessions = call.visit.site.sessions
    left = lifecycle.idle_end(call.mine, sessions.policy) - sessions.clock()
    if (
        left <= sessions.policy.of(call.mine).activity_every
    ):  # perhaps not: it may have been used where our snapshot cannot tell
        call.session = await call.visit.require(sure=True)
    return await _customised(call, call.mine, await _current(call, call.mine))


async def _customised(call: Call, session: Session, view: Current) -> Answer:
    """*view* with what the application adds to a session."""
    sessions = call.visit.site.sessions
    if sessions.custom is None:
        return as_json(view)
    fields = (await sessions.customised(session)).data.get(KEY) or {}
    return as_json(merged(to_builtins(view), fields))


async def _current(call: Call, session: Session) -> Current:
    sessions = call.visit.site.sessions
    load = call.visit.site.load_user
    user = await load(session.user_id) if load and session.user_id else None
    return Current(
        user=user_view(user) if user else None,
        session=row(session, sessions.policy, session.id),
        limits=limits(sessions.policy.of(session)),
        server_now=instant(sessions.clock()),
    )


async def history(call: Call) -> History:
    """Your sessions that ended lately, latest first."""
    sessions = call.visit.site.sessions
    found = await sessions.history(call.me, limit=call.limit())
    rows = [ended_row(session, sessions.policy) for session in found]
    return History(sessions=rows, count=len(rows), server_now=instant(sessions.clock()))


async def revoke_one(call: Call) -> Ended:
    """Sign out one of your devices; your current one is a sign-out."""
    id = call.id()
    if id == call.mine.id:
        await call.visit.logout()
    else:
        await call.visit.site.sessions.revoke(id, owner=call.me, reason=Reason.USER, by=call.me)
    return Ended(id=id)


async def revoke_others(call: Call) -> Count:
    """Sign out every device but this one."""
    count = await call.visit.site.sessions.revoke_all(call.me, keep=call.mine.id, by=call.me)
    return Count(count=count)


async def revoke_all(call: Call) -> Count:
    """Sign out every device but this one, or with `include_current` this one too."""
    body: RevokeAll = call.body
    count = await call.visit.site.sessions.revoke_all(
        call.me,
        keep=None if body.include_current else call.mine.id,
        by=call.me,
        application_id=body.application_id,
        tenant_id=body.tenant_id,
    )
    mine = (body.application_id or call.mine.application_id, body.tenant_id or call.mine.tenant_id)
    if body.include_current and mine == (call.mine.application_id, call.mine.tenant_id):
        call.visit.clear()
    return Count(count=count)


_PAGE = {"limit": "at most this many, up to 100"}
_FILTERS = _PAGE | {
    "application_id": "only sessions of this application",
    "tenant_id": "only sessions of this tenant",
}

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
        path=f"{BASE}/activity",
        guard="session",
        passive=True,
        act=activity,
        body=Activity,
        optional_body=True,
        returns=Current,
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
    Route(
        method="GET",
        path=f"{BASE}/sessions",
        guard="session",
        act=list_mine,
        returns=SessionList,
        query=_FILTERS,
    ),
    Route(
        method="GET",
        path=f"{BASE}/sessions/current",
        guard="session",
        sure=False,
        act=current,
        returns=Current,
    ),
    Route(
        method="GET",
        path=f"{BASE}/sessions/history",
        guard="session",
        act=history,
        returns=History,
        query=_PAGE,
    ),
    Route(
        method="DELETE",
        path=f"{BASE}/sessions/{{id}}",
        guard="session",
        act=revoke_one,
        returns=Ended,
        refusals=("not_found",),
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/revoke-others",
        guard="fresh",
        act=revoke_others,
        returns=Count,
    ),
    Route(
        method="POST",
        path=f"{BASE}/sessions/revoke-all",
        guard="fresh",
        act=revoke_all,
        body=RevokeAll,
        optional_body=True,
        returns=Count,
    ),
)
