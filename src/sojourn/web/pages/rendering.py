"""Templates, and the headers that every page carries."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sojourn.api.routes import Call
from sojourn.web import csrf
from sojourn.web.pages import wording
from sojourn.web.pages.assets import asset
from sojourn.web.reply import Answer

__all__ = ["HEADERS", "check_form", "error_page", "page", "rendered"]

# No inline script or style anywhere, so no nonce and no hash is needed (ASVS 3.4.3).
_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", _CSP),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-store"),
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_TEMPLATES.globals |= {"asset": asset, "signed_in": False, "demo": False}
_TEMPLATES.filters |= {
    "ago": wording.ago,
    "date": wording.date,
    "instant": wording.instant,
    "number": wording.number,
    "counted": wording.counted,
}


async def page(
    call: Call, template: str, *, status: int = 200, headers: Iterable[tuple[str, str]] = (), **context: Any
) -> Answer:
    """*template* for whoever asks: with their name and "Sign out" if they are signed in."""
    visit = call.visit
    session = await visit.session(sure=True)  # as the answer to its forms will
    sessions = visit.site.sessions
    frame = {
        "signed_in": session is not None and session.user_id is not None,
        "user": await visit.user(),
        "path": visit.path,
        "demo": visit.site.demo,
        "now": sessions.clock(),
        # Called by the forms of the page: one without a form gives the browser no name.
        "csrf": lambda: csrf.field(sessions.keys, visit.form_binding),
    }
    return rendered(template, status=status, headers=headers, **frame | context)


def rendered(
    template: str, *, status: int = 200, headers: Iterable[tuple[str, str]] = (), **context: Any
) -> Answer:
    """*template* as an answer, the same for everybody."""
    body = _TEMPLATES.get_template(template).render(context)
    return Answer(status, [*HEADERS, *headers], body.encode())


def error_page(status: int, title: str, message: str, request_id: str | None = None) -> Answer:
    """A page that says what went wrong. It asks for no session, so it works when that is what went wrong."""
    return rendered("error.html", status=status, title=title, message=message, request_id=request_id)


async def check_form(call: Call) -> None:
    """Refuse a form that was not made by one of our pages, in this browser and this session."""
    await call.visit.session(sure=True)  # the field is bound to it, if there is one
    given = call.form.get("csrf", "")
    csrf.check_field(call.visit.site.sessions.keys, call.visit.form_binding, given)
