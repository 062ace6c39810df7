"""Statements in the spelling of SQLite become those of PostgreSQL, and what is no mark stays."""

from __future__ import annotations

import pytest

from sojourn.stores.postgres.spelling import spelled


@pytest.mark.parametrize(
    ("statement", "values", "sql", "given"),
    [
        ("select 1", (), "select 1", []),
        ("a = ? and b in (?, ?)", (1, 2, 3), "a = $1 and b in ($2, $3)", [1, 2, 3]),
        ("a = :a or b = :b or c = :a", {"b": 2, "a": 1, "unused": 3}, "a = $1 or b = $2 or c = $1", [1, 2]),
        ("a = '?:b' and \"c:d?\" = ?", (1,), "a = '?:b' and \"c:d?\" = $1", [1]),
        ("a = 'it''s ?' || ?", ("x",), "a = 'it''s ?' || $1", ["x"]),
        ("a::text = ? -- why? :because\nand b", ("x",), "a::text = $1 -- why? :because\nand b", ["x"]),
        ("/* ? :a */ a = :a", {"a": 1}, "/* ? :a */ a = $1", [1]),
        (
            "at >= :hour and at < :hour + :length",
            {"hour": 1, "length": 2},
            "at >= $1 and at < $1 + $2",
            [1, 2],
        ),
    ],
)
def test_marks_are_numbered(statement, values, sql, given):
    assert spelled(statement, values) == (sql, given if isinstance(values, dict) else values)


def test_one_way_to_name_values_is_enough():
    with pytest.raises(ValueError, match="not both"):
        spelled("a = ? and b = :b", (1,))


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        spelled("a = :a", {"b": 1})
