"""What holds for the package as a whole: its public names, what importing it costs, what it must not name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sojourn

ROOT = Path(__file__).parent.parent

PUBLIC = {
    "ANYBODY",
    "AsyncSessions",
    "Device",
    "Issued",
    "Key",
    "Keys",
    "Place",
    "Policy",
    "Query",
    "Reason",
    "Refusal",
    "Session",
    "SessionError",
    "Sessions",
    "Store",
    "Validated",
    "open_store",
}

# Whoever needs one of these imports the module that uses it; `import sojourn` loads none.
HEAVY = {
    "drivers": ["sqlite3", "_sqlite3", "asyncpg", "psycopg", "redis", "maxminddb"],
    "frameworks": ["starlette", "fastapi", "litestar", "django", "flask", "pydantic", "jinja2", "uvicorn"],
    "cryptography": ["cryptography", "_cffi_backend", "joserfc", "argon2", "ssl"],
    "devices": ["ua_parser", "ua_parser_rs", "ua_parser_builtins"],
    "others": ["asyncio", "cyclopts", "rich", "httpx2", "anyio", "pytest", "hypothesis"],
}


# ── public names ──────────────────────────────────────────────────────────────────────────────


def test_the_public_names_are_exactly_these():
    assert set(sojourn.__all__) == PUBLIC


def test_the_public_names_are_sorted_and_named_once():
    assert sojourn.__all__ == sorted(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_can_be_imported(name):
    namespace: dict[str, object] = {}
    exec(f"from sojourn import {name}", namespace)  # noqa: S102
    assert namespace[name] is not None


@pytest.mark.parametrize("path", sorted((ROOT / "src/sojourn").glob("*.py")), ids=lambda path: path.stem)
def test_a_file_says_its_purpose_in_one_sentence_at_its_head(path):
    head = path.read_text(encoding="utf-8").split('"""')
    first = head[1].strip().splitlines()[0]
    assert head[0] == ""
    assert first.endswith((".", ":"))


# ── the cost of importing ─────────────────────────────────────────────────────────────────────


def _run(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules that are there after `import sojourn` in a new interpreter."""
    return set(_run("import sys, sojourn; print(*sys.modules)").split())


@pytest.mark.parametrize("kind", HEAVY)
def test_importing_it_loads_nothing_heavy(loaded, kind):
    assert "sojourn" in loaded
    assert [name for name in HEAVY[kind] if name in loaded] == []


def test_importing_it_stays_under_200_ms_of_cpu():
    program = "import time; began = time.process_time(); import sojourn; print(time.process_time() - began)"
    # What others do on the machine makes it more, and nothing makes it less: once is enough.
    assert any(float(_run(program)) < 0.2 for _ in range(30))


# ── what no file may contain ──────────────────────────────────────────────────────────────────

# Spelled in parts, so that this file does not contain them either.
REGISTRIES = [f"{name}.org" for name in ("pypi", "pythonhosted", "npmjs")]
HOMES = ["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers"]
MACHINE_PATH = re.compile(rf"(?<![\w.:/-])/(?:{'|'.join(HOMES)})/\w+")


def _files() -> list[Path]:
    """What git tracks or would track; without git, what is there but for what tools made."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _made_by_a_tool(path)]
    return [path for path in found if path.is_file()]


def _made_by_a_tool(path: Path) -> bool:
    made = {"build", "dist", "node_modules", "__pycache__", ".venv", ".git", ".hypothesis"}
    parts = path.relative_to(ROOT).parts
    return bool(made & set(parts)) or any(part.endswith("_cache") for part in parts)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    read = {path: path.read_text(encoding="utf-8", errors="replace") for path in _files()}
    return {path.relative_to(ROOT).as_posix(): text for path, text in read.items()}


def test_the_search_looks_at_the_repository(texts):
    assert {"pyproject.toml", "src/sojourn/__init__.py", "tests/test_architecture.py"} <= texts.keys()


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_registry_host(texts, host):
    assert [name for name, text in texts.items() if host in text] == []


def test_no_file_names_a_path_of_somebodys_machine(texts):
    found = {name: MACHINE_PATH.findall(text) for name, text in texts.items()}
    assert {name: paths for name, paths in found.items() if paths} == {}


@pytest.mark.parametrize("home", HOMES)
def test_the_search_for_paths_finds_one(home):
    assert MACHINE_PATH.findall(f'open("/{home}/ada/sessions.db")') == [f"/{home}/ada"]


def test_no_lock_file_contains_an_address(texts):
    locks = {name: text for name, text in texts.items() if name.startswith("requirements/")}
    locks |= {name: text for name, text in texts.items() if name.endswith("package-lock.json")}
    assert locks
    assert [name for name, text in locks.items() if "://" in text] == []
