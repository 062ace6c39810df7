"""A React application served with Sojourn's API: `python examples/react/app.py`, then http://127.0.0.1:8000.

It has to be built before, in this folder: `npm ci && npm run build` (and before that, in `web/`:
`npm ci && npm run build:lib`). Another port: `python examples/react/app.py 8001`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sojourn import Key, Keys
from sojourn.server import create_app
from sojourn.settings import Settings

PORT = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 8000
BUILT = Path(__file__).parent / "dist"

# Toasts bring their styles along (`style-src`); everything else is from here.
HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "cache-control": "no-cache",
}


async def page(request: Request) -> FileResponse:
    """The one page of the application, whose script looks at the address."""
    return FileResponse(BUILT / "index.html", headers=HEADERS)


# A key and a store for a try-out: with every start everybody is gone. See `sojourn keys generate`.
keys = Keys([Key(id=1, secret=os.urandom(32))])
app = create_app(Settings(store="memory://", origin=f"http://127.0.0.1:{PORT}"), keys=keys)
app.router.routes[:0] = [  # before the server's own pages at the same addresses
    *(Route(path, page) for path in ("/", "/security", "/sign-in")),
    Mount("/static", StaticFiles(directory=BUILT / "static", check_dir=False)),
]

if __name__ == "__main__":
    import uvicorn

    if not BUILT.is_dir():
        sys.exit("It has to be built before: see the first lines of this file.")
    uvicorn.run(app, port=PORT, timeout_graceful_shutdown=5)
