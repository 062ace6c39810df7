"""One golden transcript for each route of the Better Auth dialect, here those for people: see `golden/`."""

from __future__ import annotations

import pytest

from sojourn.api import better_auth
from tests.interop.better_auth import BASE
from tests.interop.golden import FOLDER
from tests.interop.kit import PASSWORD
from tests.interop.talk import ANOTHER, UNKNOWN, name_of


def test_every_route_has_a_transcript():
    names = {name_of(route.path) for route in better_auth.routes(multi_session=True)}
    assert {file.stem for file in FOLDER.glob("better-auth-*.json")} == names | {"better-auth-sign-out"}


# ── signing up, in and out ────────────────────────────────────────────────────────────────────


def test_sign_up(talk):
    said = talk("sign-up/email")
    ada = {"email": said.email(), "password": PASSWORD, "name": "Ada", "image": "https://example.org/ada.png"}
    said.ask("somebody new", ada)
    said.client.cookies.clear()
    said.ask("who is known", ada)
    body = {"email": said.email(), "password": PASSWORD, "name": "Ada"}
    said.ask("too short", body | {"password": "7 chars"})
    said.ask("no address", body | {"email": "ada"})
    said.ask("without a name", {"email": body["email"], "password": PASSWORD})
    said.ask("back to another site", body | {"callbackURL": "https://elsewhere.example/"})
    site = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    said.ask("by a page of another site", body, origin="https://elsewhere.example", **site)
    said.ask("until the browser closes", body | {"rememberMe": False})


def test_sign_in(talk):
    said = talk("sign-in/email")
    body = {"email": said.sign_up()["email"], "password": PASSWORD}
    said.client.cookies.clear()
    said.ask("somebody", body)
    said.ask("once more, in the same browser", body)
    said.ask("without an origin, beside a cookie", body, origin="")
    said.client.cookies.clear()
    said.ask("a program, without an origin", body, origin="")
    said.client.cookies.clear()
    said.ask("back to a page", body | {"callbackURL": "/desk"})
    said.client.cookies.clear()
    said.ask("until the browser closes", body | {"rememberMe": False})
    said.client.cookies.clear()
    said.ask("a wrong password", body | {"password": ANOTHER})
    said.ask("nobody that is known", {"email": said.email(), "password": PASSWORD})
    said.ask("no address", body | {"email": "ada"})
    said.ask("without a password", {"email": body["email"]})
    said.ask("back to another site", body | {"callbackURL": "https://elsewhere.example/"})
    said.ask("of another origin", body, origin="https://elsewhere.example")
    said.said.ask("by a form", "POST", f"{BASE}/sign-in/email", form=body)


def test_sign_out(talk):
    said = talk("sign-out")
    said.ask("nobody")
    said.sign_up()
    said.ask("of another origin", origin="https://elsewhere.example")
    said.ask("somebody")
    said.ask("once more")


def test_sign_in_with_a_provider(talk):
    said = talk("sign-in/social")
    said.ask("which is not known", {"provider": "elsewhere"})
    said.ask("none", {})
    evil = "https://elsewhere.example/"
    for field in ("callbackURL", "errorCallbackURL", "newUserCallbackURL"):
        said.ask(f"back to another site: {field}", {"provider": "elsewhere", field: evil})


def test_link_a_provider(talk):
    said = talk("link-social")
    said.nobody(body={"provider": "elsewhere"})
    said.sign_up()
    said.ask("which is not known", {"provider": "elsewhere"})
    said.shapes({"provider": "elsewhere"})


# ── sessions ──────────────────────────────────────────────────────────────────────────────────


def test_get_session(talk):
    said = talk("get-session")
    said.get("nobody")
    said.ask("to refresh, where that is not deferred")
    ada = said.sign_up()
    said.get("somebody")
    said.get("whatever is cached", "?disableCookieCache=true&disableRefresh=true")
    other = said.sign_in(ada["email"])
    other.post(f"{BASE}/revoke-other-sessions")
    said.get("revoked")
    said.get("afterwards")
    token = other.post(f"{BASE}/sign-in/email", json={"email": ada["email"], "password": PASSWORD}).json()[
        "token"
    ]
    said.get("by a bearer token", authorization=f"Bearer {token}")
    said.get("by rubbish", authorization="Bearer rubbish")


def test_list_sessions(talk):
    said = talk("list-sessions")
    said.nobody("GET")
    ada = said.sign_up()
    said.sign_in(ada["email"])
    said.get("two")


