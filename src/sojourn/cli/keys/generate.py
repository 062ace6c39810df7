"""`sojourn keys generate`: the first server key."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from sojourn import keyring
from sojourn.cli.options import Flag, KeysFile
from sojourn.sessions import utc_now
from sojourn.settings import load

__all__ = ["generate"]


def generate(
    *,
    keys_file: KeysFile = None,
    force: Annotated[
        bool, Flag, Parameter(help="Replace a file that is there: everybody is signed out.")
    ] = False,
) -> None:
    """Write a file with a new server key, which its owner alone can read."""
    path = load({"keys_file": keys_file}).settings.keys_file
    keyring.write(path, keyring.generate(utc_now()), replace=force)
    print(f"Wrote {path}. Keep it out of version control, and out of the backups of the database.")
