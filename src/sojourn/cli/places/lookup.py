"""`sojourn places lookup`: where an address is thought to be."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn.addresses import parsed
from sojourn.cli.options import Json, Places
from sojourn.cli.output import print_json
from sojourn.errors import SettingsError
from sojourn.place import nowhere, opened, place_in, point_in
from sojourn.settings import load

__all__ = ["lookup"]


async def lookup(
    ip: Annotated[str, Parameter(help="The address.")], /, *, json: Json = False, places: Places = None
) -> int:
    """Say where an address is thought to be, by the database here. Nobody else is asked."""
    settings = load({"places": places}).settings
    address = parsed(ip)
    if address is None:
        raise SettingsError(f"{ip!r} is no address; give one such as 8.8.8.8")
    if settings.places is None:
        raise SettingsError("there is no database of places: set SOJOURN_PLACES, or give --places")
    try:
        reader = opened(settings.places)
    except OSError as fault:
        raise SettingsError(f"{settings.places} cannot be read: {fault.strerror}") from None
    found = None if nowhere(address) else reader.get(address)
    record = found if isinstance(found, dict) else {}
    place, point = place_in(record), point_in(record)
    if json:
        print_json({"ip": str(address), "place": place, "point": point})
    elif place is None:
        print("Location unknown")
    else:
        print(f"about {', '.join(filter(None, (place.city, place.country)))}")
    return 0 if place is not None else 1
