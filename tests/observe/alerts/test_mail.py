"""Mail goes to the operator's server over TLS, says little, and can be told from its repeats."""

from __future__ import annotations

import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import get_args, get_type_hints
from urllib.parse import parse_qs, urlsplit

import pytest

from sojourn import Place, duties
from sojourn.accounts import Proof, User
from sojourn.delivery import Declined, Undelivered
from sojourn.duties import _spoken
from sojourn.events import CredentialsChanged
from sojourn.observe.notices import devices, letters, telling
from sojourn.observe.notices.mail import Mailer, Relay, address_of, relay_of
from sojourn.session import Device, new_id
from sojourn.settings import Settings
from sojourn.testing import MORNING, FakeClock
from tests.delivery.kit import certificate
from tests.observe.alerts.house import House
from tests.observe.alerts.post_office import PostOffice

ID = new_id(MORNING, None)
SENDER = address_of("Sojourn <no-reply@good.test>")


def mailer(office: PostOffice, host: str = "127.0.0.1", **more: object) -> Mailer:
    trust = more.pop("trust", None)
    deadline = more.pop("deadline", 5.0)
    relay = Relay(host=host, port=office.port, **more)  # type: ignore[arg-type]
    return Mailer(relay, SENDER, trust=trust, deadline=deadline)  # type: ignore[arg-type]


async def send(mailer: Mailer, to: str = "ada@example.org", text: str = "Hello\n") -> None:
    await mailer.send([to], "A subject", text, id=ID, at=MORNING)


# ── settings ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "relay"),
    [
        ("smtp://mail.test", Relay(host="mail.test", port=587)),
        ("smtp://u:p%40ss@mail.test:25", Relay(host="mail.test", port=25, user="u", password="p@ss")),
        ("smtps://mail.test", Relay(host="mail.test", port=465, implicit_tls=True)),
    ],
)
def test_a_relay_is_an_address(text, relay):
    assert relay_of(text) == relay


@pytest.mark.parametrize("text", ["mail.test", "http://x", "smtp://", "smtp://h:99999", "smtp://u:hush@h/x"])
def test_a_wrong_relay_is_refused_and_not_quoted(text):
    with pytest.raises(ValueError, match=r"smtp://user:password@host:587") as caught:
        relay_of(text)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "ada", "@x", "a b@x.org", "a@x.org\r\nBcc: b@x.org", "<>"])
def test_a_wrong_address_is_refused(text):
    with pytest.raises(ValueError, match="e-mail address"):
        address_of(text)


# ── handing over ──────────────────────────────────────────────────────────────────────────────


async def test_a_mail_arrives_with_an_id_that_stays_the_same():
    async with PostOffice.open() as office:
        await send(mailer(office))
        await send(mailer(office))
    first, second = office.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{ID}@good.test>"
    assert (first["To"], first["From"]) == ("ada@example.org", "Sojourn <no-reply@good.test>")
    assert first["Auto-Submitted"] == "auto-generated"
    assert office.recipients == [["ada@example.org"]] * 2


async def test_beyond_this_machine_nothing_is_said_before_tls(tmp_path: Path):
    """The name leads to this machine, which the relay does not know of."""
    server, trust = certificate(tmp_path, "127.0.0.1")
    async with PostOffice.open(server) as office:
        away = mailer(office, user="u", password="hush", trust=trust)
        away._relay = _Far(away._relay)  # type: ignore[assignment]
        await send(away)
    open_, closed = (
        {line.split()[0].upper() for line, secure in office.heard if secure == s} for s in (False, True)
    )
    assert open_ == {"EHLO", "STARTTLS"}
    assert {"AUTH", "MAIL", "RCPT", "DATA"} <= closed


class _Far:
    """A relay that is not on this machine, as far as it says."""

    local = False

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __getattr__(self, name: str) -> object:
        return getattr(self._relay, name)


async def test_without_tls_a_far_server_gets_nothing():
    async with PostOffice.open() as office:
        away = mailer(office, user="u", password="hush")
        away._relay = _Far(away._relay)  # type: ignore[assignment]
        with pytest.raises(Undelivered):
            await send(away)
    assert not any("AUTH" in line or "MAIL" in line for line, _ in office.heard)


async def test_a_certificate_of_somebody_else_is_refused(tmp_path: Path):
    server, trust = certificate(tmp_path, "other.test")
    async with PostOffice.open(server, implicit=True) as office:
        with pytest.raises(Undelivered, match="SSL"):
            await send(mailer(office, implicit_tls=True, trust=trust))
    assert office.mails == []


