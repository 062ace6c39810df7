"""`sojourn keys rotate`: the next step of the key ring."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn import keyring
from sojourn.cli.options import Flag, KeysFile, Yes
from sojourn.cli.output import ask
from sojourn.errors import SettingsError
from sojourn.sessions import utc_now
from sojourn.settings import load

__all__ = ["rotate"]


def rotate(
    *,
    keys_file: KeysFile = None,
    emergency: Annotated[
        bool, Flag, Parameter(help="The keys leaked: drop them all. Everybody is signed out.")
    ] = False,
    access: Annotated[
        bool, Flag, Parameter(help="Only the keys of access tokens, which other services verify.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Announce a new key, and at the next call have it sign. Nobody is signed out.

    Between the two calls restart every process, so that each knows the key before it is used, and
    let an hour pass, in which other services learn of the keys of access tokens.
    """
    settings = load({"keys_file": keys_file}).settings
    if settings.keys:
        raise SettingsError(
            "SOJOURN_KEYS holds the keys; rotate the file that it was made from, then set it anew"
        )
    path, now = settings.keys_file, utc_now()
    text = keyring.read_text(path)
    if emergency and not yes and not ask("This signs everybody out. Drop all keys?"):
        print("Nothing was changed.")
        return 1
    if emergency:
        step = keyring.emergency(text, now, where=str(path))
    elif access:
        step = keyring.rotate_access(text, now, where=str(path))
    else:
        step = keyring.rotate(text, now, settings.policy().lifetime, where=str(path))
    keyring.write(path, step.text, replace=True)
    print("\n".join(step.said))
    return 0
