"""Signing in, the account and its devices, as a reader without JavaScript meets them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sojourn import Keys, Policy
from sojourn.api.redirects import HOME
from sojourn.session import Reason
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from tests.web.reader import (
    ADA,
    BOB,
    IPHONE,
    MAC,
    PASSWORD,
    ROOT,
    WINDOWS,
    Page,
    World,
    other_ids,
    populated,
    user,
)
from tests.web.test_safe_next import AWAY


@pytest.fixture
async def world(clock: FakeClock, keys: Keys) -> World:
    return await populated(World(clock, keys, Policy(idle_timeout=timedelta(minutes=15))))


# ── signing in and out ───────────────────────────────────────────────────────────────────────────


async def test_the_start_page_leads_in(world: World):
    browser = world.browser()
    assert (await browser.get("/")).path == "/sign-in"
    await browser.sign_in(ADA, PASSWORD)
    assert (await browser.get("/")).path == HOME
    assert (await browser.get("/sign-in")).path == HOME
    assert (await browser.get("/settings/security", follow=False)).answer.headers["location"] == HOME


async def test_a_wrong_password_keeps_the_address_and_not_the_password(world: World):
    page = await world.browser().sign_in(ADA, "wrong-one-here")
    assert page.status == 401
    assert page.answer.headers["www-authenticate"].startswith("Cookie")
    assert page.forms["/sign-in"]["email"] == ADA
    assert "wrong-one-here" not in page.html
    assert ("p", {"class": "notice bad", "role": "alert", "id": "error"}) in page.tags


async def test_too_many_attempts_say_how_long_to_wait(world: World):
    browser = world.browser()
    for _ in range(10):
        page = await browser.sign_in(ADA, "wrong-one-here")
    page = await browser.sign_in(ADA, PASSWORD)
    assert page.status == 429
    assert int(page.answer.headers["retry-after"]) > 0
    assert "Too many attempts. Please try again in" in page.text


async def test_keep_me_signed_in_makes_the_cookie_last(world: World):
    browser = world.browser()
    page = await browser.get("/sign-in")
    page = await browser.send(page, "/sign-in", follow=False, email=ADA, password=PASSWORD, remember="on")
    (cookie,) = [c for c in page.answer.headers.get_list("set-cookie") if c.startswith("sojourn=")]
    assert "Max-Age=" in cookie


async def test_the_door_asks_for_the_model_of_the_device(world: World):
    page = await world.browser().get("/sign-in")
    assert "Sec-CH-UA-Model" in page.answer.headers["accept-ch"]


async def test_signing_up_signs_in(world: World):
    browser = world.browser()
    page = await browser.get("/sign-up?next=/account/password")
    page = await browser.send(page, "/sign-up", email="eve@example.org", password=PASSWORD, name="Eve")
    assert page.path == "/account/password"
    assert "eve@example.org" in page.text


@pytest.mark.parametrize(
    ("email", "password", "status"),
    [(ADA, PASSWORD, 409), ("none", PASSWORD, 422), ("e@x.org", "short", 422)],
)
async def test_a_refused_sign_up_shows_the_form_again(world: World, email: str, password: str, status: int):
    browser = world.browser()
    page = await browser.send(await browser.get("/sign-up"), "/sign-up", email=email, password=password)
    assert page.status == status
    assert page.forms["/sign-up"]["email"] == email
    assert 'aria-invalid="true"' in page.html


async def test_a_closed_door_has_no_sign_up(clock: FakeClock, keys: Keys):
    world = World(clock, keys, Policy(), sign_up_open=False)
    browser = world.browser()
    assert "/sign-up" not in " ".join((await browser.get("/sign-in")).links)
    page = await browser.get("/sign-up")
    assert page.status == 403
    assert "administrator" in page.text


async def test_who_was_idle_reads_the_limit_of_the_policy_and_returns_to_the_page(world: World):
    browser = await world.signed_in()
    world.clock.tick(minutes=17)
    page = await browser.get("/account/password?x=1")
    assert page.path == "/sign-in"
    assert "inactive for 15 minutes" in page.text
    page = await browser.send(page, "/sign-in", email=ADA, password=PASSWORD)
    assert str(page.url).endswith("/account/password?x=1")


@pytest.mark.parametrize("reason", list(Reason))
async def test_every_reason_has_its_words(world: World, reason: Reason):
    page = await world.browser().get(f"/sign-in?reason={reason}")
    assert ("p", {"class": "notice"}) in page.tags


async def test_the_query_cannot_put_words_on_the_page(world: World):
    page = await world.browser().get("/sign-in?reason=Call+us+now&done=9-Call")
    assert "Call" not in page.html
    browser = await world.signed_in()
    for code in ("Call", "1-Call", "-1-device", "1e9-device", "9999999-device", "١-device", ""):
        assert 'class="notice"' not in (await browser.get(f"{HOME}?done={code}")).html


@pytest.mark.req("TH-17")
@pytest.mark.parametrize("text", AWAY[1:12])
async def test_signing_in_never_leads_away(world: World, text: str):
    browser = world.browser()
    page = Page(await browser.client.get("/sign-in", params={"next": text}))
    filled = {"email": ADA, "password": PASSWORD, "next": text}
    page = await browser.send(page, "/sign-in", follow=False, **filled)
    assert (page.status, page.answer.headers["location"]) == (303, HOME)
    page = Page(await browser.client.get("/sign-in", params={"next": text}))
    assert page.answer.headers["location"] == HOME


# ── the account ──────────────────────────────────────────────────────────────────────────────────


async def test_three_devices_without_javascript(world: World):
    mac = await world.signed_in(ADA, MAC)
    phone = await world.signed_in(ADA, IPHONE, ip="198.51.100.4")
    world.clock.tick(minutes=3)
    firefox = await world.signed_in(ADA, WINDOWS, ip="192.0.2.9")

    page = await mac.get(HOME)
    assert "3 devices" in page.text
    assert (
        page.text.index("This device") < page.text.index("Firefox 145 on Windows") < page.text.index("iPhone")
    )
    assert "Chrome 143 on macOS" in page.text
    assert "198.51.100.4" in page.text
    assert "Location unknown" in page.text
    assert "Last active 3 minutes ago" in page.text
    assert "Expires in 12 minutes" in page.text

    _, iphone = other_ids(page)
    page = await mac.get(f"{HOME}/sign-out/{iphone}")
    assert "You will need to sign in again on that device." in page.text
    page = await mac.send(page, f"{HOME}/sign-out/{iphone}")
    assert "Signed out of 1 device." in page.text
    assert "2 devices" in page.text
    page = await phone.get(HOME)
    assert page.path == "/sign-in"
    assert "You signed this device out from another one." in page.text

    page = await mac.get(f"{HOME}/sign-out-others")
    assert "1 other device will be signed out. This device stays signed in." in page.text
    page = await mac.send(page, f"{HOME}/sign-out-others")
    assert "Signed out of 1 other device." in page.text
    assert "You are only signed in here." in page.text
    assert f"{HOME}/sign-out-others" not in page.links
    assert "Signed out by you, from another device" in page.text
    assert (await firefox.get(HOME)).path == "/sign-in"

    page = await mac.send(page, "/sign-out")
    assert "You are signed out." in page.text
    assert await world.live() == 0


async def test_ones_own_device_signed_out_from_its_row_is_a_sign_out(world: World):
    browser = await world.signed_in()
    (session,) = await world.sessions.select(Query(live_at=world.clock()))
    path = f"{HOME}/sign-out/{session.id}"
    page = await browser.send(await browser.get(path), path)
    assert (page.path, await world.live()) == ("/sign-in", 0)
    assert "sojourn" not in browser.client.cookies


async def test_what_has_ended_meanwhile_counts_as_done(world: World):
    mac, phone = await world.signed_in(ADA), await world.signed_in(ADA, IPHONE)
    (iphone,) = other_ids(await mac.get(HOME))
    path = f"{HOME}/sign-out/{iphone}"
    page = await mac.get(path)
    await phone.send(await phone.get(HOME), "/sign-out")
    assert "That device was already signed out." in (await mac.send(page, path)).text
    assert "That device was already signed out." in (await mac.get(path)).text


@pytest.mark.req("A8-8.2.2")
async def test_the_ids_of_others_are_nobodys(world: World):
    await world.signed_in(BOB)
    (bobs,) = await world.sessions.select(Query(live_at=world.clock()))
    browser = await world.signed_in(ADA)
    field = (await browser.get(HOME)).forms["/sign-out"]
    for id in (bobs.id, "0190aaaa-0000-7000-8000-000000000000", "nonsense"):
        assert (await browser.get(f"{HOME}/sign-out/{id}")).status == 404
        assert (await browser.post(f"{HOME}/sign-out/{id}", field)).status == 404
    assert await world.live() == 2


async def test_an_expiry_leaves_the_page_the_list_and_the_count_in_the_same_tick(world: World):
    await world.signed_in(ADA, IPHONE)
    world.clock.tick(minutes=10)
    mac, root = await world.signed_in(ADA), await world.signed_in(ROOT, WINDOWS)
    (iphone, *_) = [s for s in await world.sessions.list(await user(world, ADA)) if s.device.os == "iOS"]

    world.clock.now = iphone.expires_at - timedelta(microseconds=1)
    assert len(other_ids(await mac.get(HOME))) == 1
    assert "3 sessions · 2 people" in (await root.get("/admin")).text

    world.clock.now = iphone.expires_at
    page = await mac.get(HOME)
    assert other_ids(page) == []
    assert "Ended because it was not used" in page.text
    admin = await root.get("/admin")
    assert "2 sessions · 2 people" in admin.text
    assert f"/admin/sessions/{iphone.id}/revoke" not in admin.links
    assert await world.live() == 2


async def test_signing_out_all_others_asks_who_is_there_if_that_is_long_ago(world: World):
    browser = await world.signed_in(ADA)
    world.clock.tick(minutes=11)
    await world.signed_in(ADA, IPHONE)
    page = await browser.get(f"{HOME}/sign-out-others")
    assert page.path == "/confirm"
    page = await browser.send(page, "/confirm", password="not this one")
    assert page.status == 401
    assert "This is not your password." in page.text
    page = await browser.send(page, "/confirm", password=PASSWORD)
    assert page.path == f"{HOME}/sign-out-others"
    await browser.send(page, page.path)
    assert await world.live() == 1


async def test_a_new_password_ends_the_other_sessions(world: World):
    browser, phone = await world.signed_in(ADA), await world.signed_in(ADA, IPHONE)
    page = await browser.get("/account/password")
    page = await browser.send(page, "/account/password", current_password="no", new_password="long enough 1")
    assert (page.status, "This is not your current password." in page.text) == (401, True)
    page = await browser.send(page, "/account/password", current_password=PASSWORD, new_password="short")
    assert (page.status, "at least 8 characters" in page.text) == (422, True)
    page = await browser.send(
        page, "/account/password", current_password=PASSWORD, new_password="long enough 1"
    )
    assert "Your password was changed. 1 other device signed out." in page.text
    assert "Your password was changed." in (await phone.get(HOME)).text
