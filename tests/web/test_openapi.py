"""The OpenAPI document: valid, complete, and true of what the server answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.applications import Starlette

from sojourn.accounts import User
from sojourn.server import API
from sojourn.testing import FakeClock
from tests.web.kit import ORIGIN, PASSWORD, SESSION, Browser, make_server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def document(server) -> dict[str, Any]:
    found = server.browser().get("/api/openapi.json").json()
    assert isinstance(found, dict)
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("$ref"), str):
            yield found
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_the_document_is_valid(document):
    schemathesis.openapi.from_dict(document).validate()


def test_every_schema_is_a_valid_json_schema(document):
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_every_reference_leads_somewhere(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_route_of_the_table_is_in_the_document(document):
    documented = {(method, path) for method, path, _ in operations(document)}
    assert {(route.method, route.path) for route in API} <= documented


def test_every_operation_has_an_id_of_its_own(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_every_operation_says_what_it_does(document):
    assert all(operation["summary"].endswith(".") for _, _, operation in operations(document))


def test_every_guarded_operation_names_the_cookie(document):
    guarded = {(route.method, route.path) for route in API if route.guard != "open"}
    assert guarded == {(m, p) for m, p, operation in operations(document) if "security" in operation}


def test_the_cookie_is_the_one_of_the_origin(document):
    assert document["components"]["securitySchemes"]["session"]["name"] == "__Host-sojourn"


def test_the_server_is_the_origin(document):
    assert document["servers"] == [{"url": ORIGIN}]


def test_every_refusal_is_problem_details_or_what_oauth_has_for_them(document):
    kinds = {
        kind
        for _, path, operation in operations(document)
        if not path.startswith(("/oauth/", "/.well-known/"))
        for status, answer in operation["responses"].items()
        if status >= "400"
        for kind in answer["content"]
    }
    assert kinds == {"application/problem+json"}


# ── what the server answers is what the document says ─────────────────────────────────────────


CLOCK = FakeClock()


@pytest.fixture(scope="module")
def app() -> Starlette:
    """A server on which everybody is an administrator, so that no route ends at its guard."""
    guests = make_server(CLOCK)
    load = guests.site.load_user

    async def promoted(user_id: str) -> User | None:
        assert load is not None
        user = await load(user_id)
        return user and replace(user, role="admin")

    guests.site.load_user = promoted
    app: Starlette = guests.app
    return app


@pytest.fixture(scope="module")
def schema(app: Starlette) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


@pytest.fixture(params=["signed in", "nobody"])
def headers(request, app: Starlette) -> dict[str, str]:
    sent = {"sec-fetch-site": "same-origin"}
    if request.param == "nobody":
        return sent
    browser = Browser(app)
    body = {"email": f"{uuid4()}@example.org", "password": PASSWORD}
    assert browser.post("/api/auth/sign-up", json=body).status_code == 201
    return sent | {"cookie": f"{SESSION}={browser.token}"}


@pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.path}")
def test_every_answer_is_one_that_the_document_has(app, schema, headers, route, monkeypatch):
    # Here nobody follows the feed. A stream says bye for that with the first heartbeat, which comes at once.
    monkeypatch.setattr("sojourn.api.stream.HEARTBEAT", timedelta(0))
    monkeypatch.setattr("sojourn.web.watching.PATIENCE", 0)
    operation = schema[route.path][route.method]

    @settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    @given(case=operation.as_strategy())
    def answers(case: schemathesis.Case) -> None:
        CLOCK.tick(seconds=20)  # or after thirty sign-ins every answer is 429
        case.call_and_validate(base_url=ORIGIN, headers=headers, checks=CHECKS)

    answers()


def test_the_answers_to_signing_up_and_in_are_those_of_the_document(app, schema):
    browser, body = Browser(app), {"email": "ada@example.org", "password": PASSWORD}
    for path in ("/api/auth/sign-up", "/api/auth/sign-in"):
        CLOCK.tick(minutes=1)
        answer = browser.post(path, json=body)
        assert answer.is_success
        schema[path]["POST"].validate_response(answer)
