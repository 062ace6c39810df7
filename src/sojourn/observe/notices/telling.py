"""Which messages follow from an event or an alert: for each that wants to know, one with an id of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from sojourn.directory.outbox import Message
from sojourn.events import CredentialsChanged
from sojourn.observe.alerts.alert import SEVERITIES, Alert, Severity
from sojourn.observe.alerts.rules import is_new_device
from sojourn.observe.alerts.window import SignIn
from sojourn.observe.journal.line import Line
from sojourn.observe.notices import webhooks
from sojourn.observe.notices.ids import message_id
from sojourn.observe.notices.mail import TARGET

__all__ = ["ALERT_MAIL", "CHANGE_MAIL", "DEVICE_MAIL", "Tellings", "told_of"]

ALERT_MAIL, DEVICE_MAIL, CHANGE_MAIL = "alert-mail", "new-device-mail", "credential-change-mail"


class Tellings(Struct, frozen=True, kw_only=True):
    """Who is told of what. `least`: of alerts less severe nobody is told; they are on the dashboard."""

    hooks: webhooks.Hooks
    mails_alerts: bool = False
    mails_devices: bool = False
    mails_changes: bool = False
    least: Severity = "medium"

    @property
    def heard(self) -> frozenset[str]:
        """The names of the lines that somebody is told of."""
        changes = {CredentialsChanged.name} if self.mails_changes else set[str]()
        return self.hooks.heard | changes

    def of_lines(self, lines: Iterable[Line], now: datetime) -> Iterator[Message]:
        """What happened, to webhooks: without address, place, or what people wrote."""
        for line in lines:
            for hook in self.hooks.wanting(line.name):
                id = message_id(line.at, "event", line.writer, str(line.number), hook)
                data = {"session_id": line.session_id, "user_id": line.user_id, **line.facts}
                body = webhooks.body_of(line.name, line.at, data)
                yield _message(id, webhooks.KIND, hook, body, now)

    def of_sign_ins(self, sign_ins: Iterable[SignIn], now: datetime) -> Iterator[Message]:
        """To the user, of each new device. The outbox holds no address and no link."""
        for sign_in in sign_ins if self.mails_devices else ():
            if is_new_device(sign_in):
                session = sign_in.session
                id = message_id(session.created_at, "new device", str(session.id))
                yield _message(id, DEVICE_MAIL, TARGET, msgspec.json.encode(session.id), now)

    def of_changes(self, lines: Iterable[Line], now: datetime) -> Iterator[Message]:
        """To the user, of each change of how they sign in. The outbox only holds which line says it."""
        for line in lines if self.mails_changes else ():
            if line.name == CredentialsChanged.name:
                id = message_id(line.at, "credential change", line.writer, str(line.number))
                yield _message(id, CHANGE_MAIL, TARGET, msgspec.json.encode(line.place), now)

    def of_alert(self, alert: Alert, now: datetime) -> Iterator[Message]:
        """To webhooks, and to those who watch over this server."""
        if SEVERITIES.index(alert.severity) > SEVERITIES.index(self.least):
            return
        said = told_of(alert)
        for hook in self.hooks.watching():
            id = message_id(alert.opened_at, "alert", str(alert.id), hook)
            body = webhooks.body_of("alert-opened", alert.opened_at, said)
            yield _message(id, webhooks.KIND, hook, body, now)
        if self.mails_alerts:
            id = message_id(alert.opened_at, "alert mail", str(alert.id))
            yield _message(id, ALERT_MAIL, TARGET, msgspec.json.encode(said), now)


def told_of(alert: Alert) -> dict[str, Any]:
    """What leaves the server of an alert."""
    return {
        "id": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "title": alert.title,
        "factors": alert.factors,
        "user_id": alert.user_id,
        "session_id": alert.session_id,
        "count": alert.count,
        "opened_at": alert.opened_at,
    }


def _message(id: UUID, kind: str, target: str, body: bytes, now: datetime) -> Message:
    return Message(id=id, kind=kind, target=target, body=body, created_at=now, due_at=now)
