"""Another service that accepts our sessions: it decides here what it may, and never longer than it may."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from sojourn import Reason, access_ring
from sojourn.client import connect_async
from sojourn.client.remote import Remote
from sojourn.clock import StoreClock
from sojourn.errors import (
    AccessExpired,
    FreshnessRequired,
    SessionRevoked,
    SettingsError,
    TokenInvalid,
    Unauthenticated,
)
from tests.client.fake import APPLICATION, SECRET, FakeServer
from tests.client.kit import ORIGIN

JWKS, FEED, INTROSPECT = "/.well-known/jwks.json", "/oauth/feed", "/oauth/introspect"


# ── access tokens ─────────────────────────────────────────────────────────────────────────────


def test_an_access_token_is_verified_here(remote, fake):
    session, _ = fake.start(tenant_id="t1")
    found = remote.require(fake.access(session, scope="read write", acr="aal2"))
    assert (found.id, found.user_id, found.application_id) == (session.id, "ada", APPLICATION)
    assert (found.tenant_id, found.amr, found.aal) == ("t1", ("pwd",), 2)
    assert (found.scope, found.authenticated_at) == (("read", "write"), session.authenticated_at)
    assert fake.asked[INTROSPECT] == 0


def test_a_token_that_comes_again_asks_for_nothing(remote, fake):
    session, _ = fake.start()
    token = fake.access(session)
    for _ in range(100):
        remote.require(token)
    assert fake.asked == {JWKS: 1, FEED: 1}


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.test"},
        {"aud": ("another",)},
        {"sub": ""},
        {"iat": 4_000_000_000},
        {"sid": None},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_is_refused(remote, fake, changed):
    session, _ = fake.start()
    with pytest.raises(TokenInvalid):
        remote.require(fake.access(session, **changed))
    assert fake.asked[INTROSPECT] == 0


def test_a_token_of_another_signer_is_refused(remote, fake, clock):
    session, _ = fake.start()
    forger = FakeServer(clock, access_ring.parse(access_ring.generate(clock())))
    with pytest.raises(TokenInvalid):
        remote.require(forger.access(session))


def test_a_token_changed_by_a_bit_is_refused(remote, fake):
    session, _ = fake.start()
    head, body, mac = fake.access(session).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "grace"}).encode()).decode().rstrip("=")
    with pytest.raises(TokenInvalid):
        remote.require(f"{head}.{forged}.{mac}")


def test_a_token_whose_time_is_over_says_so(remote, fake, clock):
    session, _ = fake.start()
    token = fake.access(session)
    remote.require(token)
    clock.tick(minutes=6)
    with pytest.raises(AccessExpired):
        remote.require(token)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_service_whose_clock_is_wrong_goes_by_the_servers(open_remote, fake, clock, minutes):
    def seconds() -> float:
        return clock().timestamp()

    wrong = StoreClock(wall=lambda: seconds() + minutes * 60, monotonic=seconds)
    remote = open_remote(clock=wrong)
    session, _ = fake.start()
    token = fake.access(session)
    for _ in range(3):
        assert remote.require(token).id == session.id
        clock.tick(milliseconds=250)
    assert fake.asked[INTROSPECT] == 1  # before it was known what time it is
    clock.tick(minutes=6)
    with pytest.raises(AccessExpired):
        remote.require(token)


def test_a_machine_token_is_no_session_and_the_other_way_round(remote, fake):
    session, _ = fake.start()
    machine = fake.access(session, sid=None, sub="app-2", client_id="app-2", scope="jobs")
    assert remote.machine(machine).scope == "jobs"
    with pytest.raises(TokenInvalid):
        remote.require(machine)
    with pytest.raises(TokenInvalid):
        remote.machine(fake.access(session))


def test_a_session_token_is_no_machine_token(remote, fake):
    with pytest.raises(TokenInvalid):
        remote.machine(fake.start()[1])


def test_a_token_that_lives_longer_than_the_log_is_kept_is_asked_about(remote, fake, clock):
    session, _ = fake.start()
    long = fake.access(session, exp=int((clock() + timedelta(hours=2)).timestamp()))
    for _ in range(2):
        assert remote.require(long).id == session.id
    assert fake.asked[INTROSPECT] == 1  # what the server said is kept as that of a cookie is
    fake.revoke(session)
    clock.tick(milliseconds=250)
    with pytest.raises(SessionRevoked):
        remote.require(long)


# ── cookies ───────────────────────────────────────────────────────────────────────────────────


def test_of_a_cookie_the_server_is_asked_once(remote, fake):
    session, token = fake.start()
    for _ in range(100):
        found = remote.require({"cookie": f"__Host-sojourn={token}"})
        assert (found.id, found.user_id, found.amr) == (session.id, "ada", ("pwd",))
    assert fake.asked == {INTROSPECT: 1, FEED: 1}


def test_and_again_when_that_is_old(open_remote, fake, clock):
    remote = open_remote(cache_for=timedelta(minutes=1))
    _, token = fake.start()
    remote.require(token)
    clock.tick(seconds=59)
    remote.require(token)
    assert fake.asked[INTROSPECT] == 1
    clock.tick(seconds=1)
    remote.require(token)
    assert fake.asked[INTROSPECT] == 2


def test_a_made_up_cookie_is_refused(remote):
    with pytest.raises(TokenInvalid):
        remote.require("sjn_nonsense")


def test_nobody_is_refused_without_a_question(remote, fake):
    with pytest.raises(Unauthenticated):
        remote.require({"cookie": "theme=dark"})
    assert remote.session_of({}) is None
    assert fake.asked.total() == 0


def test_what_is_kept_has_a_bound(open_remote, fake):
    remote = open_remote(near_cache=10)
    near = getattr(remote, "_remote", None) or remote
    tokens = [fake.start()[1] for _ in range(30)]
    for token in tokens:
        remote.require(token)
    assert len(near._near) == 10
    remote.require(tokens[-1])
    assert fake.asked[INTROSPECT] == 30
    remote.require(tokens[0])
    assert fake.asked[INTROSPECT] == 31


def test_no_token_is_kept_in_the_clear(open_remote, fake):
    remote = open_remote()
    near = getattr(remote, "_remote", None) or remote
    _, token = fake.start()
    remote.require(token)
    assert token not in repr(near._near._kept)


# ── revocation ────────────────────────────────────────────────────────────────────────────────


def kinds(fake, session, token):
    return [fake.access(session), token]


@pytest.mark.parametrize("kind", ["access", "session"])
def test_law_05_a_revocation_at_the_server_is_felt_within_the_bound(remote, fake, clock, kind):
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    remote.require(shown)
    fake.revoke(session)
    clock.tick(milliseconds=250)
    with pytest.raises(SessionRevoked) as caught:
        remote.require(shown)
    assert (caught.value.id, caught.value.reason) == (session.id, Reason.USER)


@pytest.mark.parametrize("kind", ["access", "session"])
def test_law_05_what_comes_first_after_the_revocation_is_refused_too(remote, fake, clock, kind):
    """The log is read from its beginning, so a service that starts later knows as much."""
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    fake.revoke(session)
    with pytest.raises((SessionRevoked, TokenInvalid)):
        remote.require(shown)


@pytest.mark.parametrize("kind", ["access", "session"])
def test_a_change_of_the_session_makes_the_server_be_asked(remote, fake, clock, kind):
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    remote.require(shown)
    asked = fake.asked[INTROSPECT]
    changed = fake.change(session)
    clock.tick(milliseconds=250)
    try:
        assert remote.require(shown).version >= changed.version
    except TokenInvalid:
        assert kind == "access"  # the server no longer takes a token from before the change
    assert fake.asked[INTROSPECT] == asked + 1


@pytest.mark.parametrize("kind", ["access", "session"])
def test_where_the_log_is_not_current_the_server_is_asked_each_time(remote, fake, clock, kind):
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    remote.require(shown)
    fake.refusing = {FEED}
    clock.tick(seconds=2)
    asked = fake.asked[INTROSPECT]
    for _ in range(3):
        assert remote.require(shown).id == session.id
    assert fake.asked[INTROSPECT] == asked + 3
    fake.revoke(session)
    with pytest.raises(TokenInvalid):
        remote.require(shown)


def test_the_log_is_asked_no_oftener_than_agreed(remote, fake, clock):
    session, _ = fake.start()
    token = fake.access(session)
    for _ in range(20):
        remote.require(token)
        clock.tick(milliseconds=50)
    assert fake.asked[FEED] <= 5


def test_an_ending_that_was_seen_is_final_whatever_happens_to_the_server(open_remote, fake, clock):
    remote = open_remote(when_away="go_on")
    session, token = fake.start()
    remote.require(token)
    fake.revoke(session)
    clock.tick(milliseconds=250)
    with pytest.raises(SessionRevoked):
        remote.require(token)
    fake.away = True
    clock.tick(seconds=10)
    with pytest.raises(SessionRevoked):
        remote.require(token)


def test_an_ending_for_a_reason_of_tomorrow_is_an_ending(remote, fake, clock, monkeypatch):
    session, token = fake.start()
    remote.require(token)
    fake.revoke(session)
    feed = fake._feed

    def told(asked: Any) -> Any:
        page = feed(asked)
        return page | {"entries": [entry | {"reason": "of 2031"} for entry in page["entries"]]}

    monkeypatch.setattr(fake, "_feed", told)
    clock.tick(milliseconds=250)
    with pytest.raises(SessionRevoked) as caught:
        remote.require(token)
    assert caught.value.reason is Reason.SYSTEM


# ── freshness ─────────────────────────────────────────────────────────────────────────────────


def test_a_sensitive_act_asks_the_server_and_wants_a_recent_sign_in(remote, fake, clock):
    session, token = fake.start()
    assert remote.require_fresh(token).id == session.id
    clock.tick(minutes=6)
    with pytest.raises(FreshnessRequired) as caught:
        remote.require_fresh(token)
    assert caught.value.challenge == {"max_age": "300"}
    assert remote.require_fresh(token, timedelta(minutes=10)).id == session.id
    assert fake.asked[INTROSPECT] == 3


def test_a_sensitive_act_may_want_a_stronger_sign_in(remote, fake):
    _, token = fake.start(aal=1)
    with pytest.raises(FreshnessRequired) as caught:
        remote.require_fresh(token, aal=2)
    assert caught.value.challenge == {"max_age": "300", "acr_values": "aal2"}


# ── settings ──────────────────────────────────────────────────────────────────────────────────


def test_a_service_is_an_application_that_the_server_knows():
    with pytest.raises(SettingsError, match="sojourn applications create"):
        Remote(connect_async(ORIGIN))


@pytest.mark.parametrize("poll_every", [0.0, 0.6])
def test_a_bound_that_one_late_poll_breaks_is_refused(poll_every):
    client = connect_async(ORIGIN, application=APPLICATION, secret=SECRET)
    with pytest.raises(SettingsError, match="poll_every"):
        Remote(client, max_staleness=timedelta(seconds=1), poll_every=timedelta(seconds=poll_every))
