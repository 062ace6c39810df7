"""The verbs of the directory: who is let in, which sessions end, and what is remembered for how long."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sojourn import AsyncSessions
from sojourn.directory import Application, Directory, Tenant
from sojourn.directory.codes import Code
from sojourn.directory.credentials import digest, new_code, new_name, new_secret
from sojourn.directory.memory import MemoryDirectory
from sojourn.directory.outbox import new_message
from sojourn.directory.records import GRANTS, SCOPES
from sojourn.directory.remembered import Remembered
from sojourn.directory.sqlite import SQLiteDirectory
from sojourn.directory.store import DirectoryStore
from sojourn.directory.views import application_view, tenant_view
from sojourn.errors import (
    ApplicationNotFound,
    ApplicationRejected,
    Forbidden,
    TenantNotFound,
    TenantRejected,
)
from sojourn.events import Event, Revoked
from sojourn.session import Reason
from sojourn.sessions import Issued
from sojourn.stores.protocol import Query
from sojourn.testing import FakeClock
from tests.directory.records import FULL_APPLICATION, FULL_TENANT, MINUTE, make_code

DAY = timedelta(days=1)


async def reasons(sessions: AsyncSessions, user_id: str) -> list[Reason | None]:
    """Why each session of a user has ended; None for one that lives."""
    return [session.reason for session in await sessions.select(Query(user_id=user_id))]


# ── applications ──────────────────────────────────────────────────────────────────────────────


async def test_a_confidential_application_gets_a_secret_once(directory: Directory, clock: FakeClock) -> None:
    registered = await directory.create_application(" Shop\t1 ")
    application = registered.application
    assert re.fullmatch(r"app_[A-Za-z0-9]{22}", application.id)
    assert re.fullmatch(r"sjs_[\w-]{43}", registered.secret or "")
    assert (application.name, application.grants, application.scopes) == ("Shop 1", GRANTS, SCOPES)
    assert (application.created_at, application.enabled, application.public) == (clock(), True, False)
    assert await directory.application(application.id) == application


async def test_a_public_application_has_no_secret(directory: Directory) -> None:
    registered = await directory.create_application("App", public=True)
    assert (registered.secret, registered.application.public) == (None, True)
    assert registered.application.grants == ("authorization_code", "refresh_token")


async def test_no_column_holds_the_secret(path: Path, sessions: AsyncSessions) -> None:
    store = SQLiteDirectory(path)
    directory = Directory(store, sessions)
    secrets = [(await directory.create_application("Shop", id="shop")).secret]
    secrets.append((await directory.rotate_secret("shop")).secret)
    await store.close()
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"shop" in kept
    assert not any(secret and secret.removeprefix("sjs_").encode() in kept for secret in secrets)


async def test_an_id_may_be_given_once(directory: Directory) -> None:
    await directory.create_application("Shop", id="shop.web-1_a")
    with pytest.raises(ApplicationRejected, match=r"shop\.web-1_a already; give another"):
        await directory.create_application("Twin", id="shop.web-1_a")


async def test_applications_come_in_pages(directory: Directory, clock: FakeClock) -> None:
    for number in range(3):
        clock.tick(seconds=1)
        await directory.create_application("Shop", id=str(number))
    first = await directory.applications(limit=2)
    assert [one.id for one in first] == ["2", "1"]
    assert [one.id for one in await directory.applications(after="1")] == ["0"]


# ── who it is ─────────────────────────────────────────────────────────────────────────────────


async def test_who_has_the_secret_is_let_in(directory: Directory) -> None:
    registered = await directory.create_application("Shop", id="shop")
    assert registered.secret
    assert await directory.authenticate("shop", registered.secret) == registered.application
    assert await directory.identify("shop", registered.secret) == registered.application


@pytest.mark.parametrize("secret", ["", "sjs_", "sjs_wrong", "\ud800", "0" * 64])
async def test_nobody_else_is(directory: Directory, secret: str) -> None:
    await directory.create_application("Shop", id="shop")
    await directory.create_application("App", id="app", public=True)
    for id in ("shop", "app", "nobody"):
        assert await directory.authenticate(id, secret) is None


async def test_the_hash_of_the_secret_is_not_the_secret(directory: Directory) -> None:
    registered = await directory.create_application("Shop", id="shop")
    assert await directory.authenticate("shop", registered.application.secret_hash or "") is None


async def test_by_its_id_alone_a_public_application_is_known_and_no_other(directory: Directory) -> None:
    registered = await directory.create_application("App", id="app", public=True)
    await directory.create_application("Shop", id="shop")
    assert await directory.identify("app", None) == registered.application
    assert await directory.identify("app", "") == registered.application  # RFC 6749 section 2.3.1
    assert await directory.identify("app", "guess") is None
    for id in ("shop", "nobody"):
        assert await directory.identify(id, None) is None
    await directory.disable_application("app")
    assert await directory.identify("app", None) is None


async def test_whoever_asks_the_work_is_the_same(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await directory.create_application("Shop", id="shop")
    await directory.create_application("App", id="app", public=True)
    await directory.create_application("Gone", id="gone")
    await directory.disable_application("gone")
    done: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def counted(one: str, two: str) -> bool:
        done.append((len(one), len(two)))
        return compare(one, two)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for id in ("shop", "app", "gone", "nobody"):
        for secret in (shop.secret or "", "sjs_wrong"):
            done.clear()
            await directory.authenticate(id, secret)
            assert done == [(64, 64), (64, 64)]


async def test_the_secret_before_is_good_for_a_day(directory: Directory, clock: FakeClock) -> None:
    first = (await directory.create_application("Shop", id="shop")).secret or ""
    second = (await directory.rotate_secret("shop")).secret or ""
    assert first != second
    clock.tick(hours=23, minutes=59)
    assert await directory.authenticate("shop", first)
    assert await directory.authenticate("shop", first, clock() + MINUTE) is None
    clock.tick(minutes=1)
    assert await directory.authenticate("shop", first) is None
    assert await directory.authenticate("shop", second)


async def test_a_secret_that_leaked_is_good_no_longer(directory: Directory) -> None:
    first = (await directory.create_application("Shop", id="shop")).secret or ""
    assert await directory.authenticate("shop", first)
    await directory.rotate_secret("shop", overlap=timedelta(0))
    assert await directory.authenticate("shop", first) is None


async def test_a_leak_ends_the_secret_before_too(directory: Directory) -> None:
    secrets = [(await directory.create_application("Shop", id="shop")).secret]
    for overlap in (DAY, timedelta(0)):
        secrets.append((await directory.rotate_secret("shop", overlap=overlap)).secret)
    found = [await directory.authenticate("shop", secret or "") for secret in secrets]
    assert [one is not None for one in found] == [False, False, True]


async def test_what_has_no_secret_gets_no_other(directory: Directory) -> None:
    await directory.create_application("App", id="app", public=True)
    with pytest.raises(ApplicationRejected, match="has no secret; create a confidential one"):
        await directory.rotate_secret("app")
    with pytest.raises(ApplicationNotFound):
        await directory.rotate_secret("nobody")
    with pytest.raises(ApplicationRejected, match="with 0 no longer"):
        await directory.rotate_secret("app", overlap=-DAY)


# ── endings ───────────────────────────────────────────────────────────────────────────────────


async def test_a_disabled_application_is_not_let_in_and_its_sessions_end(
    directory: Directory, sessions: AsyncSessions, events: list[Event]
) -> None:
    secret = (await directory.create_application("Shop", id="shop")).secret or ""
    assert await directory.authenticate("shop", secret)
    for user in ("ada", "bea", "ada"):
        await sessions.start(user, application_id="shop")
    await sessions.start("ada", application_id="other")
    assert await directory.disable_application("shop", by="grace") == 3
    assert await directory.authenticate("shop", secret) is None
    assert sorted(await reasons(sessions, "ada"), key=str) == [None, Reason.ADMIN, Reason.ADMIN]
    assert await reasons(sessions, "bea") == [Reason.ADMIN]
    assert [event.by for event in events if isinstance(event, Revoked)] == ["grace"] * 3
    assert await directory.disable_application("shop") == 0
    assert (await directory.enable_application("shop")).enabled
    assert await directory.authenticate("shop", secret)
    assert await sessions.count() == 1


async def test_the_sessions_of_a_suspended_tenant_end(directory: Directory, sessions: AsyncSessions) -> None:
    tenant = await directory.create_tenant("acme", "Acme")
    other = await directory.create_tenant("other")
    for tenant_id in (tenant.id, tenant.id, other.id, None):
        await sessions.start("ada", tenant_id=tenant_id)
    assert await directory.suspend_tenant("acme") == 2
    assert await sessions.count() == 2
    found = await directory.tenant(tenant.id)
    assert found is not None
    assert not found.active
    assert (await directory.resume_tenant(tenant.id)).active
    assert await sessions.count() == 2


async def test_more_sessions_end_than_one_batch_holds(
    directory: Directory, sessions: AsyncSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.directory.endings._BATCH", 3)
    tenant = await directory.create_tenant("acme")
    for number in range(9):  # whole batches: the last one finds nothing
        await sessions.start(f"user {number}", tenant_id=tenant.id)
    assert await directory.suspend_tenant("acme") == 9
    assert await sessions.count() == 0


async def test_a_process_that_ended_a_session_does_not_trust_its_snapshot(
    directory: Directory, sessions: AsyncSessions
) -> None:
    tenant = await directory.create_tenant("acme")
    issued = await sessions.start("ada", tenant_id=tenant.id)
    await sessions.validate(issued.token)
    await directory.suspend_tenant("acme")
    with pytest.raises(Exception, match="has ended"):
        await sessions.validate(issued.token)


async def test_who_is_unknown_cannot_be_disabled(directory: Directory) -> None:
    verbs: list[tuple[Callable[[str], Awaitable[object]], type[Exception]]] = [
        (directory.disable_application, ApplicationNotFound),
        (directory.enable_application, ApplicationNotFound),
        (directory.suspend_tenant, TenantNotFound),
        (directory.resume_tenant, TenantNotFound),
    ]
    for verb, refusal in verbs:
        with pytest.raises(refusal):
            await verb("nobody")


# ── begin ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_session_is_started_on_behalf_of_both(directory: Directory, sessions: AsyncSessions) -> None:
    application = (await directory.create_application("Shop")).application
    tenant = await directory.create_tenant("acme")

    async def start(on_behalf: Application | None, at: Tenant | None) -> Issued:
        assert (on_behalf, at) == (application, tenant)
        return await sessions.start("ada", application_id=application.id, tenant_id=tenant.id)

    for which in (tenant.id, "acme"):
        issued = await directory.start(start, application_id=application.id, tenant=which)
        assert (await sessions.validate(issued.token)).session.tenant_id == tenant.id
    assert (await directory.start(lambda *_: sessions.start("ada"))).session.application_id is None


async def test_nothing_is_started_for_who_is_not_served(directory: Directory) -> None:
    await directory.create_application("Shop", id="shop")
    await directory.create_tenant("acme")
    await directory.disable_application("shop")
    await directory.suspend_tenant("acme")

    async def never(*_: object) -> Issued:
        raise AssertionError("a session was started")

    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"application_id": "nobody"}, ApplicationNotFound),
        ({"application_id": "shop"}, Forbidden),
        ({"tenant": "nobody"}, TenantNotFound),
        ({"tenant": "acme"}, Forbidden),
    ]
    for given, refusal in refused:
        with pytest.raises(refusal):
            await directory.start(never, **given)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_no_session_outlives_a_suspension_that_came_meanwhile(
    directory: Directory, sessions: AsyncSessions, store: DirectoryStore, when: str
) -> None:
    """*Before* the session is there, so that only its own start can end it; or *after*."""
    tenant = await directory.create_tenant("acme")
    elsewhere = Directory(store, sessions)

    async def start(*_: object) -> Issued:
        if when == "before":
            await elsewhere.suspend_tenant("acme")
        issued = await sessions.start("ada", tenant_id=tenant.id)
        if when == "after":
            await elsewhere.suspend_tenant("acme")
        return issued

    with pytest.raises(Forbidden, match="suspended"):
        await directory.start(start, tenant="acme")
    assert await reasons(sessions, "ada") == [Reason.SYSTEM if when == "before" else Reason.ADMIN]


# ── tenants ───────────────────────────────────────────────────────────────────────────────────


async def test_a_tenant_is_known_by_id_and_slug(directory: Directory, clock: FakeClock) -> None:
    tenant = await directory.create_tenant("acme-2", rules={"lifetime": "24h"})
    assert re.fullmatch(r"ten_[A-Za-z0-9]{22}", tenant.id)
    assert (tenant.name, tenant.rules, tenant.created_at) == ("acme-2", {"lifetime": "1d"}, clock())
    for which in (tenant.id, "acme-2"):
        assert await directory.tenant(which) == tenant
    assert await directory.tenants() == [tenant]
    with pytest.raises(TenantRejected, match="acme-2 already; give another slug"):
        await directory.create_tenant("acme-2")


# ── what is remembered ────────────────────────────────────────────────────────────────────────


class Counted:
    """A store's verb that counts, and lets a test step in while it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.value = 1
        self.waiting: asyncio.Event | None = None

    async def __call__(self, name: str) -> int | None:
        self.asked.append(name)
        found = self.value if name != "nobody" else None
        if self.waiting is not None:
            await self.waiting.wait()
        return found


