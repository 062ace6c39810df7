"""The API as a page to read, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from sojourn.web.pages.rendering import rendered
from sojourn.web.reply import Answer

__all__ = ["docs_page"]


class _Operation(Struct, frozen=True, kw_only=True):
    method: str
    path: str
    summary: str
    signed_in: bool
    parameters: list[dict[str, Any]]
    body: list[tuple[str, str, bool]]  # name, type, required
    answers: list[tuple[str, str]]  # status, meaning


def docs_page(document: dict[str, Any], *, base: str = "") -> Answer:
    """*document*, grouped by tag. *base*: see `Visit`."""
    groups: dict[str, list[_Operation]] = {}
    for tag, operation in _operations(document):
        groups.setdefault(tag, []).append(operation)
    return rendered("docs.html", base=base, info=document["info"], groups=groups)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, _Operation]]:
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield (
                said.get("tags", ["other"])[0],
                _Operation(
                    method=method.upper(),
                    path=path,
                    summary=said.get("summary", ""),
                    signed_in="security" in said,
                    parameters=said.get("parameters", []),
                    body=_fields(said.get("requestBody"), schemas),
                    answers=[(code, one["description"]) for code, one in said["responses"].items()],
                ),
            )


def _fields(body: dict[str, Any] | None, schemas: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """The properties of the JSON that a request carries."""
    if body is None:
        return []
    schema = body["content"]["application/json"]["schema"]
    schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
    required = schema.get("required", ())
    return [(name, _kind(one), name in required) for name, one in schema.get("properties", {}).items()]


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    return str(schema.get("type", "object"))
