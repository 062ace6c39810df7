"""OpenAPI 3.1, generated from the table of routes: it cannot say anything that the table does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from sojourn.api.routes import Guard, Route

__all__ = ["openapi"]

_GUARDED: dict[Guard, tuple[str, ...]] = {
    "open": (),
    "session": (
        "unauthenticated",
        "session_expired",
        "session_revoked",
        "access_expired",
        "token_superseded",
    ),
}
_GUARDED["fresh"] = (*_GUARDED["session"], "reauth_required")
_GUARDED["admin"] = (*_GUARDED["session"], "forbidden")
_GUARDED["fresh admin"] = (*_GUARDED["fresh"], "forbidden")

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with a stable `code`",
    "required": ["type", "title", "status", "code", "message", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "request_id": {"type": "string"},
    },
}


_OAUTH = {
    "type": "object",
    "description": "RFC 6749 section 5.2, with the same `message` as everywhere",
    "required": ["error", "error_description", "message"],
    "properties": {
        "error": {"type": "string"},
        "error_description": {"type": "string"},
        "message": {"type": "string"},
    },
}


def openapi(
    routes: Iterable[Route], *, version: str, origin: str, cookie: str, statuses: dict[str, int]
) -> dict[str, Any]:
    """The document for *routes*. *statuses* maps the code of a refusal to its HTTP status."""
    table = list(routes)
    types = [t for route in table for t in (route.body, route.returns) if t is not None]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, statuses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sojourn", "version": version, "summary": "Sessions: see them, revoke them."},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {
            "schemas": schemas | {"Problem": _PROBLEM, "OAuthProblem": _OAUTH},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(route: Route, statuses: dict[str, int]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": (route.act.__doc__ or "").partition("\n")[0],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": {str(route.status): _answer(route)} | _refusals(route, statuses),
    }
    if route.guard != "open":
        operation["security"] = [{"session": []}, {"bearer": []}]
    if route.parameters:
        operation["requestBody"] = _parameters(route)
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.optional_body,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
    return operation


def _parameters(route: Route) -> dict[str, Any]:
    """A form, or as some clients send it JSON."""
    schema = {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": meaning} for name, meaning in route.parameters.items()
        },
        "additionalProperties": {"type": "string"},
    }
    kinds = ("application/x-www-form-urlencoded", "application/json")
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


_EVENT = {  # each that comes, as the reader of a stream takes it apart
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}


def _answer(route: Route) -> dict[str, Any]:
    if route.streams:
        return {"description": "Goes on", "content": {"text/event-stream": {"schema": _EVENT}}}
    if route.returns is None:
        return {"description": "Done"}
    return {"description": "Done", "content": {"application/json": {"schema": _reference(route.returns)}}}


def _refusals(route: Route, statuses: dict[str, int]) -> dict[str, Any]:
    codes = [*_GUARDED[route.guard], *route.refusals]
    if route.method not in ("GET", "HEAD"):
        codes.append("csrf_failed")
    by_status: dict[int, list[str]] = {
        400: ["cookie_rejected"],
        431: ["cookie_rejected"],
        503: ["unavailable"],
    }
    for code in codes:
        # A query has no schema that says what is in it, so its route says that it may be refused.
        by_status.setdefault(422 if code == "body_rejected" else statuses[code], []).append(code)
    if route.parameters:
        for status in (400, 413, 415):
            by_status.setdefault(status, []).append("invalid_request")
    if route.body is not None:
        for status in (400, 413, 415, 422):
            by_status.setdefault(status, []).append("body_rejected")
    elif "limit" in route.query:
        by_status.setdefault(422, []).append("body_rejected")
    shapes = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if route.tag == "oauth":
        shapes["application/json"] = {"schema": {"$ref": "#/components/schemas/OAuthProblem"}}
    return {
        str(status): {"description": ", ".join(dict.fromkeys(by_status[status])), "content": shapes}
        for status in sorted(by_status)
    }


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": meaning,
            "schema": {"type": "integer", "minimum": 1} if name == "limit" else {"type": "string"},
        }
        for name, meaning in route.query.items()
    ]


def _reference(kind: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
