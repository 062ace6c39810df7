"""`sojourn applications create`: let software have people sign in here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from cyclopts import Parameter

from sojourn.cli.opened import opened
from sojourn.cli.options import Accounts, Flag, Json, Store
from sojourn.cli.output import print_json
from sojourn.cli.reading import Rules, rules_in, span_in
from sojourn.directory.directory import Registered
from sojourn.directory.records import Algorithm, Grant
from sojourn.directory.views import application_view

__all__ = ["create", "print_secret"]

_Many = Parameter(negative="", show_default=False, consume_multiple=False)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Described:
    """What there is to say of an application."""

    id: Annotated[str | None, Parameter(help="The public client id; without it one is made up.")] = None
    public: Annotated[bool, Flag, Parameter(help="It can keep no secret: an app, or a page alone.")] = False
    redirect_uris: Annotated[
        tuple[str, ...],
        _Many,
        Parameter(name="--redirect-uri", help="Where people return to after signing in; again for more."),
    ] = ()
    logout_uris: Annotated[
        tuple[str, ...],
        _Many,
        Parameter(name="--logout-uri", help="Where they may go after signing out; again for more."),
    ] = ()
    back_channel_logout_uri: Annotated[
        str | None, Parameter(help="Where it is told that a session has ended.")
    ] = None
    back_channel_session_required: Annotated[
        bool, Flag, Parameter(help="It wants to be told the session's id with that.")
    ] = False
    grants: Annotated[
        tuple[Grant, ...],
        _Many,
        Parameter(name="--grant", help="What it may ask for tokens with; again for more. [default: all]"),
    ] = ()
    scopes: Annotated[
        tuple[str, ...],
        _Many,
        Parameter(
            name="--scope",
            help="What it may ask for; again for more. [default: openid profile email offline_access]",
        ),
    ] = ()
    algorithm: Annotated[Algorithm, Parameter(help="Which signs its access tokens.")] = "RS256"
    access_ttl: Annotated[
        str | None,
        Parameter(
            help="How long one lasts, in seconds or such as 5m. "
            "[default: as the server has it, env: SOJOURN_ACCESS_TTL]"
        ),
    ] = None
    rules: Rules = ()

    def given(self) -> dict[str, Any]:
        """As `Directory.create_application` takes it."""
        ttl: timedelta | None = None if self.access_ttl is None else span_in("--access-ttl", self.access_ttl)
        return {
            "id": self.id,
            "public": self.public,
            "redirect_uris": self.redirect_uris,
            "post_logout_redirect_uris": self.logout_uris,
            "back_channel_logout_uri": self.back_channel_logout_uri,
            "back_channel_session_required": self.back_channel_session_required,
            "grants": self.grants,
            "scopes": self.scopes,
            "algorithm": self.algorithm,
            "access_ttl": ttl,
            "rules": rules_in(self.rules),
        }


async def create(
    name: Annotated[str, Parameter(help="What people know it as.")],
    /,
    *,
    described: Described | None = None,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
) -> None:
    """Add an application. Its secret is printed once: it is not stored, and cannot be shown again."""
    given = (described or Described()).given()
    async with opened({"store": store, "accounts": accounts}) as found:
        registered = await found.directory.create_application(name, **given)
    if not json:
        kind = "a public" if registered.application.public else "a confidential"
        print(
            f"Added {registered.application.name}, {kind} application.\nId:     {registered.application.id}"
        )
    print_secret(registered, json=json)


def print_secret(registered: Registered, *, json: bool) -> None:
    """The one time that it is told."""
    if json:
        print_json(application_view(registered.application) | {"secret": registered.secret})
    elif registered.secret is not None:
        print(f"Secret: {registered.secret}\nKeep it now: it is not stored, and cannot be shown again.")