async def test_a_few_seconds_the_store_is_not_asked_again(clock: FakeClock) -> None:
    ask = Counted()
    remembered = Remembered(ask, clock=clock, span=timedelta(seconds=3))
    for _ in range(2):
        assert [await remembered.get(name) for name in ("a", "nobody")] == [1, None]
    assert ask.asked == ["a", "nobody"]
    clock.tick(seconds=2.999999)
    ask.value = 2
    assert await remembered.get("a") == 1
    assert await remembered.sure("a") == 2
    assert await remembered.get("a") == 2
    clock.tick(seconds=3)
    await remembered.get("a")
    assert ask.asked == ["a", "nobody", "a", "a"]
    clock.tick(seconds=-1)  # a clock that went back says nothing of age
    await remembered.get("a")
    assert len(ask.asked) == 5


async def test_an_answer_is_as_old_as_its_question(clock: FakeClock) -> None:
    ask = Counted()
    ask.waiting = asyncio.Event()
    remembered = Remembered(ask, clock=clock, span=timedelta(seconds=3))
    asking = asyncio.create_task(remembered.get("a"))
    await asyncio.sleep(0)
    clock.tick(seconds=3)
    ask.waiting.set()
    await asking
    await remembered.get("a")
    assert len(ask.asked) == 2


