"""The command `sojourn`: folders mirror the command line, and an expected error is one line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from sojourn.errors import Refusal, SettingsError
from sojourn.settings_text import without_password

__all__ = ["main", "run"]


def main() -> None:
    """What the shell starts."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit code: 0, 1 for "no", 2 for what must be written or set otherwise."""
    try:
        from sojourn.cli.tree import app, known

        asked = sys.argv[1:] if arguments is None else arguments
        if not asked or "--help" in asked or "-h" in asked:
            list(known())  # a command that was not imported has no help to list
        code = app(arguments, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130  # as shells have it for SIGINT
    except BrokenPipeError:
        # Whoever read the output has left. Python flushes once more at its end, into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _said(error)
    return code if isinstance(code, int) else 0


def _said(error: Exception) -> int:
    """Tell people what went wrong and what to do; what nobody expected is raised again."""
    match error:
        case SettingsError():
            code, text = 2, str(error)
        case Refusal():
            code, text = 1, error.message
        case ModuleNotFoundError() if error.name in _EXTRA:
            extra = _EXTRA[error.name]
            code, text = 2, f"{error.name} is not installed; run `pip install 'sojourn[{extra}]'`"
        case _ if type(error).__module__.startswith("cyclopts"):
            return 2  # it has said so itself
        case _:
            code, text = 1, _fault(error)
    print(f"sojourn: {without_password(text)}", file=sys.stderr)  # drivers repeat addresses
    return code


_EXTRA = dict.fromkeys(("cyclopts", "rich", "uvicorn", "starlette", "jinja2"), "server")
_EXTRA |= {"asyncpg": "postgres", "psycopg": "postgres", "redis": "redis"}


def _fault(error: Exception) -> str:
    """The driver's words and the remedy."""
    from sojourn.stores.sqlite.engine import Engine, explain

    module = type(error).__module__
    if module.partition(".")[0] in _EXTRA or module.startswith("sojourn.stores."):
        return f"{error}. See that the store runs and lets this machine in, or correct SOJOURN_STORE"
    if not isinstance(error, Engine.faults):
        raise error
    remedy = explain(error)
    return remedy if remedy == str(error) else f"{error}. {remedy}"
