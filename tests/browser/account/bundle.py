"""Another build of the scripts in the place of the committed one, if SOJOURN_TEST_BUNDLE names its folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sojourn.web import pages
from sojourn.web.pages import assets
from tests.web.test_bundle import BY_HAND, WEB, digest

__all__ = ["committed", "served", "stamp"]

committed = assets.STATIC


def stamp(folder: Path) -> dict[str, Any]:
    """What the scripts in *folder* were made from, and what they run on."""
    found: dict[str, Any] = json.loads((folder / "BUILD.json").read_text(encoding="utf-8"))
    return found


@contextmanager
def served(place: Path) -> Iterator[Path]:
    """Servers of this process serve what was asked for, put together in *place*; gives the folder served."""
    named = os.environ.get("SOJOURN_TEST_BUNDLE")
    if not named:
        yield committed
        return
    _put_together(named, place)
    with pytest.MonkeyPatch.context() as patch:
        for module in (assets, pages):
            patch.setattr(module, "STATIC", place)
            patch.setattr(module, "ASSETS_PATH", f"/assets/{stamp(place)['runtime']}")
        assets.needed.cache_clear()
        yield place
    assets.needed.cache_clear()


def _put_together(named: str, place: Path) -> None:
    built = Path(named).resolve()
    if stamp(built)["inputs"]["sha256"] != digest(WEB):
        pytest.fail(f"{named} was made from other sources than these; `make browser-react` makes it anew")
    shutil.copytree(built, place, dirs_exist_ok=True)
    for name in BY_HAND:
        shutil.copyfile(committed / name, place / name)
