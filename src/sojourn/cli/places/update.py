"""`sojourn places update`: fetch the database of places."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.options import Places, option
from sojourn.cli.output import progress
from sojourn.clock import utc_now
from sojourn.errors import SettingsError
from sojourn.settings import load

__all__ = ["update"]

From = Annotated[str | None, option("places_from")]
Redirects = Annotated[str | None, option("places_redirects")]


async def update(
    *,
    places: Places = None,
    places_from: Annotated[From, Parameter(name="--from")] = None,
    places_redirects: Redirects = None,
) -> None:
    """Fetch the database of places, check it, and put it in place. Servers that run take it up.

    The key is read from SOJOURN_GEO_API_KEY alone: everybody on the machine sees a command line. Nothing
    is sent but the request for the file, and nothing at all without this command.
    """
    from sojourn.places_file import fetch, source  # late: `--help` needs no client

    given = {"places": places, "places_from": places_from, "places_redirects": places_redirects}
    settings = load(given).settings
    if settings.places is None:
        raise SettingsError(
            "where to is not known: set SOJOURN_PLACES, such as places.mmdb, or give --places"
        )
    asked = source(
        settings.places_from, settings.geo_api_key, now=utc_now(), leads_to=settings.places_redirects
    )
    with progress(f"Fetching from {asked.host}") as told:
        fetched = await fetch(asked, settings.places, tell=lambda had: told(f"{had >> 20} MB"))
    built = f"{fetched.database.kind} of {fetched.database.built_at:%Y-%m-%d}"
    if not fetched.changed:
        print(f"{settings.places} is up to date: {built}.")
        return
    before = f", instead of one of {fetched.before.built_at:%Y-%m-%d}" if fetched.before else ""
    print(f"{settings.places} is now {built}{before}.")
