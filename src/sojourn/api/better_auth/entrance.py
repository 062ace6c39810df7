"""Signing up and in as Better Auth's client does it, and the bearer tokens that its plugin hands over."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from sojourn.accounts import User
from sojourn.accounts.user import clean_email
from sojourn.api.better_auth.shapes import user_shape
from sojourn.api.better_auth.words import Wrong, check_sign_in_origin, line
from sojourn.api.routes import Call
from sojourn.errors import InvalidCredentials
from sojourn.session import Session
from sojourn.sessions import Issued
from sojourn.token import derive
from sojourn.web import parked
from sojourn.web.reply import Answer, as_json
from sojourn.web.within import within

__all__ = ["ROUTES", "bearer_token", "begin_session", "check_redirect"]

Email = Annotated[str, Meta(max_length=320)]
Password = Annotated[str, Meta(max_length=1024)]
Url = Annotated[str, Meta(max_length=2048)]


class SignUpEmail(Struct, kw_only=True):
    name: Annotated[str, Meta(max_length=200)]
    email: Email
    password: str  # whatever is too long is said as such
    image: Url | None = None
    rememberMe: bool = True  # noqa: N815 - their names
    callbackURL: Any = None  # noqa: N815


class SignInEmail(Struct, kw_only=True):
    email: Email
    password: Password
    rememberMe: bool = True  # noqa: N815
    callbackURL: Any = None  # noqa: N815


async def better_auth_sign_up(call: Call) -> Answer:
    """Create an account and sign in."""
    if not call.sign_up_open:
        raise Wrong(400, "EMAIL_PASSWORD_SIGN_UP_DISABLED", "New accounts are made by an administrator here")
    call.visit.require_https()
    body: SignUpEmail = call.body
    check_redirect(call, body.callbackURL, "INVALID_CALLBACK_URL", "Invalid callbackURL")
    ip = call.visit.peer.ip
    user = await call.accounts.sign_up(body.email, body.password, body.name, ip=ip, image=body.image)
    issued = await begin_session(call, user, remember=body.rememberMe)
    answer = {"token": bearer_token(call, issued.session), "user": to_builtins(user_shape(user))}
    return as_json(answer)


async def better_auth_sign_in(call: Call) -> Answer:
    """Sign in with e-mail address and password."""
    call.visit.require_https()
    body: SignInEmail = call.body
    url = check_redirect(call, body.callbackURL, "INVALID_CALLBACK_URL", "Invalid callbackURL")
    clean_email(body.email)  # what is no address is said, unlike what nobody has

    async def start(user: User) -> Issued:
        return await begin_session(call, user, remember=body.rememberMe)

    try:
        user, issued = await call.accounts.sign_in(
            body.email, body.password, ip=call.visit.peer.ip, start=start
        )
    except InvalidCredentials:
        call.visit.take_back()
        raise
    answer: dict[str, Any] = {
        "redirect": url is not None,
        "token": bearer_token(call, issued.session),
        "user": to_builtins(user_shape(user)),
    }
    headers = []
    if url is not None:
        answer["url"] = url
        headers = [("location", url)]
    return as_json(answer).add(headers)


async def begin_session(call: Call, user: User, *, remember: bool, **facts: Any) -> Issued:
    """A session of *user* in this browser; who was signed in here stays so beside it, if that is allowed."""
    visit = call.visit
    if visit.bearer is not None:
        visit.cookie_alone()
    before = await visit.session(sure=True)
    others = parked.others(visit) if call.multi_session else {}
    beside = (
        call.multi_session
        and before is not None
        and before.parent_id is None
        and before.user_id not in (None, user.id)
        and len(others) < parked.MOST
    )
    issued = await visit.login(
        user.id,
        amr=facts.pop("amr", ("pwd",)),
        remember=remember,
        profile=visit.site.sessions.policy.profile(user.role),
        beside=beside,
        **facts,
    )
    if beside and before is not None:
        parked.park(visit, parked.slot_of(before.id), before)
    for id, other in others.items():  # one session of each person
        session = await parked.valid(visit, other)
        if session is None or session.user_id == user.id:
            await parked.end(visit, only=parked.slot_of(id))
    return issued


def bearer_token(call: Call, session: Session) -> str | None:
    """What a client without cookies may show instead of one, also told where their plugin looks for it.

    None if that is switched off.
    """
    site = call.visit.site
    if not site.bearer_tokens:
        return None
    token = derive(session, site.sessions.keys, "bearer")
    call.visit.tell(token)
    return token


def check_redirect(call: Call, url: Any, name: str, message: str) -> str | None:
    """*url*, if it leads to us: a path, or an address of our own origin. None if nothing was given."""
    if url is None or url == "":
        return None
    if not isinstance(url, str):
        raise Wrong(400, name, message)
    if within(url, call.visit.site.origin) is None:
        raise Wrong(403, name, message)
    return url


_OPEN: dict[str, Any] = {"guard": "open", "or_form": True, "before": check_sign_in_origin}

ROUTES = (
    line("POST", "/sign-up/email", better_auth_sign_up, body=SignUpEmail, **_OPEN),
    line("POST", "/sign-in/email", better_auth_sign_in, body=SignInEmail, **_OPEN),
)
