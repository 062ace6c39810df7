"""Results of a run, kept as JSON in build/benchmarks until `report` writes them into the documentation."""

from __future__ import annotations

import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec

__all__ = ["FOLDER", "load", "machine", "save"]

T = TypeVar("T")

FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"
_PACKAGES = (
    *("starlette", "fastapi", "uvicorn", "uvloop", "starsessions", "fastapi-users", "sqlalchemy"),
    *("django", "django-allauth", "flask", "flask-session", "gunicorn", "asyncpg", "redis"),
)
_PROGRAMS = (("PostgreSQL", "postgres"), ("Redis", "redis-server"), ("Node", "node"))


def save(name: str, rows: Any) -> None:
    """Keep what the part *name* measured, with the machine it was measured on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.encode({"machine": machine(), "rows": rows})
    (FOLDER / f"{name}.json").write_bytes(msgspec.json.format(text, indent=1))


def load(name: str, row: type[T]) -> tuple[dict[str, str], list[T]] | None:
    """The machine and the rows of part *name*, or None if it was not measured."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return None
    kept = msgspec.json.decode(path.read_bytes())
    return kept["machine"], msgspec.convert(kept["rows"], list[row])  # type: ignore[valid-type]


def machine() -> dict[str, str]:
    """What the figures depend on, in words."""
    cores = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in cores.splitlines() if line.startswith("model name")]
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return {
        "Processor": f"{models[0] if models else platform.machine()}, {cores.count('processor	:')} cores",
        "System": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "Packages": packages,
        "Servers": ", ".join(f"{title} {_version_of(program)}" for title, program in _PROGRAMS),
    }


def _version_of(program: str) -> str:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "missing"
    words = (
        said.replace("v=", "").replace("v", " ", 1).split()
        if program == "node"
        else said.replace("v=", "").split()
    )
    return next((word for word in words if word[0].isdigit()), "unknown")
