"""One golden transcript for each route of Better Auth's plugin for administrators: see `golden/`."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.interop.better_auth import BASE
from tests.interop.kit import PASSWORD
from tests.interop.talk import ANOTHER, ROOT, UNKNOWN


def forbidden(said, method="POST", body=None):
    """The refusals of every route for administrators; then one is signed in."""
    said.nobody(method, body)
    said.sign_up(name="Eve")
    said.ask("no administrator", body, method=method)
    said.as_root()


def test_admin_list_users(talk):
    said = talk("admin/list-users")
    ada = said.sign_up()
    said.client.cookies.clear()
    forbidden(said, "GET")
    said.get("searched", f"?searchField=email&searchValue={ada['email']}")
    said.get("one of a page", f"?searchValue={said.path.replace('/', '-')}&sortBy=email&limit=1&offset=1")
    said.get("filtered", f"?filterField=email&filterValue={ROOT}")
    said.get("by a field that nobody has", "?filterField=shoe&filterValue=9")
    said.get("how it cannot be", "?searchValue=a&searchOperator=around")


def test_admin_get_user(talk):
    said = talk("admin/get-user")
    ada = said.sign_up()
    said.client.cookies.clear()
    forbidden(said, "GET")
    said.get("somebody", f"?id={ada['id']}")
    said.get("unknown", f"?id={UNKNOWN}")
    said.get("nobody in particular")


OF_A_USER: dict[str, dict[str, Any]] = {
    "list-user-sessions": {},
    "revoke-user-sessions": {},
    "ban-user": {"banReason": "spam", "banExpiresIn": 3600},
    "unban-user": {},
    "set-role": {"role": "admin"},
    "update-user": {"data": {"name": "Augusta"}},
    "set-user-password": {"newPassword": ANOTHER},
    "remove-user": {},
}


@pytest.mark.parametrize("path", OF_A_USER)
def test_admin_does_something_to_a_user(talk, path):
    said, body = talk(f"admin/{path}"), OF_A_USER[path]
    ada = said.sign_up()
    said.client.cookies.clear()
    forbidden(said, body={"userId": ada["id"]} | body)
    said.ask("somebody", {"userId": ada["id"]} | body)
    said.ask("unknown", {"userId": UNKNOWN} | body)
    said.ask("nobody in particular", body)
    said.shapes({"userId": ada["id"]} | body)


@pytest.mark.parametrize("path", ["ban-user", "remove-user"])
def test_admin_does_nothing_to_themselves(better_auth, path):
    with httpx2.Client(base_url=better_auth.origin, headers={"origin": better_auth.origin}) as client:
        body = {"email": ROOT, "password": PASSWORD}
        user = client.post(f"{BASE}/sign-in/email", json=body).json()["user"]
        answer = client.post(f"{BASE}/admin/{path}", json={"userId": user["id"]})
        assert (answer.status_code, answer.json()["code"].startswith("YOU_CANNOT_")) == (400, True)


def test_admin_revoke_user_session(talk):
    said = talk("admin/revoke-user-session")
    other = said.browser()
    said.sign_up(other)
    token = said.handle(other)
    forbidden(said, body={"sessionToken": token})
    said.ask("somebody's", {"sessionToken": token})
    said.ask("unknown", {"sessionToken": UNKNOWN})
    said.ask("none", {})
    said.shapes({"sessionToken": token})


def test_admin_create_user(talk):
    said = talk("admin/create-user")
    body = {"email": said.email(), "password": PASSWORD, "name": "Grace", "role": "user"}
    forbidden(said, body=body)
    said.ask("somebody new", body)
    said.ask("who is known", body)
    another = body | {"email": said.email()}
    said.ask("too short", another | {"password": "7 chars"})
    said.ask("a role that is none", another | {"role": "emperor"})
    said.ask("without an address", {"name": "Grace"})
    said.shapes(another)


def test_admin_has_permission(talk):
    said, body = talk("admin/has-permission"), {"permissions": {"user": ["ban"]}}
    said.nobody(body=body)
    said.sign_up()
    said.ask("no administrator", body)
    said.as_root()
    said.ask("an administrator", body)
    said.ask("what there is not", {"permissions": {"moon": ["eat"]}})
    said.ask("nothing", {})


def test_impersonate(talk):
    said = talk("admin/impersonate-user")
    ada = said.sign_up()
    said.client.cookies.clear()
    forbidden(said, body={"userId": ada["id"]})
    said.ask("unknown", {"userId": UNKNOWN})
    said.ask("without an origin", {"userId": ada["id"]}, origin="")
    root = said.client.get(f"{BASE}/get-session").json()["user"]
    said.ask("an administrator", {"userId": root["id"]})
    said.ask("somebody", {"userId": ada["id"]})
    said.ask("while one acts as somebody", {"userId": ada["id"]})


def test_stop_impersonating(talk):
    said = talk("admin/stop-impersonating")
    ada = said.sign_up()
    said.client.cookies.clear()
    said.nobody()
    said.as_root()
    said.ask("who acts as nobody")
    said.client.post(f"{BASE}/admin/impersonate-user", json={"userId": ada["id"]})
    said.ask("without an origin", origin="")
    said.ask("an administrator")
    said.client.post(f"{BASE}/admin/impersonate-user", json={"userId": ada["id"]})
    said.sign_in(ROOT).post(f"{BASE}/revoke-other-sessions")
    said.ask("whose own session has been revoked")