async def test_tls_from_the_first_byte_on(tmp_path: Path):
    server, trust = certificate(tmp_path, "127.0.0.1")
    async with PostOffice.open(server, implicit=True) as office:
        await send(mailer(office, implicit_tls=True, user="u", password="p", trust=trust))
    assert len(office.mails) == 1
    assert all(secure for _, secure in office.heard)


@pytest.mark.parametrize(
    ("refuses", "outcome"),
    [
        ({"RCPT": "550 no ada@example.org here"}, Declined),
        ({".": "554 no"}, Declined),
        ({"RCPT": "450 later"}, Undelivered),
        ({".": "451 later"}, Undelivered),
        ({"MAIL": "530 who are you"}, Undelivered),
        ({"EHLO": "421 busy", "HELO": "421 busy"}, Undelivered),
    ],
)
async def test_what_the_server_says_is_for_good_or_not_and_is_not_repeated(refuses, outcome):
    async with PostOffice.open() as office:
        office.refuses = refuses
        with pytest.raises(outcome) as caught:
            await send(mailer(office))
    assert "ada" not in str(caught.value)


async def test_a_server_that_says_nothing_is_left():
    async with PostOffice.open() as office:
        office.silent = True
        with pytest.raises(Undelivered, match="longer than"):
            await send(mailer(office, deadline=0.2))


async def test_a_server_that_is_away_is_tried_again_later():
    async with PostOffice.open() as office:
        pass
    with pytest.raises(Undelivered, match="ConnectionRefusedError"):
        await send(mailer(office))


async def test_an_address_that_is_none_is_declined():
    async with PostOffice.open() as office:
        with pytest.raises(Declined):
            await send(mailer(office), to="a@b\r\nBcc: eve@example.org")
    assert office.heard == []


# ── the notice of a new device ────────────────────────────────────────────────────────────────

PLACE = Place(city="Berlin", country="DE")


async def noticed(folder: Path, clock: FakeClock, office: PostOffice, language: str = "en") -> House:
    """A house in which ada has signed in on a second device, and was written to."""
    house = House(folder, clock, mails_devices=True)
    user = await house.accounts.create("ada@example.org", "a ship in a bottle")

    async def email(user_id: str) -> str | None:
        found = await house.accounts.get(user_id)
        return None if found is None else found.email

    house.senders[telling.DEVICE_MAIL] = letters.DeviceLetters(
        mailer(office), house.sessions, email=email, say=_spoken(language), url="https://good.test"
    ).send
    await house.sign_in(user.id)
    await house.look()
    assert await house.outbox.count_messages() == 0
    await house.sign_in(user.id, device="d2", ip="203.0.113.99", place=PLACE)
    await house.look()
    await house.courier().step(clock())
    return house


@pytest.mark.req("P-16", "AX-6.3.5")
async def test_a_new_device_is_told_to_its_user_in_few_words(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        house = await noticed(tmp_path, clock, office)
        (mail,) = office.mails
        text = office.text().replace(re.findall(r"link=\S+", office.text())[0], "link=LINK")
        at = f"{(await latest(house)).created_at:%Y-%m-%d %H:%M} UTC"
        until = f"{clock() + devices.LIFE:%Y-%m-%d}"
        assert mail["Subject"] == "New sign-in to your account"
        assert text.replace("\r\n", "\n") == (
            "Somebody signed in to your account on a device that was not seen with you before.\n\n"
            f"  When: {at}\n"
            "  With: Chrome on macOS\n"
            "  about Berlin, DE\n\n"
            "If this was you, there is nothing to do.\n\n"
            f"If this was not you, open this page and confirm. It works once, until {until}:\n"
            "https://good.test/not-me?link=LINK\n"
        )
        assert "203.0.113" not in mail.as_string()
        await house.close()


@pytest.mark.req("P-06")
@pytest.mark.parametrize(
    ("language", "with_what"),
    [("en", "With: an unknown program (Linux)"), ("de", "Womit: ein unbekanntes Programm (Linux)")],
)
async def test_what_a_strange_program_calls_itself_is_in_no_letter(
    tmp_path: Path, clock: FakeClock, language: str, with_what: str
):
    """A stranger chose those words, and would have them read by who trusts the letter."""
    wanted = "Call 555-0100 on evil.example"
    async with PostOffice.open() as office:
        house = await noticed(tmp_path, clock, office, language)
        clock.tick(seconds=1)
        hostile = Device(id="d3", kind="desktop", browser=wanted, os="Linux", name=wanted, user_agent=wanted)
        user_id = (await latest(house)).user_id
        assert user_id is not None
        await house.sessions.start(user_id, device=hostile, ip="198.51.100.7", amr=("pwd",))
        await house.look()
        await house.courier().step(clock())
        assert len(office.mails) == 2
        assert with_what in office.text()
        told = [mail.as_string() for mail in office.mails]
        told += [str(alert.factors) for alert in await house.ledger.alerts()]
        assert not [text for text in told if "555" in text or "evil" in text]
        assert any("an unknown program (Linux)" in text for text in told[2:])
        await house.close()


async def latest(house: House):
    from sojourn.stores.protocol import Query

    (found,) = await house.sessions.store.select(Query(live_at=house.clock(), limit=1))
    return found


async def test_the_outbox_holds_neither_address_nor_link(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        office.refuses = {"MAIL": "450 later"}
        house = await noticed(tmp_path, clock, office)
        (waiting,) = await house.outbox.peek()
        link = devices.made((await latest(house)).id, house.sessions.keys, at=waiting.created_at)
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("sojourn.db*"))
        assert link.encode() not in kept
        assert b"example.org" not in waiting.body
        assert "example.org" not in (waiting.last_error or "")
        office.refuses = {}
        clock.tick(minutes=5)
        await house.courier().step(clock())
        (found,) = parse_qs(urlsplit(re.findall(r"https://\S+", office.text())[0]).query)["link"]
        assert found == link  # the same, however late it went out
        await house.close()


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "ar", "zh"])
async def test_the_notice_speaks_six_languages(tmp_path: Path, clock: FakeClock, language: str):
    async with PostOffice.open() as office:
        house = await noticed(tmp_path, clock, office, language)
        text = office.text()
        assert "Chrome on macOS" in text
        assert "&#" not in text
        assert ("Somebody signed in" in text) == (language == "en")
        await house.close()


