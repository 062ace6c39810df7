"""A real server, and a real browser whose JavaScript is switched off."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.gallery import gallery as gallery
from tests.browser.gallery import still as still

# How long to wait for what must come. No law is a limit like this one: a machine may be busy.
expect.set_options(timeout=20_000)

FLAGS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    names = (os.environ.get("SOJOURN_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("SOJOURN_REQUIRE_BROWSER"):
            pytest.fail("no Chromium: install one, or name it in SOJOURN_CHROMIUM")
        pytest.skip("no Chromium on this machine; SOJOURN_CHROMIUM names one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=list(FLAGS),
            ignore_default_args=["--disable-back-forward-cache"],  # people have one
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def demo(demo_folder: Path) -> Iterator[str]:
    """The demo as `make demo` runs it; gives its origin."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = demo_folder
    command = [
        sys.executable,
        "-m",
        "sojourn",
        "demo",
        "--port",
        str(port),
        "--directory",
        str(folder / "data"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    origin = f"http://127.0.0.1:{port}"
    try:
        _wait(origin, process, folder / "log")
        yield origin
    finally:
        process.terminate()
        process.wait(20)


def _wait(origin: str, process: subprocess.Popen[bytes], log: Path) -> None:
    transport = httpx2.HTTPTransport(retries=0)
    with httpx2.Client(transport=transport) as client:
        for _ in range(600):
            if process.poll() is not None:
                break
            try:
                client.get(f"{origin}/readyz", timeout=5).raise_for_status()
                return
            except httpx2.ConnectError:
                process_alive(process)
    pytest.fail(f"the demo did not start:\n{log.read_text()}")


def process_alive(process: subprocess.Popen[bytes]) -> bool:
    """Wait a tenth of a second for the process to end; true if it goes on."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return True
    return False


@pytest.fixture(scope="module")
def device(chromium: Browser, demo: str):
    """Open a page on a device of one's own: cookies, user agent and all. JavaScript is off."""
    contexts = []

    def opened(user_agent: str | None = None, **options) -> Page:
        context = chromium.new_context(
            java_script_enabled=False, base_url=demo, user_agent=user_agent, **options
        )
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
