"""A server whose application adds a motto to what its clients see of a session; run by `better_auth.ours`."""

from __future__ import annotations

from collections.abc import Mapping

import uvicorn

from sojourn import Session
from sojourn.server import create_app
from sojourn.settings import load


async def motto(session: Session) -> Mapping[str, str]:
    return {"motto": "to the point"}


if __name__ == "__main__":
    settings = load().settings
    uvicorn.run(create_app(settings, custom=motto), port=settings.port, log_level="warning")
