"""What the pages of administrators have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec.structs import asdict

from sojourn.api.admin.stats import Stats
from sojourn.api.current import BASE
from sojourn.api.redirects import address
from sojourn.api.routes import Act, Call, Guard, Route
from sojourn.session import Session
from sojourn.web.pages import wording
from sojourn.web.pages.refusals import guarded
from sojourn.web.pages.rendering import boot, page
from sojourn.web.pages.rows import Row, rows
from sojourn.web.reply import Answer

__all__ = ["PAGE", "Name", "admin_page", "form", "shown", "view"]

Name = Literal["overview", "sessions", "users", "user", "alerts", "revoke", "everyone"]

PAGE = 50
_NAMES = 100  # of applications and tenants to choose from; a filter in the address knows more


async def admin_page(
    call: Call,
    template: str,
    *,
    name: Name,
    user_id: str | None = None,
    stats: Stats | None = None,
    **context: Any,
) -> Answer:
    """*template*, and what the script that takes it over has to know; no data that its reader may not see."""
    applications = await call.directory.applications(limit=_NAMES)
    tenants = await call.directory.tenants(limit=_NAMES)
    facts = {
        "page": name,
        "base": call.visit.base,
        "base_url": address(call, BASE),
        "login_url": address(call, "/sign-in"),
        "user_id": user_id,
        "stats": stats,
        "applications": {one.id: one.name for one in applications},
        "tenants": {one.id: one.name for one in tenants},
        "act_for": int(call.visit.site.sessions.policy.impersonate_for.total_seconds() // 60),
    }
    done = wording.done(call.query.get("done", ""))
    return await page(call, template, name=name, done=done, stats=stats, boot=boot(facts), **context)


async def shown(call: Call, found: Iterable[Session]) -> list[Row]:
    """*found* as lines, each with its user, who is asked for once."""
    lines = await rows(call, found, mine=call.mine.id)
    ids = {line.session.user_id for line in lines if line.session.user_id}
    users = {id: await call.accounts.get(id) for id in ids}
    return [Row(**asdict(line) | {"user": users.get(line.session.user_id or "")}) for line in lines]


def view(path: str, act: Act, guard: Guard = "admin") -> Route:
    """A page that is looked at."""
    return Route(method="GET", path=path, act=act, refused=guarded, guard=guard)


def form(path: str, act: Act, guard: Guard = "fresh admin") -> Route:
    """A form that is sent."""
    return Route(method="POST", path=path, act=act, refused=guarded, guard=guard, form=True)
