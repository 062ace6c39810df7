"""Canaries: what must not get out stands in no alert, mail, webhook or log, whatever happens."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sojourn import Place
from sojourn.duties import _spoken
from sojourn.errors import InvalidCredentials, SessionError
from sojourn.events import Event
from sojourn.observe.notices import letters, telling
from sojourn.observe.notices.mail import Mailer, Relay, address_of
from sojourn.testing import FakeClock
from tests.delivery.kit import Receiver
from tests.observe.alerts.house import LOUD, SECRET, House
from tests.observe.alerts.post_office import PostOffice

PASSWORD, WRONG = "canary of a password", "canary of a guess"
IP, ELSEWHERE = "203.0.113.77", "198.51.100.88"
MAIL, OTHER_MAIL, ANOTHER = "canary@example.org", "canary-too@example.org", "canary of a new one"
NEVER = (PASSWORD, WRONG, ANOTHER, IP, ELSEWHERE, "Canary Name", MAIL, OTHER_MAIL)
ALL = tuple(sorted(kind.name for kind in Event.__subclasses__()))


async def everything_happens(house: House) -> list[str]:
    """Sign-ins that fail and work, a replay, a report; the tokens that were handed out."""
    user = await house.accounts.create(MAIL, PASSWORD, "Canary Name")
    tokens = []
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            await house.accounts.sign_in(MAIL, WRONG, ip=ELSEWHERE, start=None)  # type: ignore[arg-type]
    first = await house.sessions.start(user.id, ip=IP, place=Place(city="Berlin", country="DE"))
    second = await house.sessions.refresh(first.token)
    tokens += [first.token, second.token]
    house.clock.tick(hours=2)
    tokens.append((await house.sessions.refresh(second.token)).token)
    house.clock.tick(hours=2)
    with pytest.raises(SessionError):
        await house.sessions.refresh(first.token)
    other = await house.sign_in(user.id, device="d9", ip=ELSEWHERE, place=Place(country="US"))
    await house.sessions.disown(other.id)
    await house.accounts.change_password(user.id, PASSWORD, ANOTHER, keep=None, ip=IP)
    await house.accounts.update(user.id, email=OTHER_MAIL)
    await house.accounts.set_password(user.id, PASSWORD)
    return tokens


@pytest.mark.req("P-16", "AX-6.3.5")
async def test_no_canary_gets_out(tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    async with Receiver.listening() as receiver, PostOffice.open() as office:
        house = House(
            tmp_path,
            clock,
            hooks={"ops": receiver.url},
            events=ALL,
            least="low",
            mails_alerts=True,
            mails_devices=True,
            mails_changes=True,
        )
        mailer = Mailer(Relay(host="127.0.0.1", port=office.port), address_of("s@good.test"))

        async def email(user_id: str) -> str | None:
            found = await house.accounts.get(user_id)
            return None if found is None else found.email

        house.senders[telling.ALERT_MAIL] = letters.AlertLetters(mailer, ["ops@x.org"], url="https://g").send
        house.senders[telling.DEVICE_MAIL] = letters.DeviceLetters(
            mailer, house.sessions, email=email, say=_spoken("en"), url="https://g"
        ).send
        house.senders[telling.CHANGE_MAIL] = letters.ChangeLetters(
            mailer, house.ledger, email=email, say=_spoken("en")
        ).send
        tokens = await everything_happens(house)
        await house.look(house.watch(rules=LOUD, holder="one"))
        outbox = "".join(str(message.body) for message in await house.outbox.peek(limit=1000))
        await house.look(house.watch(rules=LOUD, holder="one"))
        await house.courier().step(clock())
        alerts = await house.ledger.alerts("all")
        assert {alert.rule for alert in alerts} >= {
            *("refresh-replay", "not-me", "new-device", "new-country"),
            *("failed-sign-ins", "failed-sign-ins-from-address"),
        }
        places = {
            "alerts": repr(alerts),
            "outbox": outbox,
            "webhooks": "".join(asked.body.decode() + repr(asked.headers) for asked in receiver.asked),
            "mails": "".join(f"{mail['Subject']}{mail.get_content()}" for mail in office.mails),
            "log": caplog.text,
        }
        assert len(receiver.asked) > 10
        assert len(office.mails) >= 10
        for place, said in places.items():
            for canary in (*NEVER, *tokens, SECRET.decode()):
                assert canary not in said, (place, canary)
        await house.close()
