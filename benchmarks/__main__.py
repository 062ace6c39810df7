"""`python -m benchmarks [PART] [OPTIONS]`: one part; without a name the comparison of `make bench`."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

PARTS = {
    "compare": "what a request costs with its session, beside what you would use instead",
    "writes": "signing in and rotating, over HTTP",
    "calls": "one call of the library, beside the bare driver",
    "tokens": "what an access token costs to make and to verify",
    "stores": "the verbs of a store, beside the bare sqlite3",
    "felt": "how soon another process feels a revocation",
    "streams": "thousands of idle event streams of one process",
    "journal": "what the journal costs, and what it answers when it is long",
    "overview": "what administrators ask of a million sessions and a long journal",
    "scale": "a store of a million sessions, or of ten: scale STORE --sessions N",
    "report": "write the results into the documentation",
    "all": "all that the documentation shows, in an hour or more",
}
_OURS = "--only", "starlette", "sojourn", "floor", "lawful"
ALL = (
    ("compare", "--starts", "3", "--rounds", "2", "--seconds", "1", "--inside", "9"),
    ("compare", "--connections", "64", "--starts", "2", "--inside", "0", *_OURS),
    ("writes", "--rounds", "5", "--seconds", "2"),
    ("calls", "--rounds", "11"),
    ("felt", "--count", "300"),
    ("streams",),
    ("scale", "near", "--sessions", "300000"),
    ("scale", "sqlite"),
    ("scale", "postgres"),
    ("scale", "redis"),
    ("report",),
)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    part, rest = "compare", arguments
    if arguments and not arguments[0].startswith("-"):
        part, rest = arguments[0], arguments[1:]
    if part not in PARTS:
        print("parts:\n" + "\n".join(f"  {name:8} {what}" for name, what in PARTS.items()))
        return 0 if part == "help" else 2
    if part == "all":
        return _all()
    import_module(f"benchmarks.{part}").main(rest)
    return 0


def _all() -> int:
    """Every part; one that fails is said, and the others go on."""
    failed = 0
    for part, *arguments in ALL:
        print(f"── {part} {' '.join(arguments)}", flush=True)
        try:
            import_module(f"benchmarks.{part}").main(arguments)
        except Exception as error:
            print(f"{part} failed: {type(error).__name__}: {error}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
