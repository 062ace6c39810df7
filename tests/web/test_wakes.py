"""Who waits to hear of a session."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from uuid import uuid4

import pytest

from sojourn.web.wakes import Wakes


def test_those_are_woken_who_wait_for_it_and_only_while_they_wait() -> None:
    wakes, one, other, heard = Wakes(), uuid4(), uuid4(), list[str]()
    with wakes.waiting(one, lambda: heard.append("a")), wakes.waiting(7, lambda: heard.append("bucket")):
        with wakes.waiting(one, lambda: heard.append("b")):
            wakes.tell(other, 8)
            assert heard == []
            wakes.tell(one, 7)
            assert heard == ["a", "b", "bucket"]
        wakes.tell(one)
        assert heard == ["a", "b", "bucket", "a"]
        assert set(wakes._waiting) == {one, 7}
    wakes.tell(one, 7)
    assert len(heard) == 4
    assert not wakes._waiting


def test_who_leaves_by_an_error_waits_no_longer() -> None:
    wakes = Wakes()
    with pytest.raises(LookupError), wakes.waiting(7, lambda: None):
        raise LookupError
    assert not wakes._waiting


def test_whoever_is_woken_may_wait_anew() -> None:
    wakes, rounds = Wakes(), list[int]()
    with ExitStack() as stack:

        def again() -> None:
            rounds.append(1)
            stack.enter_context(wakes.waiting(8, lambda: rounds.append(2)))

        stack.enter_context(wakes.waiting(7, again))
        wakes.tell(7)
        wakes.tell(8)
    assert rounds == [1, 2]


def test_threads_come_and_go() -> None:
    wakes, heard, barrier = Wakes(), list[int](), threading.Barrier(4)

    def come_and_go(number: int) -> None:
        barrier.wait()
        for _ in range(300):
            with wakes.waiting(number % 2, lambda: heard.append(number)):
                wakes.tell(number % 2)

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(heard.count(number) >= 300 for number in range(4))
    assert not wakes._waiting