def test_revoke_session(talk):
    said = talk("revoke-session")
    said.nobody(body={"token": UNKNOWN})
    ada = said.sign_up()
    other, stranger = said.sign_in(ada["email"]), said.browser()
    said.sign_up(stranger, "Bob")
    for case, token in {
        "another device": said.handle(other),
        "once more": UNKNOWN,
        "somebody else's": said.handle(stranger),
        "unknown": "unknown",
    }.items():
        said.ask(case, {"token": token})
    said.ask("without a token", {})
    said.ask("no text", {"token": 7})
    said.shapes({"token": "t"})
    said.ask("the current one", {"token": said.handle()})
    said.ask("afterwards", {"token": "t"})


@pytest.mark.parametrize("path", ["revoke-sessions", "revoke-other-sessions"])
def test_revoke_many(talk, path):
    said = talk(path)
    said.nobody()
    said.sign_in(said.sign_up()["email"])
    said.ask("without an origin", origin="")
    said.ask("two")
    said.ask("afterwards")


def test_update_session(talk):
    said = talk("update-session")
    said.nobody(body={"theme": "dark"})
    said.sign_up()
    said.ask("a field that may be set", {"theme": "dark"})
    said.ask("fields that may not", {"userId": "root", "expiresAt": "2099-01-01T00:00:00.000Z"})
    said.ask("nothing", {})
    said.ask("a list", ["theme"])
    said.ask("too much in it", {"theme": {"a": {"b": 1}}})
    said.shapes({"theme": "dark"})


def test_token(talk):
    said = talk("token")
    said.nobody("GET")
    said.sign_up()
    said.get("somebody")


@pytest.mark.parametrize("path", ["jwks", "ok"])
def test_for_anybody(talk, path):
    talk(path).get("anybody")


# ── the account ───────────────────────────────────────────────────────────────────────────────


def test_update_user(talk):
    said = talk("update-user")
    said.nobody(body={"name": "Augusta"})
    said.sign_up()
    said.ask("name and picture", {"name": "Augusta", "image": "https://example.org/a.png"})
    said.ask("no picture", {"image": None})
    said.ask("an address", {"email": "root@example.org"})
    said.ask("what only administrators set", {"role": "admin"})
    said.ask("nothing", {})
    said.ask("no text", {"name": 7})
    said.shapes({"name": "Eve"})


def test_change_password(talk):
    said = talk("change-password")
    body = {"currentPassword": PASSWORD, "newPassword": ANOTHER}
    said.nobody(body=body)
    said.sign_up()
    said.ask("a wrong one", body | {"currentPassword": ANOTHER})
    said.ask("too short", body | {"newPassword": "7 chars"})
    said.ask("without the old one", {"newPassword": ANOTHER})
    said.shapes(body)
    said.ask("a new one", body | {"revokeOtherSessions": True})


def test_delete_user(talk):
    said = talk("delete-user")
    said.nobody()
    said.sign_up()
    said.ask("a wrong password", {"password": ANOTHER})
    said.ask("without an origin", origin="")
    said.ask("with the password", {"password": PASSWORD})
    said.ask("afterwards")


def test_list_accounts(talk):
    said = talk("list-accounts")
    said.nobody("GET")
    said.sign_up()
    said.get("a password")


def test_unlink_account(talk):
    said = talk("unlink-account")
    said.nobody(body={"providerId": "credential"})
    said.sign_up()
    said.ask("the last way in", {"providerId": "credential"})
    said.ask("which is not connected", {"providerId": "elsewhere"})
    said.ask("none", {})
    said.shapes({"providerId": "elsewhere"})


# ── several accounts ──────────────────────────────────────────────────────────────────────────


def two_accounts(said):
    """Two people who have signed in in this browser, and what their sessions are called."""
    said.sign_up()
    ada = said.handle()
    said.sign_up(name="Bob")
    return ada, said.handle()


def test_list_device_sessions(talk):
    said = talk("multi-session/list-device-sessions")
    said.get("nobody")
    two_accounts(said)
    said.get("two")


def test_set_active(talk):
    said = talk("multi-session/set-active")
    said.ask("nobody", {"sessionToken": UNKNOWN})
    ada, bob = two_accounts(said)
    said.ask("the other", {"sessionToken": ada})
    said.ask("the one that is", {"sessionToken": ada})
    said.ask("back", {"sessionToken": bob})
    said.ask("unknown", {"sessionToken": UNKNOWN})
    said.ask("none", {})
    said.shapes({"sessionToken": ada})


def test_revoke_one_of_several(talk):
    said = talk("multi-session/revoke")
    said.ask("nobody", {"sessionToken": UNKNOWN})
    ada, bob = two_accounts(said)
    said.ask("unknown", {"sessionToken": UNKNOWN})
    said.ask("none", {})
    said.ask("without an origin", {"sessionToken": ada}, origin="")
    said.ask("the active one", {"sessionToken": bob})
    said.ask("the last one", {"sessionToken": ada})
    said.ask("afterwards", {"sessionToken": ada})
