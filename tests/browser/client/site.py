"""The server as a test holds it: its address, its clock, its faults, and what it has seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.client.processes import command, free_port, serving

__all__ = ["API", "Site", "served"]

API = "/api/auth"
ROOT = Path(__file__).parents[3]


class Site:
    """One installation in *folder*, in a process that can be stopped and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port = folder, free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "SOJOURN_STORE": f"sqlite:///{folder / 'sojourn.db'}",
            "SOJOURN_ORIGIN": self.origin,
            "PYTHONPATH": str(ROOT),
        } | settings
        if bundle := os.environ.get("SOJOURN_TEST_BUNDLE"):
            self.settings["SOJOURN_TEST_BUNDLE"] = str(Path(bundle).resolve())
        self._running = ExitStack()
        self._ahead = 0.0
        self._before = 0  # requests and events of earlier tests
        self._events_before = 0
        command(folder, "keys", "generate", **self.settings)

    def start(self) -> None:
        arguments = ("-m", "tests.browser.client.served", self.port, self._ahead)
        self._running.enter_context(
            serving(self.folder, self.port, *map(str, arguments), path="/readyz", settings=self.settings)
        )
        self._client = self._running.enter_context(httpx2.Client(base_url=self.origin, timeout=30))
        self._before = self._events_before = 0

    def stop(self) -> None:
        """Ask the process to end, and wait until it has."""
        self._ahead = self._ask()["ahead"]
        self._running.close()

    # ── what it does ─────────────────────────────────────────────────────────────────────────

    def forward(self, seconds: float) -> None:
        """Let time pass for the server alone."""
        self._ask("clock", forward=seconds)

    def expire(self) -> None:
        """Let so much time pass that no access is good any more: neither cookie nor access token."""
        self.forward(120)

    def fault(self, name: str, path: str, **facts: Any) -> None:
        """Have the fault *name* befall the requests to *path* (below the API, unless it begins with `/`)."""
        self._ask("fault", name=name, path=path if path.startswith("/") else f"{API}/{path}", **facts)

    def let_go(self) -> None:
        """Let what is held go on."""
        self._ask("let-go")

    def heal(self) -> None:
        """No fault befalls anybody any more."""
        self._ask("heal")

    def forget(self) -> None:
        """Requests and events of before count no more."""
        facts = self._ask()
        self._before, self._events_before = len(facts["requests"]), len(facts["events"])

    # ── what it has seen ─────────────────────────────────────────────────────────────────────

    @property
    def now(self) -> float:
        return float(self._ask()["now"])

    @property
    def notes(self) -> int:
        """How many POSTs the application executed."""
        return int(self._ask()["notes"])

    @property
    def waiting(self) -> int:
        """How many requests are held at this moment."""
        return int(self._ask()["waiting"])

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """Those to *path*, or all that the API and the application had."""
        if path is not None and not path.startswith("/"):
            path = f"{API}/{path}"
        found = self._ask()["requests"][self._before :]
        asked = [seen for seen in found if not seen["path"].startswith("/harness")]
        return [seen for seen in asked if path in (None, seen["path"])]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self._ask()["events"][self._events_before :] if event["event"] == name]

    def _ask(self, verb: str = "", **query: Any) -> dict[str, Any]:
        answer = self._client.post(f"/_site/{verb}", params=query)
        answer.raise_for_status()
        facts: dict[str, Any] = answer.json()
        return facts


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Site]:
    site = Site(folder, **settings)
    site.start()
    try:
        yield site
    finally:
        site._running.close()
