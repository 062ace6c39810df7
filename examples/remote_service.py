"""A service that accepts our sessions without asking for each: `python examples/remote_service.py`.

Register it first, beside `sojourn serve`, and hand over what that printed:
`sojourn applications create orders`, then `SOJOURN_APPLICATION=... SOJOURN_SECRET=... python
examples/remote_service.py http://127.0.0.1:8000 8002`. It takes access tokens for this application
(`Authorization: Bearer ...`), verifies them itself, and still refuses a revoked one within a second.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import sojourn.client
from sojourn.client.middleware import RemoteSessionMiddleware, require, require_fresh, session_from
from sojourn.client.remote import Remote

SERVER = sys.argv[1] if __name__ == "__main__" and len(sys.argv) > 1 else "http://127.0.0.1:8000"
PORT = int(sys.argv[2]) if __name__ == "__main__" and len(sys.argv) > 2 else 8002

client = sojourn.client.connect_async(
    SERVER,
    application=os.environ.get("SOJOURN_APPLICATION", "orders"),
    secret=os.environ.get("SOJOURN_SECRET", "not set"),
)
remote = Remote(client, max_staleness=timedelta(seconds=1))


async def welcome(request: Request) -> JSONResponse:
    session = await session_from(request)
    return JSONResponse({"hello": session.user_id if session else "stranger"})


async def orders(request: Request) -> JSONResponse:
    """401 for whoever is not signed in."""
    session = await require(request)
    return JSONResponse({"orders": [], "of": session.user_id, "session": str(session.id)})


async def cancel(request: Request) -> JSONResponse:
    """Asks the server, and wants a sign-in within the last five minutes."""
    session = await require_fresh(timedelta(minutes=5))(request)
    return JSONResponse({"cancelled": request.path_params["id"], "by": session.user_id})


app = Starlette(
    routes=[
        Route("/", welcome),
        Route("/orders", orders),
        Route("/orders/{id}/cancel", cancel, methods=["POST"]),
    ],
    middleware=[Middleware(RemoteSessionMiddleware, remote=remote)],
)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=PORT)
