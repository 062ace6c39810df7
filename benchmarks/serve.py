"""One subject as a server of its own: python -m benchmarks.serve SUBJECT PORT PLACES.

ASGI as `sojourn serve` does it: one uvicorn worker on uvloop and httptools. WSGI: gunicorn with four
threads, which keeps connections open.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.apps import Places
from benchmarks.subjects import SUBJECTS, Subject, make_app

__all__ = ["main"]


def main(name: str, port: str, places: str) -> None:
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    found = Places.decoded(places)
    if subject.gateway == "asgi":
        _uvicorn(make_app(subject, found), int(port))
    else:
        _gunicorn(subject, found, int(port))


def _uvicorn(app: Any, port: int) -> None:
    import uvicorn

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=600,
    )


def _gunicorn(subject: Subject, places: Places, port: int) -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            self.cfg.set("bind", f"127.0.0.1:{port}")
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", 4)
            self.cfg.set("keepalive", 600)
            self.cfg.set("loglevel", "warning")

        def load(self) -> Any:
            return make_app(subject, places)

    sys.argv = ["gunicorn"]  # it would read our arguments
    Server().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
