"""Every law has a test that bears its number, but for those whose parts are still to be built."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
LAWS = range(1, 13)

# A law leaves this table with its first test, and the test below fails until it does.
NOT_BUILT: dict[int, str] = {}


def _tests(tree: ast.AST) -> Iterator[str]:
    """The names of test functions, also of those in classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def _numbers() -> set[int]:
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for name in _tests(ast.parse(path.read_text(encoding="utf-8"))):
            if match := re.match(r"test_law_(\d\d)_", name):
                found.add(int(match[1]))
    return found


def test_every_law_has_a_test_with_its_number_or_is_not_built_yet():
    assert sorted(set(LAWS) - _numbers()) == sorted(NOT_BUILT)


def test_no_test_bears_the_number_of_a_law_that_does_not_exist():
    assert _numbers() <= set(LAWS)
