"""A store that is away during a visit: told from every other exception, and answered 503."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from sojourn.web.visit import Visit

__all__ = ["StoreAway", "watched"]

T = TypeVar("T")
P = ParamSpec("P")


class StoreAway(Exception):
    """A fault of a store during a visit; its cause is the driver's exception. Answered 503.

    It has a type of its own so that an application's faults stay the application's.
    """

    message = "The service is not available for a moment. You are still signed in; please try again."

    def __init__(self, fault: Exception, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(str(fault))


def watched(
    verb: Callable[Concatenate[Visit, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Visit, P], Coroutine[Any, Any, T]]:
    """Tell a fault of the store from every other exception."""

    @wraps(verb)
    async def watching(visit: Visit, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await verb(visit, *args, **kwargs)
        except visit.site.faults as fault:
            raise StoreAway(fault) from fault

    return watching
