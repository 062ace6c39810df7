"""Templates, and the headers that every page carries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from sojourn.api.routes import Call
from sojourn.web import csrf
from sojourn.web.pages import wording
from sojourn.web.pages.assets import asset, needed
from sojourn.web.pages.language import ENGLISH
from sojourn.web.reply import Answer

__all__ = ["HEADERS", "boot", "check_form", "error_page", "page", "rendered"]

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


class _Based(Extension):
    """A path that a template writes into an attribute is one of ours, and stands behind the prefix."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r'\b(href|src|action)="/', r'\1="{{ base }}/', source)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    extensions=[_Based],
)
_TEMPLATES.globals |= {"needed": needed, "signed_in": False, "acting": None, "demo": False, "t": ENGLISH}
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
    """*template* for whoever asks: with their name and "Sign out" if they are signed in.

    *t*: the words of their language, if the template is written in words of the catalogue.
    """
    visit = call.visit
    session = await visit.session(sure=True)  # as the answer to its forms will
    sessions = visit.site.sessions
    frame = {
        "signed_in": session is not None and session.user_id is not None,
        "user": await visit.user(),
        "path": visit.path,
        "demo": visit.site.demo,
        "acting": session if session is not None and session.parent_id is not None else None,
        "now": sessions.clock(),
        # Called by the forms of the page: one without a form gives the browser no name.
        "csrf": lambda: csrf.field(sessions.keys, visit.form_binding),
    }
    return rendered(template, base=visit.base, status=status, headers=headers, **frame | context)


def rendered(
    template: str,
    *,
    base: str,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    **context: Any,
) -> Answer:
    """*template* as an answer, the same for everybody who comes behind the prefix *base*."""
    places = {"base": base, "asset": lambda name: base + asset(name)}
    body = _TEMPLATES.get_template(template).render(places | context)
    return Answer(status, [*HEADERS, *headers], body.encode())


def error_page(
    status: int, title: str, message: str, request_id: str | None = None, *, base: str = ""
) -> Answer:
    """A page that says what went wrong. It asks for no session, so it works when that is what went wrong."""
    return rendered(
        "error.html", base=base, status=status, title=title, message=message, request_id=request_id
    )


def boot(facts: dict[str, Any]) -> Markup:
    """*facts* as JSON that ends no element early: within one, nothing but `<` means anything to a browser."""
    return Markup(msgspec.json.encode(facts).decode().replace("<", "\\u003c"))  # noqa: S704 -- JSON


async def check_form(call: Call) -> None:
    """Refuse a form that was not made by one of our pages, in this browser and this session."""
    await call.visit.session(sure=True)  # the field is bound to it, if there is one
    given = call.form.get("csrf", "")
    csrf.check_field(call.visit.site.sessions.keys, call.visit.form_binding, given)
