"""Where versions 4 and 5 differ, and how either is told where to go next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from sojourn.api.authjs.addresses import landing
from sojourn.api.current import BASE
from sojourn.api.routes import Act as Bare
from sojourn.api.routes import Call, Refused, Route
from sojourn.errors import BodyRejected, CsrfFailed, InvalidCredentials, Refusal
from sojourn.web.away import StoreAway
from sojourn.web.reply import Answer, as_json, problem, unavailable

__all__ = ["BASE", "Act", "Dialect", "Sent", "line", "spoken"]


class Sent(Struct, kw_only=True):
    """What each form of theirs has; fields of other names are none of ours."""

    csrfToken: str = ""  # noqa: N815 - their names
    callbackUrl: str = ""  # noqa: N815
    json: str | bool = False  # how version 4 asks for the next address instead of a redirect


class Dialect(Struct, frozen=True, kw_only=True):
    """One of their versions: what it reads, and how it asks."""

    version: Literal["v4", "v5"]

    @property
    def nobody(self) -> dict[str, Any] | None:
        """The session of who is not signed in: version 4 cannot read `null`."""
        return None if self.version == "v5" else {}

    @property
    def oidc(self) -> str:
        """The type of a provider that speaks OpenID Connect."""
        return "oidc" if self.version == "v5" else "oauth"

    def csrf_cookie(self, call: Call) -> str:
        """The name of the cookie with the CSRF token."""
        name = "authjs.csrf-token" if self.version == "v5" else "next-auth.csrf-token"
        return f"__Host-{name}" if call.visit.site.carrier.secure else name

    # ── where to go next ─────────────────────────────────────────────────────────────────────

    def by_script(self, call: Call) -> bool:
        """Whether a script asks, which goes on by itself; a form of a page is redirected."""
        if self.version == "v5":
            return call.visit.headers.get("x-auth-return-redirect") is not None
        return isinstance(call.body, Sent) and str(call.body.json).lower() == "true"

    def onwards(self, call: Call, url: str) -> Answer:
        """To *url*."""
        if self.by_script(call):
            return as_json({"url": url})
        return Answer(302, [("location", url), ("cache-control", "no-store")])

    def page(self, call: Call, name: str, query: Mapping[str, str], to: str) -> str:
        """The address of a page of theirs, which leads on to *to*."""
        asked = urlencode({**query, "callbackUrl": to})
        return f"{call.visit.site.origin}{call.visit.base}{BASE}/{name}?{asked}"

    # ── what went wrong ──────────────────────────────────────────────────────────────────────

    def refused(self, error: str) -> Refused:
        """How a refusal is said: by an address with *error* in it, because their client reads no more.

        Scripts get the status and the words besides, but for a wrong password in version 5, whose
        client and its users know that as 200.
        """

        async def refused(call: Call, refusal: Refusal) -> Answer:
            url = self._told(call, refusal, error)
            theirs = isinstance(refusal, CsrfFailed if self.version == "v4" else _AS_200)
            if theirs or not (self.by_script(call) or isinstance(refusal, BodyRejected)):
                return self.onwards(call, url)
            refusal.facts["url"] = url
            return problem(refusal)

        return refused

    def away(self, call: Call, away: StoreAway) -> Answer:
        """503 with an address in it: without one their client throws."""
        answer = unavailable(away)
        said = msgspec.json.decode(answer.body)
        said["url"] = self.page(call, "signin", {"error": "Configuration"}, self._wanted(call))
        return Answer(answer.status, answer.headers, msgspec.json.encode(said))

    def _told(self, call: Call, refusal: Refusal, error: str) -> str:
        query = {"error": error}
        page = "signin"
        if isinstance(refusal, CsrfFailed):
            query = {"error": "MissingCSRF"}
            if self.version == "v4":
                query["csrf"] = "true"
                page = "signout" if call.visit.path.endswith("/signout") else page
        elif error == "CredentialsSignin" and self.version == "v5":
            query["code"] = "credentials" if isinstance(refusal, InvalidCredentials) else refusal.code
        return self.page(call, page, query, self._wanted(call))

    def _wanted(self, call: Call) -> str:
        asked = call.body.callbackUrl if isinstance(call.body, Sent) else ""
        return landing(call.visit.site.origin, asked)


_AS_200 = (CsrfFailed, InvalidCredentials)

Act = Callable[[Call, Dialect], Awaitable[Any]]


def spoken(act: Act, dialect: Dialect) -> Bare:
    """*act* in that *dialect*, under a name that says so."""

    @wraps(act)
    async def speaking(call: Call) -> Any:
        return await act(call, dialect)

    speaking.__name__ = f"authjs_{act.__name__}"
    return speaking


def line(dialect: Dialect, method: str, path: str, act: Act, **more: Any) -> Route:
    """A line of their table, in that *dialect*."""
    return Route(
        method=method,
        path=BASE + path,
        act=spoken(act, dialect),
        guard="open",
        in_passing=True,
        tag="authjs",
        **more,
    )
