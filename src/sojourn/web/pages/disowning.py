"""The page behind the link of a notice: "this wasn't me", for who cannot or will not sign in."""

from __future__ import annotations

from datetime import timedelta

from sojourn import lifecycle
from sojourn.accounts.limits import Rate, network
from sojourn.api.routes import Call, Route
from sojourn.errors import RateLimited, SessionNotFound
from sojourn.observe.alerts.rules import family
from sojourn.observe.notices import devices
from sojourn.observe.notices.devices import LIFE, PATH
from sojourn.observe.notices.letters import coarse
from sojourn.session import Reason, Session
from sojourn.verbs.own import Instead
from sojourn.web.pages.language import spoken
from sojourn.web.pages.refusals import as_page
from sojourn.web.pages.rendering import check_form, page
from sojourn.web.reply import Answer

__all__ = ["ROUTES"]

_ONCE = Rate(1, LIFE)
_PER_ADDRESS = Rate(10, timedelta(minutes=1))
_CHOICES: dict[str, Instead] = {"device": "device", "all": "all"}


async def disown_page(call: Call) -> Answer:
    """Ask before a device is signed out. To open it does nothing: programs open what is in a mail."""
    text = call.query.get("link", "")
    session = await _named(call, text)
    if session is None:
        return await _page(call, "over", status=404)
    return await _page(call, _asked(call, session), session, link=text)


async def disown_form(call: Call) -> Answer:
    """Sign out the device that the link names, once; no session is needed for it.

    Of a session that has ended nothing else ends, unless the reader chooses what: each choice once.
    """
    await check_form(call)
    await _admit(call)
    text = call.form.get("link", "")
    session = await _named(call, text)
    if session is None:
        return await _page(call, "over", status=404)
    asked, instead = _asked(call, session), _CHOICES.get(call.form.get("instead", ""))
    if asked == "ask":
        return await _disowned(call, session, None, text)
    if asked == "ended" and instead is not None:
        return await _disowned(call, session, instead, text)
    return await _page(call, asked, session, link=text)


async def _disowned(call: Call, session: Session, instead: Instead | None, text: str) -> Answer:
    sessions, store = call.visit.site.sessions, call.accounts.store
    chosen = f" {instead}" if instead else ""
    key, now = _hashed(call, f"not-me link {session.id}{chosen}"), sessions.clock()
    wait = await store.take(key, rate=_ONCE, at=now)
    # Whoever died in the middle of the first time has left a session that lives.
    if wait is not None and instead:
        return await _page(call, "used", session)
    try:
        count = await sessions.disown(session.id, instead=instead)
    except SessionNotFound:  # it ended a moment ago
        if wait is None:
            await store.give_back(key, rate=_ONCE)
        return await _page(call, "ended", session, link=text)
    except BaseException:
        if wait is None:
            await store.give_back(key, rate=_ONCE)
        raise
    return await _page(call, "done", session, count=count)


def _asked(call: Call, session: Session) -> str:
    """What the page is about: to sign out the session, that it has ended, or that its link was used."""
    if session.reason is Reason.REPORTED:
        return "used"
    sessions = call.visit.site.sessions
    over = session.held is None and lifecycle.ended(session, sessions.policy, sessions.clock())
    return "ended" if over else "ask"


async def _named(call: Call, text: str) -> Session | None:
    """The session that the link *text* names; None if it is none of ours, or too old."""
    sessions = call.visit.site.sessions
    link = devices.read(text, sessions.keys)
    if link is None or sessions.clock() >= link.ends_at:
        return None
    return await sessions.store.get(link.session_id)


async def _admit(call: Call) -> None:
    ip = call.visit.peer.ip
    if ip is None:
        return
    key = _hashed(call, f"not-me address {network(ip)}")
    now = call.visit.site.sessions.clock()
    if wait := await call.accounts.store.take(key, rate=_PER_ADDRESS, at=now):
        raise RateLimited(wait)


def _hashed(call: Call, name: str) -> str:
    return call.visit.site.sessions.keys.mac("limits", name.encode("utf-8", "surrogatepass"))[:16].hex()


async def _page(
    call: Call,
    state: str,
    session: Session | None = None,
    *,
    status: int = 200,
    link: str = "",
    count: int = 0,
) -> Answer:
    """Of the session no more than is in the notice: the link may have been forwarded."""
    say = spoken(call.visit.headers)
    return await page(
        call,
        "disown.html",
        status=status,
        headers=[("vary", "Accept-Language")],
        t=say,
        state=state,
        device=session and family(session, say("mail.device.unknown")),
        named=session is not None and session.device.id is not None,
        place=session and coarse(session.place, say),
        link=link,
        count=count,
    )


ROUTES = (
    Route(method="GET", path=PATH, act=disown_page, refused=as_page, guard="open"),
    Route(method="POST", path=PATH, act=disown_form, refused=as_page, guard="open", form=True),
)
