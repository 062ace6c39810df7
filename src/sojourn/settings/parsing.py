"""What texts mean that other parts of Sojourn understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn import settings_text as read

if TYPE_CHECKING:
    from sojourn.accounts.oidc.providers import Provider
    from sojourn.observe.notices.mail import Relay
    from sojourn.observe.notices.webhooks import Hook

__all__ = ["events", "providers", "recipients", "relay", "sender", "silent", "thresholds", "webhooks"]


def providers(text: str) -> dict[str, Provider]:
    if text == "none":
        return {}
    from sojourn.accounts.oidc import described  # late: whoever describes none needs none of it

    return described(read.object_or_file(text))


def webhooks(text: str) -> dict[str, Hook]:
    if text == "none":
        return {}
    from sojourn.observe.notices.webhooks import described

    return described(read.object_or_file(text))


def relay(text: str) -> Relay:
    from sojourn.observe.notices.mail import relay_of

    return relay_of(text)


def sender(text: str) -> str:
    from sojourn.observe.notices.mail import address_of

    address_of(text)  # or it says what is wrong
    return text


def recipients(text: str) -> tuple[str, ...]:
    return tuple(sender(part.strip()) for part in text.split(",") if part.strip())


def events(text: str) -> tuple[str, ...]:
    from sojourn.observe.notices.webhooks import event_names

    return event_names(read.names(text))


def silent(text: str) -> tuple[str, ...]:
    from sojourn.observe.alerts.rules import RULES

    names = read.names(text)
    if set(names) - RULES.keys():
        raise ValueError(f"give names among {', '.join(RULES)}, with commas")
    return names


def thresholds(text: str) -> dict[str, str]:
    from sojourn.observe.alerts.window import thresholds

    return thresholds(text)
