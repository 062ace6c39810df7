"""What a look at sign-ins has shown, as events, so that the journal and those who listen know of it too."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.events import Event, NewDevice, NewPlace, Travelled
from sojourn.observe.alerts.rules import countries_before, country_of, is_new_device
from sojourn.observe.alerts.travel import journey
from sojourn.observe.alerts.window import SignIn, Window

__all__ = ["happened"]


def happened(window: Window) -> Iterator[Event]:
    """The events of *window*; of a rule that is switched off, too: that is about alerts alone."""
    for sign_in in window.sign_ins:
        if is_new_device(sign_in):
            yield _new_device(sign_in, window)
        if earlier := countries_before(sign_in, window.rules):
            yield _new_place(sign_in, window, earlier)
        if way := journey(sign_in, window.rules):
            session = sign_in.session
            yield Travelled(
                at=window.now,
                session_id=session.id,
                user_id=session.user_id,
                before=country_of(way.last),
                after=country_of(session),
                kilometres=round(way.kilometres),
                within=way.span,
            )


def _new_device(sign_in: SignIn, window: Window) -> Event:
    session = sign_in.session
    return NewDevice(
        at=window.now,
        session_id=session.id,
        user_id=session.user_id,
        device=session.device.name,
        place=session.place,
    )


def _new_place(sign_in: SignIn, window: Window, earlier: list[str]) -> Event:
    session = sign_in.session
    return NewPlace(
        at=window.now,
        session_id=session.id,
        user_id=session.user_id,
        before=tuple(earlier),
        after=country_of(session) or "",
    )
