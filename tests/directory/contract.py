"""The laws of a store of the directory: a class to be run on each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest
from msgspec.structs import asdict
from msgspec.structs import replace as _replaced

from sojourn.directory.codes import Redeemed
from sojourn.directory.store import DirectoryStore
from sojourn.testing import MORNING
from tests.directory.records import (
    FULL_APPLICATION,
    FULL_CODE,
    FULL_MESSAGE,
    FULL_TENANT,
    ID,
    MINUTE,
    MOMENT,
    make_application,
    make_code,
    make_message,
    make_tenant,
)

T = TypeVar("T")
LATER = MORNING + MINUTE


async def in_threads(times: int, verb: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
    """The answers of *verb*, asked by so many threads at once, each with an event loop of its own."""

    def ask() -> Awaitable[T]:
        return asyncio.to_thread(asyncio.run, verb())

    return await asyncio.gather(*(ask() for _ in range(times)))


class DirectoryContract:
    """*store* is the fixture to fill in."""

    # ── applications ─────────────────────────────────────────────────────────────────────────

    async def test_every_field_of_an_application_survives(self, store: DirectoryStore) -> None:
        for application in (FULL_APPLICATION, make_application(secret_hash=None)):
            assert await store.insert_application(application)
            assert await store.application(application.id) == application

    async def test_what_is_absent_is_none(self, store: DirectoryStore) -> None:
        assert await store.application("nobody") is None
        assert await store.set_secret("nobody", "hash", previous_until=None) is None
        assert await store.set_application_disabled("nobody", MORNING) is None
        assert await store.tenant("nobody") is None
        assert await store.set_status("nobody", "active") is None

    async def test_no_id_is_given_twice(self, store: DirectoryStore) -> None:
        await store.insert_application(make_application(name="First"))
        assert not await store.insert_application(make_application(name="Second"))
        assert await store.application("app_1") == make_application(name="First")

    async def test_of_many_who_take_one_id_one_gets_it(self, store: DirectoryStore) -> None:
        done = await in_threads(8, lambda: store.insert_application(make_application()))
        assert sorted(done) == [False] * 7 + [True]

    async def test_pages_of_applications_are_newest_first_and_bounded(self, store: DirectoryStore) -> None:
        made = [make_application(number, created_at=MORNING + number // 2 * MINUTE) for number in range(5)]
        for application in made:
            await store.insert_application(application)
        first = await store.applications(limit=2)
        assert first == [made[4], made[3]]
        assert await store.applications(after=first[-1].id, limit=2) == [made[2], made[1]]
        assert await store.applications(after=made[0].id) == []
        assert await store.applications(after="nobody") == []

    async def test_the_secret_before_stays_for_as_long_as_is_said(self, store: DirectoryStore) -> None:
        plain = make_application()
        await store.insert_application(plain)
        changed = await store.set_secret(plain.id, "new", previous_until=LATER)
        assert changed == _replaced(
            plain, secret_hash="new", previous_secret_hash=plain.secret_hash, previous_until=LATER
        )
        assert await store.application(plain.id) == changed

    async def test_without_an_overlap_no_secret_from_before_stays(self, store: DirectoryStore) -> None:
        await store.insert_application(FULL_APPLICATION)
        changed = await store.set_secret(FULL_APPLICATION.id, "new", previous_until=None)
        assert changed == _replaced(
            FULL_APPLICATION, secret_hash="new", previous_secret_hash=None, previous_until=None
        )

    async def test_a_public_application_is_given_no_secret(self, store: DirectoryStore) -> None:
        public = make_application(secret_hash=None)
        await store.insert_application(public)
        assert await store.set_secret(public.id, "new", previous_until=LATER) is None
        assert await store.application(public.id) == public

    async def test_of_secrets_that_are_set_at_once_two_stay(self, store: DirectoryStore) -> None:
        await store.insert_application(make_application())
        hashes = iter("abcdefgh")
        await in_threads(8, lambda: store.set_secret("app_1", next(hashes), previous_until=LATER))
        found = await store.application("app_1")
        assert found is not None
        assert len({found.secret_hash, found.previous_secret_hash} & set("abcdefgh")) == 2

    async def test_disabling_keeps_the_first_moment(self, store: DirectoryStore) -> None:
        plain = make_application()
        await store.insert_application(plain)
        disabled = _replaced(plain, disabled_at=MORNING)
        assert await store.set_application_disabled(plain.id, MORNING) == disabled
        assert await store.set_application_disabled(plain.id, LATER) == disabled
        assert await store.set_application_disabled(plain.id, None) == plain
        assert await store.set_application_disabled(plain.id, LATER) == _replaced(plain, disabled_at=LATER)

    # ── tenants ──────────────────────────────────────────────────────────────────────────────

    async def test_a_tenant_is_found_by_id_and_by_slug(self, store: DirectoryStore) -> None:
        assert await store.insert_tenant(FULL_TENANT)
        await store.insert_tenant(make_tenant())
        assert await store.tenant(FULL_TENANT.id) == FULL_TENANT
        assert await store.tenant(FULL_TENANT.slug) == FULL_TENANT

    @pytest.mark.parametrize("twin", [{"id": "ten_9"}, {"slug": "another"}])
    async def test_neither_id_nor_slug_is_given_twice(
        self, store: DirectoryStore, twin: dict[str, Any]
    ) -> None:
        await store.insert_tenant(make_tenant())
        assert not await store.insert_tenant(make_tenant(name="Twin", **twin))
        assert await store.tenants() == [make_tenant()]

    async def test_of_many_who_take_one_slug_one_gets_it(self, store: DirectoryStore) -> None:
        numbers = iter(range(8))
        done = await in_threads(8, lambda: store.insert_tenant(make_tenant(next(numbers), slug="acme")))
        assert sorted(done) == [False] * 7 + [True]

    @pytest.mark.parametrize("which", ["ten_1", "tenant-1"])
    async def test_a_status_is_set(self, store: DirectoryStore, which: str) -> None:
        await store.insert_tenant(make_tenant())
        await store.insert_tenant(make_tenant(2))
        for status in ("suspended", "suspended", "active"):
            changed = await store.set_status(which, status)
            assert changed == make_tenant(status=status)
            assert await store.tenant("ten_1") == changed
        assert await store.tenant("ten_2") == make_tenant(2)

    async def test_pages_of_tenants_are_newest_first_and_bounded(self, store: DirectoryStore) -> None:
        made = [make_tenant(number) for number in range(3)]
        for tenant in made:
            await store.insert_tenant(tenant)
        assert await store.tenants(limit=2) == [made[2], made[1]]
        assert await store.tenants(after=made[1].id) == [made[0]]

    # ── codes ────────────────────────────────────────────────────────────────────────────────

    async def test_every_field_of_a_code_survives(self, store: DirectoryStore) -> None:
        assert await store.put_code("digest", FULL_CODE)
        assert await store.redeem_code("digest", at=LATER) == Redeemed(FULL_CODE, first=False)

    async def test_a_code_is_redeemed_once(self, store: DirectoryStore) -> None:
        code = make_code()
        await store.put_code("digest", code)
        redeemed = _replaced(code, redeemed_at=MORNING)
        assert await store.redeem_code("digest", at=MORNING) == Redeemed(redeemed, first=True)
        for _ in range(2):  # the first reuse stays
            again = _replaced(redeemed, reused_at=LATER)
            assert await store.redeem_code("digest", at=LATER) == Redeemed(again, first=False)
            assert await store.redeem_code("digest", at=LATER + MINUTE) == Redeemed(again, first=False)

    async def test_a_code_that_nobody_redeemed_in_time_is_unknown(self, store: DirectoryStore) -> None:
        await store.put_code("digest", make_code(expires_at=LATER))
        assert await store.redeem_code("unknown", at=MORNING) is None
        assert await store.redeem_code("digest", at=LATER) is None
        found = await store.redeem_code("digest", at=LATER - MOMENT)
        assert found is not None
        assert found.first

    async def test_a_code_is_never_overwritten(self, store: DirectoryStore) -> None:
        await store.put_code("digest", make_code())
        await store.redeem_code("digest", at=MORNING)
        assert not await store.put_code("digest", make_code(payload="[]"))
        found = await store.redeem_code("digest", at=MORNING)
        assert found is not None
        assert (found.first, found.code.payload) == (False, "{}")

    async def test_of_many_who_redeem_one_is_the_first(self, store: DirectoryStore) -> None:
        await store.put_code("digest", make_code())
        found = await in_threads(16, lambda: store.redeem_code("digest", at=MORNING))
        assert sorted(one.first for one in found if one) == [False] * 15 + [True]

    async def test_who_comes_second_learns_which_session_came_of_it(self, store: DirectoryStore) -> None:
        await store.put_code("digest", make_code())
        await store.redeem_code("digest", at=MORNING)
        assert await store.bind_code("digest", ID)
        found = await store.redeem_code("digest", at=MORNING)
        assert found is not None
        assert found.code.session_id == ID

    async def test_who_binds_learns_that_somebody_came_second(self, store: DirectoryStore) -> None:
        await store.put_code("digest", make_code())
        await store.redeem_code("digest", at=MORNING)
        await store.redeem_code("digest", at=MORNING)
        assert not await store.bind_code("digest", ID)
        assert not await store.bind_code("unknown", ID)

    async def test_codes_are_forgotten_after_their_end_and_in_batches(self, store: DirectoryStore) -> None:
        for number in range(5):
            await store.put_code(str(number), make_code(expires_at=MORNING + number * MOMENT))
        await store.redeem_code("0", at=MORNING - MOMENT)
        before = MORNING + 3 * MOMENT
        assert [await store.purge_codes(before=before, limit=2) for _ in range(3)] == [2, 1, 0]
        assert await store.redeem_code("0", at=MORNING) is None
        assert await store.redeem_code("3", at=MORNING) is not None

    # ── bookmarks ────────────────────────────────────────────────────────────────────────────

    async def test_a_bookmark_is_moved_by_who_knows_where_it_is(self, store: DirectoryStore) -> None:
        assert await store.bookmark("log") is None
        assert not await store.turn("log", was="elsewhere", to="b")
        assert await store.turn("log", was=None, to="a")
        assert not await store.turn("log", was=None, to="b")
        assert await store.turn("log", was="a", to="b")
        assert not await store.turn("log", was="a", to="c")
        assert (await store.bookmark("log"), await store.bookmark("another")) == ("b", None)

    async def test_of_many_who_move_a_bookmark_one_does(self, store: DirectoryStore) -> None:
        await store.turn("log", was=None, to="a")
        done = await in_threads(8, lambda: store.turn("log", was="a", to="b"))
        assert sorted(done) == [False] * 7 + [True]

    # ── the outbox ───────────────────────────────────────────────────────────────────────────

    async def test_every_field_of_a_message_survives(self, store: DirectoryStore) -> None:
        done = _replaced(FULL_MESSAGE, id=make_message().id, dead_at=None, done_at=LATER)
        waiting = make_message()
        assert await store.enqueue([FULL_MESSAGE, done, waiting]) == 3
        assert await store.peek("dead") == [FULL_MESSAGE]
        assert await store.peek("done") == [done]
        assert await store.peek() == [waiting]
        assert [await store.count_messages(state) for state in ("waiting", "done", "dead")] == [1, 1, 1]

    async def test_a_message_that_is_known_is_passed_over(self, store: DirectoryStore) -> None:
        first, second = make_message(), make_message()
        assert await store.enqueue([]) == 0
        assert await store.enqueue([first]) == 1
        await store.claim(at=MORNING, until=LATER)
        assert await store.enqueue([_replaced(first, body=b"another"), second]) == 1
        (found,) = [message for message in await store.peek() if message.id == first.id]
        assert (found.body, found.attempts) == (first.body, 1)

    async def test_who_has_claimed_a_message_has_it_until_the_claim_ends(self, store: DirectoryStore) -> None:
        message = make_message()
        await store.enqueue([message])
        assert await store.claim(at=MORNING - MOMENT, until=LATER) == []
        assert await store.claim(at=MORNING, until=LATER) == [_replaced(message, due_at=LATER, attempts=1)]
        assert await store.claim(at=LATER - MOMENT, until=LATER + MINUTE) == []
        (again,) = await store.claim(at=LATER, until=LATER + MINUTE)
        assert (again.id, again.attempts) == (message.id, 2)

    async def test_the_longest_due_come_first(self, store: DirectoryStore) -> None:
        messages = [make_message(number) for number in (3, 1, 4, 0, 2)]
        await store.enqueue(messages)
        by_due = sorted(messages, key=lambda message: message.due_at)
        claimed = await store.claim(at=MORNING + 3 * MOMENT, until=LATER, limit=3)
        assert [message.id for message in claimed] == [message.id for message in by_due[:3]]
        claimed = await store.claim(at=MORNING + 3 * MOMENT, until=LATER, limit=3)
        assert [message.id for message in claimed] == [by_due[3].id]

    async def test_of_many_workers_one_gets_each(self, store: DirectoryStore) -> None:
        messages = [make_message(number) for number in range(40)]
        await store.enqueue(messages)

        async def work() -> list[Any]:
            mine: list[Any] = []
            while some := await store.claim(at=LATER, until=LATER + MINUTE, limit=3):
                mine += [message.id for message in some]
            return mine

        claimed = [id for mine in await in_threads(6, work) for id in mine]
        assert sorted(claimed) == sorted(message.id for message in messages)

    async def test_who_is_left_alone_keeps_nobody_waiting(self, store: DirectoryStore) -> None:
        messages = [make_message(number, target="ab"[number % 2]) for number in range(6)]
        await store.enqueue(messages)
        claimed = await store.claim(at=LATER, until=LATER + MINUTE, limit=2, without={"a"})
        assert [message.id for message in claimed] == [messages[1].id, messages[3].id]
        assert await store.claim(at=LATER, until=LATER + MINUTE, without={"a", "b"}) == []
        claimed = await store.claim(at=LATER, until=LATER + MINUTE, without=["b", "'"])
        assert [message.id for message in claimed] == [messages[n].id for n in (0, 2, 4)]

    async def test_what_has_waited_for_too_long_is_given_up_in_batches(self, store: DirectoryStore) -> None:
        old = [make_message(n, created_at=MORNING - MOMENT) for n in range(3)]
        done = make_message(created_at=MORNING - MOMENT, done_at=MORNING)
        young = make_message(5)
        await store.enqueue([*old, done, young])
        (tried,) = await store.claim(at=MORNING, until=LATER, limit=1)
        assert await store.failed(tried.id, attempt=1, error="refused", due_at=LATER)
        given_up = []
        while some := await store.abandon(created_before=MORNING, at=LATER, error="too late", limit=2):
            assert len(some) <= 2
            given_up += some
        errors = {message.id: (message.last_error, message.dead_at, message.attempts) for message in given_up}
        assert errors == {
            old[0].id: ("refused", LATER, 1),
            old[1].id: ("too late", LATER, 0),
            old[2].id: ("too late", LATER, 0),
        }
        assert await store.peek() == [young]
        assert await store.count_messages("dead") == 3

    async def test_what_was_delivered_is_over_and_its_body_forgotten(self, store: DirectoryStore) -> None:
        message = make_message()
        await store.enqueue([message])
        await store.claim(at=MORNING, until=LATER)
        assert await store.delivered(message.id, at=MORNING + MOMENT)
        assert not await store.delivered(message.id, at=LATER)
        assert not await store.failed(message.id, attempt=1, error="late", due_at=MORNING)
        assert not await store.give_up(message.id, attempt=1, error="late", at=MORNING)
        assert await store.claim(at=LATER, until=LATER + MINUTE) == []
        over = _replaced(message, body=b"", due_at=LATER, attempts=1, done_at=MORNING + MOMENT)
        assert await store.peek("done") == [over]

    async def test_what_failed_is_tried_again(self, store: DirectoryStore) -> None:
        message = make_message()
        await store.enqueue([message])
        await store.claim(at=MORNING, until=LATER)
        assert await store.failed(message.id, attempt=1, error="refused", due_at=MORNING + 2 * MOMENT)
        assert await store.claim(at=MORNING + MOMENT, until=LATER) == []
        assert await store.claim(at=MORNING + 2 * MOMENT, until=LATER) == [
            _replaced(message, due_at=LATER, attempts=2, last_error="refused")
        ]

    async def test_what_was_given_up_stays_for_people_to_see(self, store: DirectoryStore) -> None:
        message = make_message()
        await store.enqueue([message])
        await store.claim(at=MORNING, until=LATER)
        assert await store.give_up(message.id, attempt=1, error="gone", at=MORNING)
        assert await store.claim(at=LATER, until=LATER + MINUTE) == []
        assert not await store.delivered(message.id, at=LATER)
        over = _replaced(message, due_at=LATER, attempts=1, last_error="gone", dead_at=MORNING)
        assert await store.peek("dead") == [over]

    async def test_who_was_too_slow_decides_nothing_but_a_delivery(self, store: DirectoryStore) -> None:
        message = make_message()
        await store.enqueue([message])
        await store.claim(at=MORNING, until=LATER)
        await store.claim(at=LATER, until=LATER + MINUTE)  # by another worker
        assert not await store.failed(message.id, attempt=1, error="slow", due_at=LATER)
        assert not await store.give_up(message.id, attempt=1, error="slow", at=LATER)
        assert await store.claim(at=LATER, until=LATER + MINUTE) == []
        assert await store.delivered(message.id, at=LATER)  # it has arrived, whoever says so
        assert not await store.failed(message.id, attempt=2, error="again", due_at=LATER)

    async def test_nothing_is_done_with_an_unknown_message(self, store: DirectoryStore) -> None:
        assert not await store.delivered(ID, at=MORNING)
        assert not await store.failed(ID, attempt=0, error="", due_at=MORNING)
        assert not await store.give_up(ID, attempt=0, error="", at=MORNING)

    async def test_what_is_over_is_forgotten_in_batches(self, store: DirectoryStore) -> None:
        done = [make_message(number, done_at=MORNING + number * MOMENT) for number in range(3)]
        dead = [make_message(number, dead_at=MORNING + number * MOMENT) for number in range(3)]
        waiting = make_message()
        await store.enqueue([*done, *dead, waiting])
        before = MORNING + 2 * MOMENT
        assert [await store.purge_outbox(before=before, limit=3) for _ in range(3)] == [3, 1, 0]
        assert (await store.peek("done"), await store.peek("dead")) == ([done[2]], [dead[2]])
        assert await store.peek() == [waiting]

    async def test_a_look_is_bounded_and_ordered(self, store: DirectoryStore) -> None:
        waiting = [make_message(number) for number in range(3)]
        dead = [make_message(number, dead_at=MORNING + number * MOMENT) for number in range(3)]
        await store.enqueue([*reversed(waiting), *dead])
        assert await store.peek(limit=2) == waiting[:2]
        assert await store.peek("dead", limit=2) == [dead[2], dead[1]]

    async def test_times_come_back_in_utc(self, store: DirectoryStore) -> None:
        await store.insert_application(FULL_APPLICATION)
        await store.enqueue([FULL_MESSAGE])
        (message,) = await store.peek("dead")
        found = [*asdict(await store.application(FULL_APPLICATION.id) or message).values()]
        found += asdict(message).values()
        zones = {value.tzinfo for value in found if hasattr(value, "tzinfo")}
        assert zones == {MORNING.tzinfo}