async def test_a_user_who_is_gone_is_not_written_to(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        office.refuses = {"MAIL": "450 later"}
        house = await noticed(tmp_path, clock, office)
        (user,) = await house.accounts.select()
        await house.accounts.delete(user.id)
        office.refuses = {}
        clock.tick(minutes=5)
        sent = await house.courier().step(clock())
        assert (sent.delivered, office.mails) == (1, [])
        await house.close()


async def test_who_watches_is_written_of_alerts_with_their_factors(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        house = House(tmp_path, clock, mails_alerts=True, least="low")
        letter = letters.AlertLetters(
            mailer(office), ["ops@example.org", "dev@example.org"], url="https://good.test/"
        )
        house.senders[telling.ALERT_MAIL] = letter.send
        await house.sign_in()
        await house.sign_in(device="d2")
        await house.look()
        await house.courier().step(clock())
        (mail,) = office.mails
        assert mail["Subject"] == "[low] Sign-in on a new device"
        assert office.recipients == [["ops@example.org", "dev@example.org"]]
        assert "- Chrome on macOS" in office.text()
        assert "https://good.test/admin/alerts" in office.text()
        await house.close()


# ── the link ──────────────────────────────────────────────────────────────────────────────────


def test_a_link_names_a_session_and_an_end_and_nothing_else_makes_one(keys):
    text = devices.made(ID, keys, at=MORNING)
    link = devices.read(text, keys)
    assert link is not None
    assert (link.session_id, link.ends_at) == (ID, MORNING + timedelta(days=7))
    for wrong in ("", "x", text[:-4], text[:-1] + "!", text[1:] + text[0], "A" * len(text), text + text):
        assert devices.read(wrong, keys) is None


def test_no_context_is_made_for_who_never_sends():
    assert isinstance(Mailer(relay_of("smtp://localhost"), SENDER)._context(), ssl.SSLContext)


# ── the notice of a change of how somebody signs in ───────────────────────────────────────────

PASSWORD, NEW = "a ship in a bottle", "another long canary"


class Changing:
    """A house in which ada, with an account, is written to of changes."""

    def __init__(self, house: House, user: User) -> None:
        self.house, self.user = house, user

    @classmethod
    async def begun(
        cls, folder: Path, clock: FakeClock, office: PostOffice, language: str = "en"
    ) -> Changing:
        house = House(folder, clock, mails_changes=True)
        user = await house.accounts.create("ada@example.org", PASSWORD)

        async def email(user_id: str) -> str | None:
            found = await house.accounts.get(user_id)
            return None if found is None else found.email

        house.senders[telling.CHANGE_MAIL] = letters.ChangeLetters(
            mailer(office), house.ledger, email=email, say=_spoken(language)
        ).send
        return cls(house, user)

    async def told(self) -> None:
        await self.house.look()
        await self.house.courier().step(self.house.clock())

    async def close(self) -> None:
        await self.house.close()


@pytest.mark.req("AX-6.3.7")
async def test_a_changed_password_is_told_to_its_user_without_secret_or_link(
    tmp_path: Path, clock: FakeClock
):
    async with PostOffice.open() as office:
        changing = await Changing.begun(tmp_path, clock, office)
        await changing.house.accounts.change_password(
            changing.user.id, PASSWORD, NEW, keep=None, ip="203.0.113.99"
        )
        await changing.house.look()
        (message,) = await changing.house.outbox.peek()
        assert message.body.isdigit()  # which line: no address, no user, no word of what it says
        await changing.house.courier().step(clock())
        (mail,) = office.mails
        assert (mail["Subject"], mail["To"]) == ("How you sign in was changed", "ada@example.org")
        assert office.text().replace("\r\n", "\n") == (
            "Something about how you sign in to your account was changed:\n\n"
            "  The password was changed.\n"
            f"  When: {clock():%Y-%m-%d %H:%M} UTC\n\n"
            "If this was you, there is nothing to do.\n\n"
            "If this was not you, sign in, sign out the devices that you do not know, and change your "
            "password. If you cannot sign in any more, ask those who run this service for help.\n"
        )
        for canary in (PASSWORD, NEW, "203.0.113", "http", changing.user.id):
            assert canary not in mail.as_string()
        await changing.told()
        assert len(office.mails) == 1
        await changing.close()


@pytest.mark.req("AX-6.3.7")
async def test_another_address_is_told_to_both_and_to_neither_of_the_other(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        changing = await Changing.begun(tmp_path, clock, office)
        await changing.house.accounts.update(changing.user.id, email="eve@example.org", by="grace")
        await changing.told()
        assert [mail["To"] for mail in office.mails] == ["eve@example.org", "ada@example.org"]
        assert "The e-mail address was changed." in office.text()
        assert "eve@" not in office.mails[1].as_string()
        await changing.close()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "gitea can be used to sign in."),
        ("de", "Mit gitea kann man sich nun anmelden."),
        ("fr", "gitea peut désormais servir à se connecter."),
    ],
)
async def test_a_way_in_that_was_added_is_told_in_the_language_of_the_server(
    tmp_path: Path, clock: FakeClock, language: str, sentence: str
):
    async with PostOffice.open() as office:
        changing = await Changing.begun(tmp_path, clock, office, language)
        await changing.house.accounts.link(changing.user.id, Proof(provider="gitea", subject="7"))
        await changing.told()
        assert sentence in office.text()
        await changing.close()


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "ar", "zh"])
@pytest.mark.parametrize("change", list(get_args(get_type_hints(CredentialsChanged)["change"])))
def test_each_change_has_its_sentence_in_each_language(language: str, change: str):
    said = _spoken(language)(letters._CHANGES[change], provider="gitea")
    assert "{" not in said
    assert ("gitea" in said) is (change in ("linked", "unlinked"))