async def test_what_was_asked_before_a_change_is_not_remembered_after_it(clock: FakeClock) -> None:
    ask = Counted()
    ask.waiting = asyncio.Event()
    remembered = Remembered(ask, clock=clock, span=timedelta(seconds=3))
    asking = asyncio.create_task(remembered.get("a"))
    await asyncio.sleep(0)
    ask.value = 2
    remembered.forget()
    ask.waiting.set()
    assert await asking == 1  # its question was sent before the change
    assert await remembered.get("a") == 2


async def test_made_up_names_do_not_fill_the_memory(clock: FakeClock) -> None:
    ask = Counted()
    remembered = Remembered(ask, clock=clock, span=timedelta(seconds=3), limit=10)
    for number in range(100):
        await remembered.get(str(number))
    await remembered.get("99")
    assert len(ask.asked) == 100
    await remembered.get("0")
    assert len(ask.asked) == 101
    assert len(remembered._answers) == 10


async def test_another_process_learns_of_a_change_within_seconds(
    directory: Directory, sessions: AsyncSessions, store: DirectoryStore, clock: FakeClock
) -> None:
    secret = (await directory.create_application("Shop", id="shop")).secret or ""
    elsewhere = Directory(store, sessions)
    assert await elsewhere.authenticate("shop", secret)
    await directory.disable_application("shop")
    assert await elsewhere.application("shop", sure=True) == await directory.application("shop")
    clock.tick(seconds=3)
    assert await elsewhere.authenticate("shop", secret) is None


