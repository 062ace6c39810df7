"""Health: what `/readyz` says of a store that has opinions of its own."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.stores.memory import MemoryStore
from tests.web.kit import Away, Guests, stand_in


class Opinionated(MemoryStore):
    """A store that finds things right and wrong with itself, or cannot look."""

    faults: tuple[type[Exception], ...] = (Away,)
    opinions: tuple[tuple[str, str, str], ...] = ()
    fault: Exception | None = None

    async def diagnose(self) -> Any:
        if self.fault is not None:
            raise self.fault
        return self.opinions


OK = ("ok", "it is up", "")
FEW = ("warn", "weeks ahead: 1", "run `sojourn worker`")
NONE = ("bad", "no week ahead", "run `sojourn migrate`")


@pytest.mark.parametrize(("opinions", "warnings"), [((), 0), ((OK,), 0), ((OK, FEW), 1), ((FEW, NONE), 2)])
def test_readyz_counts_what_the_store_warns_of_and_says_no_more(
    server: Guests, opinions: tuple[tuple[str, str, str], ...], warnings: int
) -> None:
    store = Opinionated()
    store.opinions = opinions
    stand_in(server.sessions, store)
    answered = server.browser().get("/readyz")
    assert (answered.status_code, answered.json()) == (200, {"status": "ready", "warnings": warnings})


def test_a_store_that_does_not_let_us_look_is_a_warning(server: Guests) -> None:
    store = Opinionated()
    store.fault = Away()
    stand_in(server.sessions, store)
    assert server.browser().get("/readyz").json() == {"status": "ready", "warnings": 1}


def test_a_store_without_opinions_gives_no_warning(server: Guests) -> None:
    assert server.browser().get("/readyz").json() == {"status": "ready", "warnings": 0}
