"""Events in the log of the process."""

from __future__ import annotations

import logging

import msgspec

from sojourn.events import Event

__all__ = ["log_event"]

_events = logging.getLogger("sojourn.events")


def log_event(event: Event) -> None:
    """One JSON line an event: control characters are escaped, so one event is one line (ASVS 16.4.1)."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    _events.info("%s", msgspec.json.encode({"event": event.name} | fields).decode())
