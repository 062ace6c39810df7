"""`sojourn demo`: the server with sample data, on this machine alone."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sojourn import demo as sample
from sojourn.cli.listening import bind, uvicorn_options
from sojourn.cli.options import Flag, option
from sojourn.cli.output import progress
from sojourn.sessions import utc_now
from sojourn.settings import load

__all__ = ["demo"]


def demo(
    *,
    port: Annotated[str | None, option("port")] = None,
    directory: Annotated[Path, Parameter(help="Where the demo keeps its database and keys.")] = (
        sample.DIRECTORY
    ),
    keep: Annotated[bool, Flag] = False,
) -> None:
    """Serve a demo with sample data on this machine. No other setting is read, so nothing real is touched.

    Parameters
    ----------
    keep
        Go on with the data of the last time, instead of a fresh sample.
    """
    import uvicorn

    from sojourn.server import create_app

    arguments = sample.arguments(directory, port or os.environ.get("SOJOURN_PORT") or 8000)
    settings = load(arguments, environment={}).settings
    other = "choose another: `make demo PORT=8080`, or `sojourn demo --port 8080`"
    with bind(settings.host, settings.port, other=other) as listener, sample.occupied(directory):
        with progress("Making the sample …"):
            asyncio.run(sample.prepare(directory, utc_now(), keep=keep))
        app = create_app(settings, demo=True)
        print(welcome(settings.origin), flush=True)
        with suppress(KeyboardInterrupt):  # that is how it ends
            uvicorn.Server(uvicorn.Config(app, **uvicorn_options("warning"))).run(sockets=[listener])


def welcome(origin: str) -> str:
    """Where to go, and how to sign in."""
    user, admin = sample.USER, sample.ADMIN
    return f"""
Sojourn, demo: sample data, public passwords, this machine only.

  {origin}

  a user            {user.email}    {user.password}
    then see        {origin}/account/security
  an administrator  {admin.email}  {admin.password}
    then see        {origin}/admin

The sample's other devices are idle and leave one by one, the last after 15 minutes:
start `sojourn demo` again for a fresh one. Stop it with Ctrl-C.
"""
