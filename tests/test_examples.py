"""The programs in `examples/` do what they say: imported as they are, and driven in process."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

FOLDER = Path(__file__).parent.parent / "examples"
ORIGIN = "http://127.0.0.1:8000"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile/15E148 Safari/604.1"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def browser(
    app: Any, agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
) -> TestClient:
    return TestClient(app, base_url=ORIGIN, headers={"user-agent": agent, "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize(
    "path", sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*/*.py")]), ids=lambda path: path.stem
)
def test_every_example_says_how_it_is_run(path):
    assert f"`python examples/{path.relative_to(FOLDER)}`" in path.read_text()


@pytest.mark.parametrize("name", ["starlette_app", "fastapi_app"])
def test_no_example_uses_our_accounts(name):
    assert "sojourn.accounts" not in (FOLDER / f"{name}.py").read_text()


# ── Starlette ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pages() -> Any:
    return load("starlette_app").app


def signed_in(app: Any, **headers: str) -> TestClient:
    client = browser(app, **headers)
    client.post("/sign-in", data={"name": "ada", "password": "correct horse"})
    return client


def test_starlette_shows_the_form_to_whoever_is_not_signed_in(pages):
    assert "Sign in" in browser(pages).get("/").text


def test_starlette_signs_in(pages):
    assert "Firefox 143 on Linux (this device)" in signed_in(pages).get("/").text


def test_starlette_refuses_a_wrong_password(pages):
    answer = browser(pages).post("/sign-in", data={"name": "ada", "password": "wrong"})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (401, None)


def test_starlette_signs_out(pages):
    client = signed_in(pages)
    client.post("/sign-out")
    assert "Hello" not in client.get("/").text


def test_starlette_signs_out_the_others(pages):
    laptop, phone = signed_in(pages), signed_in(pages, agent=PHONE)
    laptop.post("/sign-out-others")
    assert ["Hello" in client.get("/").text for client in (laptop, phone)] == [True, False]


def test_starlette_refuses_a_form_of_another_site(pages):
    client = signed_in(pages)
    assert client.post("/sign-out", headers={"sec-fetch-site": "cross-site"}).status_code == 403


# ── React ─────────────────────────────────────────────────────────────────────────────────────


def test_react_serves_its_page_beside_the_api(tmp_path, monkeypatch):
    sample = load("react/app")
    (tmp_path / "index.html").write_text("<title>Sojourn in React</title>")
    monkeypatch.setattr(sample, "BUILT", tmp_path)
    client = browser(sample.app)
    assert {client.get(path).text for path in ("/", "/security", "/sign-in")} == {
        "<title>Sojourn in React</title>"
    }
    assert client.get("/api/auth/sessions").json()["code"] == "unauthenticated"


# ── FastAPI ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def api() -> Any:
    return load("fastapi_app").app


def entered(app: Any, user_id: str = "ada", password: str = "correct horse", **headers: str) -> TestClient:
    client = browser(app, **headers)
    answer = client.post("/sign-in", json={"user_id": user_id, "password": password})
    assert answer.status_code == 200
    return client


def test_fastapi_signs_in(api):
    assert entered(api).get("/me").json()["name"] == "Ada"


def test_fastapi_refuses_a_wrong_password(api):
    answer = browser(api).post("/sign-in", json={"user_id": "ada", "password": "wrong"})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (401, None)


def test_fastapi_refuses_whoever_is_not_signed_in(api):
    answer = browser(api).get("/devices")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_fastapi_lists_the_devices(api):
    entered(api, agent=PHONE)
    assert [row["current"] for row in entered(api).get("/devices").json()] == [True, False]


def test_fastapi_signs_out_the_others(api):
    laptop, phone = entered(api), entered(api, agent=PHONE)
    assert laptop.post("/sign-out-others").json() == {"count": 1}
    assert phone.get("/me").status_code == 401


def test_fastapi_signs_out(api):
    client = entered(api)
    assert client.post("/sign-out").json() == {"was_signed_in": True}
    assert client.get("/me").status_code == 401


def test_fastapi_keeps_users_out_of_the_office(api):
    assert entered(api).get("/office").status_code == 403


def test_fastapi_lets_administrators_into_the_office(api):
    assert entered(api, "grace", "battery staple").get("/office").json() == {"signed_in": 1}
