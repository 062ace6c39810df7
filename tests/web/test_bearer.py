"""Bearer mode: an access token in the Authorization header, and a refresh token in the body."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sojourn import access
from sojourn.access import Claims
from sojourn.errors import AccessExpired, TokenInvalid
from sojourn.events import Refreshed, Replayed, Revoked
from sojourn.session import Reason
from tests.web.kit import ADA, PASSWORD, SESSION, Browser, Guests, code, cookies_set

API = "/api/auth"


class Bearer:
    """A program that holds the two tokens of one session, and no cookie."""

    def __init__(self, server: Guests, answer: Any) -> None:
        self.server, self.browser = server, server.script()
        self.adopt(answer)

    def adopt(self, answer: Any) -> None:
        assert answer.status_code in (200, 201), answer.text
        held = answer.json()
        self.access, self.token = held["access_token"], held["refresh_token"]
        self.id, self.expires_in = held["session"]["id"], held["expires_in"]

    def ask(self, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.access}"} | more.pop("headers", {})
        return self.browser.request(method, f"{API}{path}", headers=headers, **more)

    def refresh(self, token: str | None = None) -> Any:
        return self.browser.post(f"{API}/refresh", json={"refresh_token": token or self.token})

    def status(self) -> int:
        return self.ask("GET", "/sessions/current").status_code


def sign_in(server: Guests, **fields: Any) -> Any:
    return server.script().sign_in(mode="bearer", **fields)


@pytest.fixture
def bearer(server: Guests, ada: Browser) -> Bearer:
    """A program of the same user as the browser's."""
    return Bearer(server, sign_in(server))


def claims(server: Guests, text: str) -> Claims:
    assert server.site.issuer is not None
    return server.site.issuer.read(text)


# ── signing in ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R-01", "A10-10.1.1")
def test_signing_in_hands_over_two_tokens_and_no_cookie(server, ada):
    answer = sign_in(server)
    assert answer.json()["token_type"] == "Bearer"
    assert cookies_set(answer) == {}
    assert "no-store" in answer.headers["cache-control"]


def test_signing_up_does_too(server):
    answer = server.script().sign_up(mode="bearer")
    assert answer.status_code == 201
    assert cookies_set(answer) == {}
    assert Bearer(server, answer).status() == 200


def test_a_browser_in_bearer_mode_stays_signed_in_by_its_cookie(server, ada):
    before = ada.token
    assert ada.sign_in(mode="bearer").status_code == 200
    assert ada.token == before
    assert len(ada.rows()) == 2


def test_without_keys_bearer_mode_says_what_the_operator_does(server, ada):
    server.site.issuer = None
    answer = sign_in(server)
    assert answer.status_code == 422
    assert "sojourn keys rotate" in answer.json()["message"]
    assert len(ada.rows()) == 1


@pytest.mark.req("T-01", "T-02", "T-03", "A9-9.2.4")
def test_an_access_token_says_what_rfc_9068_wants_and_nothing_about_the_person(server, ada, bearer):
    said = claims(server, bearer.access)
    assert str(said.sid) == bearer.id
    assert (said.iss, said.aud, said.client_id) == ("https://good.test", ("https://good.test",), "sojourn")
    assert (said.amr, said.acr) == (("pwd",), "aal1")
    assert said.auth_time == int(server.clock().timestamp())
    payload = access.opened(
        bearer.access, server.site.issuer.signers.find, typ="at+jwt", algorithms=["RS256"]
    )
    assert payload.keys() == {
        "iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "ver", "gen", "auth_time", "amr", "acr",
        "scope",
    }  # fmt: skip


@pytest.mark.req("R-20")
def test_an_access_token_is_short_lived_and_two_of_a_moment_end_apart(server, ada):
    lives = {sign_in(server).json()["expires_in"] for _ in range(20)}
    assert all(270 <= life <= 300 for life in lives)
    assert len(lives) > 1


def test_law_12_an_access_token_never_outlives_its_session(open_server):
    server = open_server(lifetime=timedelta(hours=1), idle_timeout=None)
    server.browser().sign_up()
    bearer = Bearer(server, sign_in(server))
    server.clock.tick(minutes=58)
    bearer.adopt(bearer.refresh())
    assert bearer.expires_in <= 120