async def test_of_who_is_erased_or_gone_nothing_is_sent(tmp_path: Path, clock: FakeClock):
    async with PostOffice.open() as office:
        changing = await Changing.begun(tmp_path, clock, office)
        accounts, ledger = changing.house.accounts, changing.house.ledger
        other = await accounts.create("bob@example.org", PASSWORD)
        await accounts.update(changing.user.id, email="new@example.org")
        await accounts.set_password(other.id, NEW)
        await changing.house.look()
        assert await changing.house.outbox.count_messages() == 2
        await ledger.erase(changing.user.id)
        await accounts.delete(other.id)
        await changing.house.courier().step(clock())
        assert office.mails == []
        assert await changing.house.outbox.count_messages() == 0
        await changing.close()


async def test_where_it_is_switched_off_nothing_is_written(tmp_path: Path, clock: FakeClock):
    house = House(tmp_path, clock)
    user = await house.accounts.create("ada@example.org", PASSWORD)
    await house.accounts.set_password(user.id, NEW)
    await house.look()
    assert await house.outbox.count_messages() == 0
    await house.close()


@pytest.mark.parametrize(("notice", "mails"), [(True, 1), (False, 0)])
async def test_the_server_s_own_background_work_writes_and_sends_it(
    tmp_path: Path, clock: FakeClock, notice: bool, mails: int
):
    async with PostOffice.open() as office:
        house = House(tmp_path, clock)
        smtp = relay_of(f"smtp://127.0.0.1:{office.port}")
        settings = Settings(smtp=smtp, origin="https://good.test", new_device_notice=notice)
        delivery = duties.dispatch(settings, house.accounts, house.directory, None, house.ledger)
        assert delivery is not None
        user = await house.accounts.create("ada@example.org", PASSWORD)
        await house.accounts.set_password(user.id, NEW)
        await house.look(duties.watch(settings, house.directory, house.ledger, delivery))
        await delivery.step(clock())
        assert [mail["Subject"] for mail in office.mails] == ["How you sign in was changed"] * mails
        await house.close()
