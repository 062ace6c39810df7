"""A refusal as a page: sign in, confirm, try again, or what to do instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call
from sojourn.errors import (
    CookieRejected,
    CsrfFailed,
    Forbidden,
    FreshnessRequired,
    RateLimited,
    Refusal,
    SessionError,
)
from sojourn.web.pages import wording
from sojourn.web.pages.rendering import error_page, page
from sojourn.web.reply import Answer, problem

__all__ = ["Form", "again", "as_page", "guarded"]

Form = Callable[[Call, Refusal | None], Awaitable[Answer]]

# What the person at the form can mend there.
_MENDABLE = frozenset(
    {
        "invalid_credentials",
        "rate_limited",
        "account_exists",
        "email_rejected",
        "password_rejected",
        "too_many_sessions",
        "https_required",
        "body_rejected",
    }
)
_KEPT = frozenset({"www-authenticate", "retry-after"})
_TITLES = {403: "Not allowed", 404: "Page not found", 409: "Changed meanwhile", 429: "Too many requests"}


async def as_page(call: Call, refusal: Refusal) -> Answer:
    """What a browser is told instead of problem details."""
    if isinstance(refusal, CookieRejected):
        status = refusal.status
        return error_page(status, "This browser sent broken cookies", refusal.message, base=call.visit.base)
    status, headers = said(refusal)
    if isinstance(refusal, SessionError) and status == 401:
        return see_other(address(call, "/sign-in"), next=_here(call), reason=wording.reason_code(refusal))
    if isinstance(refusal, FreshnessRequired):
        return see_other(address(call, "/confirm"), next=_here(call))
    title = "This page is out of date" if isinstance(refusal, CsrfFailed) else _TITLES.get(status)
    return await page(
        call,
        "error.html",
        status=status,
        headers=headers,
        title=title or "That did not work",
        message=message(refusal),
        request_id=None,
    )


def again(form: Form) -> Callable[[Call, Refusal], Awaitable[Answer]]:
    """Refusals of a form: the form once more if that helps."""

    async def refused(call: Call, refusal: Refusal) -> Answer:
        return await (form(call, refusal) if refusal.code in _MENDABLE else as_page(call, refusal))

    return refused


async def guarded(call: Call, refusal: Refusal) -> Answer:
    """Refusals of the pages for administrators."""
    if isinstance(refusal, Forbidden):
        refusal = Forbidden("You need the administrator role to see this page.")
    return await as_page(call, refusal)


def said(refusal: Refusal | None) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers, the same as the API's; 200 for None."""
    if refusal is None:
        return 200, []
    answer = problem(refusal)
    return answer.status, [header for header in answer.headers if header[0] in _KEPT]


def message(refusal: Refusal) -> str:
    if isinstance(refusal, RateLimited):
        return f"Too many attempts. Please try again in {wording.patience(refusal.retry_after)}."
    return refusal.message


def _here(call: Call) -> str:
    return address(call, call.visit.path, call.query)