# ── using it ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/sessions", "/sessions/current", "/sessions/history"])
def test_an_access_token_opens_what_the_cookie_opens(bearer, path):
    assert bearer.ask("GET", path).status_code == 200


def test_the_scheme_is_not_case_sensitive(bearer):
    answer = bearer.ask("GET", "/sessions", headers={"authorization": f"bEARER  {bearer.access}"})
    assert answer.status_code == 200


@pytest.mark.req("E-02", "E-01")
def test_a_bad_token_is_challenged_as_rfc_6750_has_it(bearer):
    answer = bearer.ask("GET", "/sessions", headers={"authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="sojourn", error="invalid_token"')


def test_other_schemes_are_somebody_elses(ada):
    assert ada.get(f"{API}/sessions", headers={"authorization": "Basic YWRhOnB3"}).status_code == 200


@pytest.mark.req("OS-05", "OS-09")
def test_a_request_with_an_access_token_is_never_answered_by_its_cookie(ada, bearer):
    answer = ada.get(f"{API}/sessions", headers={"authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    answer = ada.get(f"{API}/sessions/current", headers={"authorization": f"Bearer {bearer.access}"})
    assert answer.json()["session"]["id"] == bearer.id


@pytest.mark.req("OS-05", "A9-9.2.2")
def test_the_refresh_token_is_no_access_token_and_the_other_way_round(bearer):
    answer = bearer.ask("GET", "/sessions", headers={"authorization": f"Bearer {bearer.token}"})
    assert (answer.status_code, code(answer)) == (401, "token_invalid")
    answer = bearer.refresh(bearer.access[:100])
    assert (answer.status_code, code(answer)) == (401, "token_invalid")
    assert bearer.status() == 200


@pytest.mark.req("OS-05", "A9-9.2.2", "OS-09")
def test_the_refresh_token_is_no_cookie_and_the_cookie_no_refresh_token(server, ada, bearer):
    browser = server.browser()
    for token in (bearer.token, bearer.token.replace("sjr_", "sjn_")):
        browser.hold(token)
        assert browser.get(f"{API}/sessions").status_code == 401
        assert browser.post(f"{API}/refresh").status_code == 401
        assert browser.get("/account/security").status_code == 303
    for token in (ada.token, str(ada.token).replace("sjn_", "sjr_")):
        assert code(bearer.refresh(token)) == "token_invalid"
    assert bearer.status() == 200
    assert ada.signed_in()


@pytest.mark.req("A10-10.1.1")
@pytest.mark.parametrize("path", ["/account/security", "/admin", "/oauth/authorize?client_id=x"])
def test_pages_are_for_whoever_sits_there(bearer, path):
    headers = {"authorization": f"Bearer {bearer.access}"}
    answer = bearer.browser.get(path, headers=headers)
    assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.req("OS-05")
def test_an_access_token_in_the_cookie_or_the_address_is_nothing(server, bearer):
    browser = server.browser()
    browser.hold(bearer.access)
    assert browser.get(f"{API}/sessions").status_code == 401
    assert server.browser().get(f"{API}/sessions?access_token={bearer.access}").status_code == 401


def test_no_other_site_can_make_a_browser_send_it_so_no_csrf_rule_applies(bearer):
    answer = bearer.ask("POST", "/sessions/revoke-others", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


def test_a_used_token_slides_the_session_unless_the_request_is_passive(server, bearer):
    server.clock.tick(minutes=2)
    bearer.ask("GET", "/sessions/current", headers={"x-session-passive": "1"})
    before = bearer.ask("GET", "/sessions", headers={"x-session-passive": "1"}).json()["sessions"]
    assert bearer.ask("GET", "/sessions").status_code == 200
    after = bearer.ask("GET", "/sessions", headers={"x-session-passive": "1"}).json()["sessions"]
    seen = [next(row["seen_at"] for row in rows if row["current"]) for rows in (before, after)]
    assert seen[0] < seen[1]


@pytest.mark.req("A9-9.2.1")
def test_it_expires_and_says_that_a_refresh_helps(server, bearer):
    server.clock.tick(minutes=6)
    answer = bearer.ask("GET", "/sessions")
    assert (answer.status_code, code(answer)) == (401, "access_expired")
    bearer.adopt(bearer.refresh())
    assert bearer.status() == 200


@pytest.mark.req("A7-7.4.1")
def test_a_revoked_session_takes_its_access_token_along(ada, bearer):
    assert bearer.status() == 200
    assert ada.delete(f"{API}/sessions/{bearer.id}").status_code == 200
    answer = bearer.ask("GET", "/sessions/current")
    assert (answer.status_code, code(answer)) == (401, "session_revoked")
    assert code(bearer.refresh()) == "session_revoked"


@pytest.mark.req("AX-8.3.2", "OS-08")
def test_a_changed_role_voids_access_tokens_and_a_refresh_brings_one_that_knows_of_it(server, bearer):
    assert bearer.status() == 200
    user_id = claims(server, bearer.access).sub
    server.run(server.sessions.renew_all, user_id)
    answer = bearer.ask("GET", "/sessions/current")
    assert (answer.status_code, code(answer)) == (401, "access_expired")
    bearer.adopt(bearer.refresh())
    assert bearer.status() == 200
    assert bearer.refresh().headers["x-sojourn-verdict"] == "rotated"


def test_a_changed_password_ends_the_sessions_of_programs(ada, bearer):
    body = {"current_password": PASSWORD, "new_password": "another ship in a bottle"}
    assert ada.post(f"{API}/password", json=body).status_code == 200
    assert bearer.status() == 401
    assert bearer.refresh().status_code == 401


@pytest.mark.req("A7-7.4.3", "A7-7.2.4")
def test_who_changes_the_password_goes_on_with_new_tokens(server, ada, bearer):
    old = bearer.access
    body = {"current_password": PASSWORD, "new_password": "another ship in a bottle"}
    answer = bearer.ask("POST", "/password", json=body).json()
    assert answer["count"] == 1
    assert not ada.signed_in()
    bearer.access, bearer.token = answer["access_token"], answer["refresh_token"]
    assert bearer.status() == 200
    assert bearer.refresh().status_code == 200
    bearer.access = old
    assert bearer.status() == 401


@pytest.mark.req("A7-7.4.2")
@pytest.mark.parametrize("verb", ["disable", "delete"])
def test_an_account_that_is_no_longer_takes_every_token_along(server, ada, bearer, verb):
    assert server.run(getattr(server.accounts, verb), claims(server, bearer.access).sub) == 2
    assert bearer.status() == 401
    assert bearer.refresh().status_code == 401
    assert not ada.signed_in()


def test_everything_of_one_application_can_be_ended_without_the_rest(server, ada, bearer):
    user_id = claims(server, bearer.access).sub
    server.start(user_id, application_id="app_one")
    body = {"application_id": "app_one", "include_current": True}
    assert bearer.ask("POST", "/sessions/revoke-all", json=body).json() == {"count": 1}
    assert bearer.status() == 200
    assert ada.signed_in()


def test_a_misspelt_field_does_not_end_everything(ada, bearer):
    body = {"applicationId": "app_one", "include_current": True}
    assert bearer.ask("POST", "/sessions/revoke-all", json=body).status_code == 422
    assert ada.signed_in()


# ── refresh ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("R-01", "R-05")
def test_a_refresh_answers_the_next_two_tokens_and_sets_no_cookie(server, bearer):
    answer = bearer.refresh()
    assert answer.headers["x-sojourn-verdict"] == "rotated"
    assert "no-store" in answer.headers["cache-control"]
    assert cookies_set(answer) == {}
    assert answer.json()["refresh_token"] != bearer.token
    assert answer.json()["session"]["id"] == bearer.id


@pytest.mark.req("R-07")
def test_a_twin_within_the_grace_gets_the_very_same_token(server, bearer):
    first, twin = bearer.refresh(), bearer.refresh()
    assert first.json()["refresh_token"] == twin.json()["refresh_token"]
    assert twin.headers["x-sojourn-verdict"] == "twin"
    assert [event.verdict for event in server.told(Refreshed)] == ["rotated", "twin"]


def test_a_lost_answer_is_repeated_and_told(server, bearer):
    lost = bearer.refresh().json()["refresh_token"]
    server.clock.tick(minutes=1)
    again = bearer.refresh()
    assert again.headers["x-sojourn-verdict"] == "lost_answer"
    assert again.json()["refresh_token"] == lost


@pytest.mark.req("R-06", "A10-10.4.5")
def test_law_04_a_replay_ends_that_session_alone_and_is_told(server, ada, bearer):
    stolen = bearer.token
    bearer.adopt(bearer.refresh())
    bearer.adopt(bearer.refresh())
    server.clock.tick(minutes=11)
    answer = bearer.refresh(stolen)
    assert (answer.status_code, code(answer)) == (401, "refresh_reused")
    assert answer.headers["x-sojourn-verdict"] == "replay"
    assert len(server.told(Replayed)) == 1
    assert bearer.status() == 401
    assert ada.signed_in()


def test_the_strict_profile_forgives_nothing(open_server):
    server = open_server(grace=timedelta(0), lost_answer=timedelta(0))
    server.browser().sign_up()
    bearer = Bearer(server, sign_in(server))
    assert bearer.refresh().status_code == 200
    assert code(bearer.refresh()) == "refresh_reused"


@pytest.mark.req("S-03")
def test_a_refresh_moves_neither_the_ends_nor_the_time_of_the_proof(server, bearer):
    before = bearer.ask("GET", "/sessions/current").json()["session"]
    server.clock.tick(minutes=4)
    for _ in range(5):
        bearer.adopt(bearer.refresh())
        server.clock.tick(seconds=11)
    after = bearer.ask("GET", "/sessions/current", headers={"x-session-passive": "1"}).json()["session"]
    for fact in ("seen_at", "expires_at", "ends_at", "authenticated_at"):
        assert after[fact] == before[fact], fact


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"refresh_token": 7}, 422),
        ({"refresh_token": ""}, 401),
        ({"refresh_token": "x" * 1000}, 401),
        ({"refresh_token": "x" * 10_001}, 422),
        ([], 422),
    ],
)
def test_a_body_that_cannot_be_is_refused(server, body, status):
    assert server.script().post(f"{API}/refresh", json=body).status_code == status


def test_a_cookie_is_refreshed_without_a_body_and_says_the_verdict_too(ada):
    answer = ada.post(f"{API}/refresh")
    assert answer.headers["x-sojourn-verdict"] == "rotated"
    assert "access_token" not in answer.json()
    assert SESSION in cookies_set(answer)


# ── activity ──────────────────────────────────────────────────────────────────────────────────


def report(bearer: Bearer, idle: timedelta) -> Any:
    return bearer.ask("POST", "/activity", json={"idle_ms": int(idle.total_seconds() * 1000)})


@pytest.mark.req("A7-7.3.1", "N-18")
def test_reported_activity_slides_to_when_the_person_was_active_and_no_further(server, bearer):
    server.clock.tick(minutes=4)
    answer = report(bearer, timedelta(minutes=1))
    expected = server.clock() - timedelta(minutes=1)
    assert answer.json()["session"]["seen_at"].startswith(f"{expected:%Y-%m-%dT%H:%M:%S}")


def test_what_is_longer_ago_than_known_slides_nothing(server, bearer):
    before = bearer.ask("GET", "/sessions/current").json()["session"]
    server.clock.tick(minutes=4)
    after = report(bearer, timedelta(days=300)).json()["session"]
    assert (after["seen_at"], after["expires_at"]) == (before["seen_at"], before["expires_at"])


def test_the_absolute_end_stays(server, bearer):
    before = bearer.ask("GET", "/sessions/current").json()["session"]
    server.clock.tick(minutes=4)
    assert report(bearer, timedelta(0)).json()["session"]["ends_at"] == before["ends_at"]


def test_a_browser_reports_by_its_cookie_and_may_say_nothing_more(server, ada):
    before = ada.get(f"{API}/sessions/current").json()["session"]
    server.clock.tick(minutes=5)
    after = ada.post(f"{API}/activity").json()["session"]
    assert after["seen_at"] > before["seen_at"]
    assert after["expires_at"] > before["expires_at"]


@pytest.mark.parametrize("idle", [-1, 1.5, "soon", 10**15])
def test_nonsense_is_refused(bearer, idle):
    assert bearer.ask("POST", "/activity", json={"idle_ms": idle}).status_code == 422


# ── proving again ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("S-01", "A10-10.3.4", "N-17")
def test_a_bearer_who_is_not_fresh_is_challenged_as_rfc_9470_has_it(server, bearer):
    server.clock.tick(minutes=11)
    bearer.adopt(bearer.refresh())
    answer = bearer.ask("POST", "/sessions/revoke-others")
    assert (answer.status_code, code(answer)) == (401, "reauth_required")
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'max_age="600"' in challenge
    assert answer.json()["methods"] == ["password"]


def test_a_browser_is_told_by_which_methods(server, ada):
    server.clock.tick(minutes=11)
    answer = ada.post(f"{API}/sessions/revoke-others")
    assert (answer.status_code, code(answer)) == (403, "reauth_required")
    assert (answer.json()["methods"], answer.json()["max_age"]) == (["password"], 600)


@pytest.mark.req("A7-7.2.4", "S-02", "S-06")
def test_a_fresh_proof_renews_the_tokens_and_helps_this_session_alone(server, ada, bearer):
    other = Bearer(server, sign_in(server))
    server.clock.tick(minutes=11)
    for one in (bearer, other):
        one.adopt(one.refresh())
    old_access, old_token = bearer.access, bearer.token
    bearer.adopt(bearer.ask("POST", "/reauthenticate", json={"password": PASSWORD}))
    assert claims(server, bearer.access).auth_time == int(server.clock().timestamp())
    assert other.ask("POST", "/sessions/revoke-others").status_code == 401
    assert code(bearer.refresh(old_token)) == "token_invalid"
    bearer_before, bearer.access = bearer.access, old_access
    assert bearer.status() == 401
    bearer.access = bearer_before
    assert bearer.ask("POST", "/sessions/revoke-others").status_code == 200


def test_a_wrong_password_proves_nothing(bearer):
    answer = bearer.ask("POST", "/reauthenticate", json={"password": "a wrong one"})
    assert code(answer) == "invalid_credentials"


# ── signing out ───────────────────────────────────────────────────────────────────────────────


def test_the_access_token_signs_its_session_out(server, ada, bearer):
    assert bearer.ask("POST", "/sign-out").json() == {"success": True}
    assert bearer.status() == 401
    assert server.told(Revoked)[-1].reason is Reason.SIGNED_OUT
    assert ada.signed_in()


def test_so_does_the_refresh_token_in_the_body(server, ada, bearer):
    body = {"refresh_token": bearer.token}
    assert server.script().post(f"{API}/sign-out", json=body).json() == {"success": True}
    assert bearer.status() == 401
    assert ada.signed_in()


@pytest.mark.parametrize("token", ["", "nonsense", "sjr_" + "A" * 83, "eyJ" + "a" * 500])
def test_signing_out_with_nothing_of_worth_succeeds_and_ends_nothing(server, ada, token):
    assert server.script().post(f"{API}/sign-out", json={"refresh_token": token}).json() == {"success": True}
    assert ada.signed_in()


def test_an_expired_access_token_ends_nothing(server, ada, bearer):
    server.clock.tick(minutes=6)
    assert bearer.ask("POST", "/sign-out").json() == {"success": True}
    assert len(ada.rows()) == 2


# ── other processes, other keys ───────────────────────────────────────────────────────────────


def test_what_another_issuer_signed_is_nothing(server, bearer):
    server.site.issuer.url = "https://other.test"
    server.site.issuer._read.clear()
    with pytest.raises(TokenInvalid):
        claims(server, bearer.access)


def test_a_token_that_was_read_before_is_not_believed_after_its_time(server, bearer):
    claims(server, bearer.access)
    server.clock.tick(minutes=6)
    with pytest.raises(AccessExpired):
        claims(server, bearer.access)


def test_law_09_a_store_that_is_away_is_no_refusal(server, bearer):
    server.lose_store()
    answer = bearer.ask("GET", "/sessions")
    assert answer.status_code == 503
    assert bearer.refresh().status_code == 503
    assert ADA not in answer.text
