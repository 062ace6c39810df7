"""The pages of administrators, as a reader without JavaScript meets them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sojourn import Keys, Policy
from sojourn.api.redirects import HOME
from sojourn.session import Reason
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from sojourn.web.pages import PAGES
from tests.web.reader import (
    ADA,
    BOB,
    IPHONE,
    MAC,
    ROOT,
    WINDOWS,
    World,
    populated,
    user,
)


@pytest.fixture
async def world(clock: FakeClock, keys: Keys) -> World:
    return await populated(World(clock, keys, Policy(idle_timeout=timedelta(minutes=15))))


async def test_users_see_nothing_of_the_administration(world: World):
    browser = await world.signed_in(ADA)
    assert "/admin" not in (await browser.get(HOME)).links
    for route in PAGES:
        if route.path.startswith("/admin") and route.method == "GET":
            page = await browser.get(route.path.replace("{id}", await user(world, ADA)))
            assert page.status == 403
            assert "You need the administrator role to see this page." in page.text
            assert "/sign-out" in page.forms


async def test_an_administrator_revokes_a_session_and_then_all(world: World):
    await world.signed_in(ADA, MAC)
    phone = await world.signed_in(ADA, IPHONE)
    root = await world.signed_in(ROOT, WINDOWS)
    page = await root.get("/admin")
    assert "3 sessions · 2 people" in page.text
    id = await user(world, ADA)
    session = (await world.sessions.list(id))[0]
    path = f"/admin/sessions/{session.id}/revoke"
    page = await root.send(await root.get(path), path, note="lost in a train")
    assert page.path == f"/admin/users/{id}"
    assert "1 session revoked." in page.text
    (ended,) = await world.sessions.history(id)
    assert (ended.reason, ended.note) == (Reason.ADMIN, "lost in a train")
    assert "That session had already ended." in (await root.get(path)).text

    path = f"/admin/users/{id}/revoke"
    page = await root.send(await root.get(path), path)
    assert "1 session revoked." in page.text
    assert "not signed in anywhere" in page.text
    page = await phone.get(HOME)
    assert "An administrator signed you out." in page.text
    assert "lost in a train" not in page.text


async def test_revoking_the_session_one_is_using_is_said_first(world: World):
    root = await world.signed_in(ROOT)
    (mine,) = await world.sessions.select(Query(live_at=world.clock()))
    path = f"/admin/sessions/{mine.id}/revoke"
    page = await root.get(path)
    assert "This is the session you are using now." in page.text
    assert (await root.send(page, path)).path == "/sign-in"


async def test_revoking_asks_who_is_there_if_that_is_long_ago(world: World):
    root = await world.signed_in(ROOT)
    world.clock.tick(minutes=11)
    (mine,) = await world.sessions.select(Query(live_at=world.clock()))
    assert (await root.get(f"/admin/sessions/{mine.id}/revoke")).path == "/confirm"


async def test_users_can_be_searched(world: World):
    root = await world.signed_in(ROOT)
    page = await root.get("/admin/users?search=bob")
    table = page.text.partition("Users that match")[2]
    assert BOB in table
    assert ADA not in table
    assert "Nothing matches “ <script> ”" in (await root.get("/admin/users?search=%3Cscript%3E")).text
    assert (await root.get("/admin/users/nobody")).status == 404
