"""What `next-auth/react` asks, under /api/auth: the client of Auth.js runs on our sessions unmodified.

The shapes are theirs, of version 4 or 5; what they mean is ours. A read writes no cookie, a store that
is away is 503 and not "signed out", and what reaches a browser is a fixed list of fields, with what the
application's custom session adds. Tokens and columns of the user are not among them. The two pages are
`web.pages.authjs`.
"""

from __future__ import annotations

from functools import partial

from sojourn.api.authjs.dialect import Dialect, line
from sojourn.api.authjs.session import Update, read, update
from sojourn.api.authjs.signing_in import Credentials, Start, credentials, providers, start
from sojourn.api.authjs.signing_out import Leave, sign_out, token
from sojourn.api.routes import Route

__all__ = ["ROUTES"]


def _table(dialect: Dialect) -> tuple[Route, ...]:
    route = partial(line, dialect)
    return (
        route("GET", "/session", read),
        route("POST", "/session", update, body=Update, optional_body=True),
        route("GET", "/csrf", token),
        route("GET", "/providers", providers),
        route("POST", "/signin/{provider}", start, body=Start, **_form(dialect, "OAuthSignin")),
        route(
            "POST",
            "/callback/credentials",
            credentials,
            body=Credentials,
            **_form(dialect, "CredentialsSignin"),
        ),
        route("POST", "/signout", sign_out, body=Leave, **_form(dialect, "Signin")),
    )


def _form(dialect: Dialect, error: str) -> dict[str, object]:
    return {"or_form": True, "optional_body": True, "refused": dialect.refused(error)}


ROUTES: dict[str, tuple[Route, ...]] = {
    dialect.version: _table(dialect) for dialect in (Dialect(version="v4"), Dialect(version="v5"))
}
