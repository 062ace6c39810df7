"""Your devices, in an application of your own: `python examples/seed_004.py`, beside `sojourn serve`.

The application keeps no sessions. It asks the server for those of whoever calls it, with the access
token that the caller sends (`Authorization: Bearer ...`). Both addresses can be given:
`python examples/seed_004.py http://127.0.0.1:8000 8001`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import sojourn.client
from sojourn.client import ClientError, RemoteRefusal

SERVER = sys.argv[1] if __name__ == "__main__" and len(sys.argv) > 1 else "http://127.0.0.1:8000"
PORT = int(sys.argv[2]) if __name__ == "__main__" and len(sys.argv) > 2 else 8001

client = sojourn.client.connect_async(SERVER)


async def sessions(request: Request) -> JSONResponse:
    """List all sessions."""
    listed = await client.sessions.list(request)
    rows = [
        {
            "id": str(session.id),
            "device": session.device.name,  # read from the user agent by the server
            "location": session.place.city if session.place else session.ip,
            "lastActive": session.seen_at.isoformat(),
            "expiresAt": session.expires_at.isoformat(),
        }
        for session in listed.sessions
    ]
    return JSONResponse({"sessions": rows, "total": listed.count})


async def revoke(request: Request) -> JSONResponse:
    """Revoke a specific session."""
    result = await client.sessions.revoke(request, request.path_params["id"])
    return JSONResponse({"success": True, "message": result.message})


async def logout_all(request: Request) -> JSONResponse:
    """Log out everywhere, here too."""
    result = await client.sessions.revoke_all(request)
    return JSONResponse({"message": f"Logged out of {result.count} devices"})


async def logout(request: Request) -> JSONResponse:
    """Normal logout."""
    refresh_token = request.cookies.get("refresh_token") or await _told(request)
    if refresh_token:
        await client.sessions.logout(refresh_token)
    answer = JSONResponse({"success": True})
    answer.delete_cookie("access_token")
    answer.delete_cookie("refresh_token")
    return answer


async def _told(request: Request) -> str | None:
    """The refresh token in the body, if there is one."""
    try:
        body = await request.json()
    except ValueError:
        return None
    told = body.get("refresh_token") if isinstance(body, dict) else None
    return told if isinstance(told, str) else None


class Refusals:
    """What the server refused is refused here with the same status; where it is away, 503."""

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except RemoteRefusal as no:
            said = JSONResponse({"code": no.code, "message": no.message}, no.status)
            await said(scope, receive, send)
        except ClientError as fault:
            said = JSONResponse({"code": fault.code, "message": "Please try again."}, 503)
            await said(scope, receive, send)


app = Starlette(
    routes=[
        Route("/api/sessions", sessions),
        Route("/api/sessions/{id}/revoke", revoke, methods=["POST"]),
        Route("/api/logout-all", logout_all, methods=["POST"]),
        Route("/api/logout", logout, methods=["POST"]),
    ],
    middleware=[Middleware(Refusals)],
)

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=PORT)
