"""`sojourn sessions start`: a session without anybody signing in, for scripts, tests and support."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn import device, keyring
from sojourn.api.oauth import terms_of
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Json, KeysFile, Store
from sojourn.cli.output import print_json
from sojourn.cli.reading import span_in
from sojourn.directory import Application, Tenant
from sojourn.errors import SettingsError
from sojourn.issuer import AccessToken, Issuer
from sojourn.sessions import Issued

__all__ = ["start"]


async def start(
    *,
    user: Annotated[str, Parameter(help="Whose it is to be: e-mail address or id.")],
    application: Annotated[
        str | None, Parameter(help="The application that is to have it, by its id.")
    ] = None,
    tenant: Annotated[str | None, Parameter(help="The tenant for which it is, by slug or id.")] = None,
    user_agent: Annotated[str, Parameter(help="What the device says of itself.")] = "",
    ip: Annotated[str | None, Parameter(help="Its address.")] = None,
    access_ttl: Annotated[
        str | None,
        Parameter(
            help="How long the access token is good, in seconds or such as 5m. "
            "[default: as the application has it, env: SOJOURN_ACCESS_TTL]"
        ),
    ] = None,
    json: Json = False,
    store: Store = None,
    accounts: Accounts = None,
    keys_file: KeysFile = None,
) -> None:
    """Start a session of a user and print its tokens. Whoever has them is that user, just signed in."""
    settings = {"store": store, "accounts": accounts, "keys_file": keys_file}
    life = None if access_ttl is None else span_in("--access-ttl", access_ttl)
    async with opened(settings, users="@" in user, tokens=True) as found:
        user_id = await found.user_id(user)

        async def begin(application: Application | None, tenant: Tenant | None) -> Issued:
            return await found.sessions.start(
                user_id,
                application_id=application.id if application else None,
                tenant_id=tenant.id if tenant else None,
                device=device.describe({"user-agent": user_agent}),
                ip=ip,
                bearer=True,
            )

        issuer = _issuer(found)
        issued = await found.directory.start(begin, application_id=application, tenant=tenant)
        access = await issuer.issue(issued.session, life=life)
    _print(issued, access, json=json)


def _issuer(found: Opened) -> Issuer:
    signers = keyring.signers(found.settings)
    if not signers:
        raise SettingsError("there are no keys for access tokens; run `sojourn keys rotate --access`")
    return Issuer(
        found.sessions,
        signers,
        url=found.settings.origin,
        life=found.settings.access_ttl,
        terms_of=terms_of(found.directory),
    )


def _print(issued: Issued, access: AccessToken, *, json: bool) -> None:
    told = {
        "access_token": access.text,
        "refresh_token": issued.token,
        "session_id": str(issued.session.id),
        "expires_in": access.expires_in,
    }
    if json:
        print_json(told)
    else:
        print("\n".join(f"{name + ':':14} {value}" for name, value in told.items()))