# ── the rest ──────────────────────────────────────────────────────────────────────────────────


async def test_what_is_long_over_is_forgotten(
    directory: Directory, store: DirectoryStore, clock: FakeClock
) -> None:
    await store.put_code("old", make_code(expires_at=clock()))
    await store.put_code("new", make_code(expires_at=clock() + 7 * DAY))
    old, new = (new_message("webhook", "x", b"", at=clock()) for _ in range(2))
    await store.enqueue([old, new])
    await store.delivered(old.id, at=clock())
    assert await directory.purge() == 0
    clock.tick(days=7, microseconds=1)
    assert await directory.purge() == 2
    assert await store.peek() == [new]
    assert await directory.purge() == 0


def test_what_is_made_up_is_never_the_same_and_kept_by_its_hash() -> None:
    made = [make() for make in (new_secret, new_code, partial(new_name, "app")) for _ in range(100)]
    assert len(set(made)) == len({digest(text) for text in made}) == 300
    assert {len(text) for text in made} == {47, 26}
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


async def test_no_secret_is_printed(directory: Directory) -> None:
    registered = await directory.create_application("Shop", id="shop")
    secret, kept = registered.secret or "", registered.application.secret_hash or ""
    code = Code(application_id="shop", payload="private", expires_at=registered.application.created_at)
    message = new_message("mail", "ada@example.org", b"private", at=registered.application.created_at)
    for value in (registered, registered.application, [registered], code, message):
        assert not any(word in repr(value) for word in (secret, kept, "private", "ada@"))
    view = application_view(registered.application)
    assert kept not in str(view)
    assert view["public"] is False


def test_views_show_everything_but_hashes() -> None:
    view = application_view(FULL_APPLICATION)
    assert {*Application.__struct_fields__, "public", "enabled"} - view.keys() == {
        "secret_hash",
        "previous_secret_hash",
    }
    assert view["access_ttl"] == 90
    assert repr(FULL_TENANT) == "<Tenant ten_1, 'acme-corp', suspended>"
    assert tenant_view(FULL_TENANT).keys() == set(Tenant.__struct_fields__)


async def test_closing_lets_go_of_the_store_alone(clock: FakeClock, sessions: AsyncSessions) -> None:
    directory = Directory(MemoryDirectory(), sessions, clock=clock)
    await directory.close()
    await sessions.start("ada")
    assert await sessions.count() == 1
