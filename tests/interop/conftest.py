"""One installation for all tests that change nothing of it but sessions of users of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx2
import pytest

from tests.interop.better_auth import administrator
from tests.interop.kit import ADA, BOB, CALLBACK, LEAVING, PASSWORD, Installation
from tests.interop.talk import ROOT, Talk

# Their SDK cannot be had from a registry: who wants it driven builds it, and names the folder.
collect_ignore = [] if os.environ.get("SOJOURN_AUTHVITAL_SDK") else ["test_authvital_sdk.py"]

OPENID = ("openid", "profile", "email", "offline_access")


def furnish(place: Installation) -> None:
    """Applications of each kind, and a tenant."""
    returning = {"redirect_uris": (CALLBACK,), "post_logout_redirect_uris": (LEAVING,)}
    place.applications(
        shop={**returning, "scopes": (*OPENID, "system:admin")},
        stall={**returning, "algorithm": "ES256"},
        kiosk={**returning, "algorithm": "EdDSA"},
        pocket={**returning, "public": True},
        rival=returning,
    )
    place.tenant("acme")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    place = Installation(tmp_path_factory.mktemp("interop"), SOJOURN_BETTER_AUTH="1")
    furnish(place)
    return place


@pytest.fixture(scope="session")
def server(place: Installation) -> Iterator[httpx2.Client]:
    """`sojourn serve` over `place`; Ada and Bob have signed up there."""
    with place.served() as client:
        for email in (ADA, BOB):
            body = {"email": email, "password": PASSWORD, "mode": "bearer"}
            assert client.post("/api/auth/sign-up", json=body).status_code == 201
        yield client


@pytest.fixture(scope="session")
def expired(place: Installation, server: httpx2.Client) -> str:
    """An access token whose time is over, of a session that lives."""
    hour = timedelta(hours=1)
    [tokens] = place.sessions(
        1, "grace", ago=hour, application_id="shop", tenant_id=place.tenants["acme"], life=hour / 2
    )
    return tokens.access


@pytest.fixture(scope="session")
def better_auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server that speaks Better Auth's dialect, with one administrator."""
    place = Installation(
        tmp_path_factory.mktemp("better-auth"),
        SOJOURN_BETTER_AUTH="1",
        SOJOURN_MULTI_SESSION="1",
        SOJOURN_SESSION_FIELDS="theme",
        SOJOURN_ATTEMPTS_PER_ADDRESS="10000",
    )
    administrator(place, ROOT)
    with place.served():
        yield place


@pytest.fixture
def talk(better_auth: Installation) -> Iterator[Callable[[str], Talk]]:
    """What browsers say to a route of it, to be compared with its transcript when the test is over."""
    opened: list[Talk] = []

    def talk(path: str) -> Talk:
        opened.append(Talk(better_auth, path))
        return opened[-1]

    yield talk
    for one in opened:
        one.close()
    for one in opened:
        one.said.compare()
