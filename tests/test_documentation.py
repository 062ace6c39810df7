"""The documentation says what happens: its code runs, its links lead somewhere, its names exist."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = [
    page for page in PAGES if page.parent.name in ("tutorials", "how-to") and "```python" in page.read_text()
]


@pytest.fixture
def collector() -> Iterator[None]:
    """A page may tell the garbage collector what stays; the tests that come after have theirs."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_code_of_a_lesson_runs_from_its_first_line_to_its_last(page: Path):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    exec(compile("\n".join(blocks), str(page), "exec"), {})  # noqa: S102 -- our own page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_every_variable_in_the_documentation_is_a_setting():
    from sojourn.settings import FIELDS

    known = {name for field in FIELDS for name in (field.env, field.alias) if name}
    known |= {f"{name}_FILE" for name in known} | {"SOJOURN_CHROMIUM", "SOJOURN_REQUIRE_BROWSER"}
    said = {name for page in PAGES for name in re.findall(r"\bSOJOURN_[A-Z_]+\b", page.read_text())}
    assert said - known == set()


def test_every_decision_is_in_the_table():
    folder = ROOT / "docs" / "decisions"
    table = (folder / "README.md").read_text()
    missing = [page.name for page in folder.glob("[0-9]*.md") if f"({page.name})" not in table]
    assert missing == []


def test_there_are_lessons_to_be_run():
    assert {"first-session", "cache"} <= {page.stem for page in RUN}


def test_every_verb_of_the_readme_is_a_verb_of_both_faces():
    from sojourn import AsyncSessions, Sessions

    table = re.findall(r"^\| (`[a-z_`, ]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    verbs = re.findall(r"`(\w+)`", " ".join(table))
    assert verbs
    assert [verb for verb in verbs if not (hasattr(AsyncSessions, verb) and hasattr(Sessions, verb))] == []


def test_every_law_names_the_tests_that_show_it():
    page = (ROOT / "docs" / "explanation" / "laws.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert [int(law) for law, _ in rows] == list(range(1, 13))
    for law, said in rows:
        files = [file for name in re.findall(r"`(\S+\.py)`", said) for file in _tests_named(name)]
        silent = [file.name for file in files if f"def test_law_{int(law):02}_" not in file.read_text()]
        assert (law, silent) == (law, [])


def _tests_named(name: str) -> list[Path]:
    """The files that the page calls *name*, in the tests or in the package; there is one at least."""
    found = [*ROOT.glob(name), *(ROOT / "src" / "sojourn").glob(name)]
    assert found, name
    return found
