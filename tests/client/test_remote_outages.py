"""A remote service whose server is away, or whose keys and log cannot be read: a fault, and no refusal."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from datetime import timedelta

import httpx2
import pytest

from sojourn import access_ring
from sojourn.client import ClientError, OAuthRefused, ServiceUnavailable, connect_async
from sojourn.client.jwks import KeySet
from sojourn.client.remote import Remote
from sojourn.errors import (
    AccessExpired,
    TokenInvalid,
)
from tests.client.fake import APPLICATION, SECRET, FakeServer
from tests.client.kit import ORIGIN

JWKS, FEED, INTROSPECT = "/.well-known/jwks.json", "/oauth/feed", "/oauth/introspect"


# ── outages ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["access", "session"])
def test_a_server_that_is_away_is_a_fault_and_no_refusal(remote, fake, clock, kind):
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    remote.require(shown)
    fake.away = True
    clock.tick(milliseconds=900)
    remote.require(shown)  # what was read a moment ago still counts
    clock.tick(milliseconds=200)
    for ask in (remote.require, remote.session_of):
        with pytest.raises(ServiceUnavailable):
            ask(shown)
    fake.away = False
    clock.tick(milliseconds=250)
    assert remote.require(shown).id == session.id


@pytest.mark.parametrize("kind", ["access", "session"])
def test_by_choice_the_service_goes_on_until_what_it_knows_is_stale(open_remote, fake, clock, kind):
    remote = open_remote(when_away="go_on", cache_for=timedelta(minutes=4))
    session, token = fake.start()
    shown = fake.access(session) if kind == "access" else token
    remote.require(shown)
    fake.away = True
    clock.tick(minutes=3)
    assert remote.require(shown).id == session.id
    with pytest.raises(ServiceUnavailable):
        remote.require_fresh(shown)  # a sensitive act wants to be sure
    clock.tick(minutes=3)
    with pytest.raises((ServiceUnavailable, AccessExpired)):
        remote.require(shown)


def test_who_was_never_seen_is_not_let_in_while_the_server_is_away(open_remote, fake):
    remote = open_remote(when_away="go_on")
    session, token = fake.start()
    fake.away = True
    for shown in (token, fake.access(session)):
        with pytest.raises(ServiceUnavailable):
            remote.require(shown)


def test_a_secret_that_is_wrong_is_not_taken_for_nobody(open_remote, fake):
    remote = open_remote(secret="other")
    _, token = fake.start()
    with pytest.raises(OAuthRefused):
        remote.session_of(token)


# ── keys ──────────────────────────────────────────────────────────────────────────────────────


def with_kid(token: str, kid: str) -> str:
    _, body, mac = token.split(".")
    header = json.dumps({"alg": "RS256", "kid": kid, "typ": "at+jwt"}).encode()
    return f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.{body}.{mac}"


def test_whatever_names_of_keys_come_the_keys_are_fetched_once_in_a_while(remote, fake, clock):
    session, _ = fake.start()
    token = fake.access(session)
    for _ in range(50):
        with pytest.raises(TokenInvalid):
            remote.require(with_kid(token, os.urandom(8).hex()))
    assert fake.asked[JWKS] == 1
    clock.tick(seconds=30)
    for _ in range(50):
        with pytest.raises(TokenInvalid):
            remote.require(with_kid(token, os.urandom(8).hex()))
    assert fake.asked[JWKS] == 2


def test_a_new_key_is_fetched_when_its_first_token_comes(remote, fake, clock):
    session, _ = fake.start()
    remote.require(fake.access(session))
    fake.signers = access_ring.parse(access_ring.generate(clock()))
    clock.tick(seconds=30)
    assert remote.require(fake.access(session)).id == session.id
    assert fake.asked[JWKS] == 2


@pytest.mark.parametrize("seen", [True, False])
def test_a_key_that_the_server_withdrew_is_believed_for_a_few_minutes_at_most(remote, fake, clock, seen):
    """Also what it signed before, and was believed then: whoever has the key can sign for an hour ahead."""
    session, _ = fake.start()
    forger = FakeServer(clock, fake.signers)
    forged = forger.access(session, exp=int((clock() + timedelta(hours=1)).timestamp()))
    remote.require(forged if seen else fake.access(session))
    fake.signers = access_ring.parse(access_ring.generate(clock()))
    clock.tick(minutes=5)
    with pytest.raises(TokenInvalid):
        remote.require(forged)


def test_keys_go_on_to_serve_while_they_cannot_be_read_but_not_for_ever(remote, fake, clock):
    session, _ = fake.start()
    remote.require(fake.access(session))
    fake.refusing = {JWKS}
    clock.tick(hours=23)
    assert remote.require(fake.access(session)).id == session.id
    clock.tick(hours=2)
    with pytest.raises(ServiceUnavailable):
        remote.require(fake.access(session))


def test_a_key_that_cannot_be_looked_for_is_a_fault_and_no_refusal(remote, fake):
    session, _ = fake.start()
    fake.refusing = {JWKS}
    for _ in range(5):
        with pytest.raises(ServiceUnavailable):
            remote.require(fake.access(session))
    assert fake.asked[JWKS] <= 2  # with its repetition


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"keys": {}},
        {"keys": [1, None, {}, {"kid": 7}, {"kid": "a", "alg": "RS256", "kty": "RSA"}]},
        {"keys": [{"kid": "a", "alg": "HS256", "kty": "oct", "k": "c2VjcmV0"}]},
    ],
)
def test_what_is_no_key_of_ours_is_left_out(remote, fake, found):
    session, _ = fake.start()
    fake.jwks = lambda: found
    with pytest.raises((TokenInvalid, ServiceUnavailable)):
        remote.require(fake.access(session))


def test_a_private_key_that_somebody_published_is_not_used(remote, fake):
    session, _ = fake.start()
    signer = fake.signers.signing("RS256")
    leaked = fake.signers.key(signer).as_dict(private=True, kid=signer.kid)
    fake.jwks = lambda: {"keys": [leaked]}
    with pytest.raises(TokenInvalid):
        remote.require(fake.access(session))


def test_of_many_tasks_one_fetches_the_keys_for_all(fake, clock):
    session, _ = fake.start()
    tokens = [fake.access(session) for _ in range(20)]

    async def main() -> None:
        client = connect_async(
            ORIGIN, application=APPLICATION, secret=SECRET, transport=httpx2.MockTransport(fake)
        )
        keys = KeySet(client.wire)
        signer = fake.signers.signing("RS256")
        found = await asyncio.gather(*(keys.look_for(signer.kid, "RS256") for _ in tokens))
        assert all(found)

    asyncio.run(main())
    assert fake.asked[JWKS] == 1


# ── following ─────────────────────────────────────────────────────────────────────────────────


def test_whoever_follows_polls_without_requests(fake, clock):
    polled = asyncio.Event()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if fake.asked[FEED] >= 3:
            polled.set()
        return fake(request)

    async def main() -> None:
        client = connect_async(
            ORIGIN, application=APPLICATION, secret=SECRET, transport=httpx2.MockTransport(answer)
        )
        remote = Remote(client, poll_every=timedelta(milliseconds=1), max_staleness=timedelta(minutes=1))
        async with remote.following():
            assert remote.feed.current(remote.clock())
            async with asyncio.timeout(30):
                await polled.wait()
            assert remote.followed
        assert not remote.followed

    asyncio.run(main())


def test_whoever_follows_survives_an_outage_and_tells_of_it_once(fake, clock, caplog):
    async def main() -> None:
        client = connect_async(
            ORIGIN,
            application=APPLICATION,
            secret=SECRET,
            transport=httpx2.MockTransport(fake),
        )
        remote = Remote(client, poll_every=timedelta(milliseconds=1), max_staleness=timedelta(minutes=1))
        fake.away = True
        async with remote.following():
            assert not remote.feed.current(remote.clock())
            asked = fake.asked[FEED]
            async with asyncio.timeout(30):
                while fake.asked[FEED] < asked + 3:
                    await asyncio.sleep(0)
                fake.away = False
                while not remote.feed.current(remote.clock()):
                    await asyncio.sleep(0)

    asyncio.run(main())
    said = [record.getMessage() for record in caplog.records if "log of revocations" in record.getMessage()]
    assert len(said) == 2
    assert said[1].startswith("over:")


def test_a_client_error_is_what_the_log_may_raise():
    assert issubclass(ServiceUnavailable, ClientError)


def test_a_mistake_of_ours_does_not_end_the_following(fake, clock, caplog, monkeypatch):
    async def main() -> None:
        client = connect_async(
            ORIGIN, application=APPLICATION, secret=SECRET, transport=httpx2.MockTransport(fake)
        )
        remote = Remote(client, clock=clock, max_staleness=timedelta(minutes=1))
        poll = remote.feed.poll

        async def mistaken() -> bool:
            raise KeyError("ours")

        monkeypatch.setattr(remote.feed, "poll", mistaken)
        await remote.reader.read()
        monkeypatch.setattr(remote.feed, "poll", poll)
        await remote.reader.read()
        assert remote.feed.current(clock())

    asyncio.run(main())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_requests_tell_of_an_outage_once(remote, fake, clock, caplog):
    session, token = fake.start()
    fake.refusing = {FEED}
    for _ in range(5):
        assert remote.require(token).id == session.id
        clock.tick(seconds=1)
    said = [record for record in caplog.records if "log of revocations" in record.getMessage()]
    assert len(said) == 1
