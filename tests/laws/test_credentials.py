"""Law 6: nothing that is stored, listed, told, logged or raised is a credential, or contains one."""

from __future__ import annotations

import base64
import logging
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.pretty import pretty_repr

from sojourn import Device, Key, Keys, Place, Policy, Query, Reason, Session, Sessions
from sojourn.errors import SessionError, TokenInvalid
from sojourn.events import Event
from sojourn.sessions import ANYBODY
from sojourn.stores.memory import MemoryStore
from sojourn.stores.protocol import Store
from sojourn.testing import FakeClock, make_session
from sojourn.token import PREFIX, parse

SECRET = b"canary of the key, 32 bytes long"
KEYS = Keys([Key(id=1, secret=SECRET)])


def _fail(event: Event) -> None:
    raise ValueError(event)


class Life:
    """Everything that can happen to sessions, and everything that could be overheard of it."""

    def __init__(self, store: Store, caplog: pytest.LogCaptureFixture) -> None:
        self.clock, self.events, self.issued = FakeClock(), list[Event](), list[str]()
        self.refusals: list[BaseException] = []
        self.shown: list[object] = []
        self.caplog, self.logged = caplog, ""
        self.sessions = Sessions(
            store, keys=KEYS, policy=Policy(max_sessions=3), clock=self.clock, on_event=self.events.append
        )
        self.sessions.listen(_fail)  # so that something is logged

    def issue(self, verb: Callable[..., Any], *args: Any, **named: Any) -> Any:
        answer = verb(*args, **named)
        self.issued.append(answer.token)
        self.shown.append(answer)
        return answer

    def refused(self, verb: Callable[..., Any], *args: Any, **named: Any) -> None:
        with pytest.raises(SessionError) as refusal:
            verb(*args, **named)
        self.refusals.append(refusal.value)

    def live(self) -> None:
        sessions, issue, refused = self.sessions, self.issue, self.refused
        visitor = issue(sessions.start, None, data={"cart": 1})
        laptop = issue(
            sessions.start,
            "ada",
            replacing=visitor.session,
            device=Device(id="laptop", name="Firefox on Linux", user_agent="Mozilla/5.0"),
            place=Place(city="Paris"),
            ip="192.0.2.1",
        )
        rotated = issue(sessions.refresh, laptop.token)
        self.shown += [sessions.validate(rotated.token), sessions.validate(laptop.token, passive=True)]
        stepped_up = issue(sessions.renew, laptop.session.id, authenticated=True, amr=["otp"], aal=2)
        refused(sessions.validate, rotated.token)
        refused(sessions.validate, stepped_up.token.swapcase())
        sessions.update(laptop.session.id, set={"theme": "dark"})
        sessions.renew_all("ada")
        issue(sessions.validate, stepped_up.token)
        stolen = issue(sessions.start, "ada")
        held = issue(sessions.refresh, stolen.token)
        self.shown.append(sessions.validate(held.token))
        self.clock.tick(minutes=20)
        refused(sessions.validate, stolen.token)
        refused(sessions.refresh, stolen.token)
        refused(sessions.refresh, held.token)
        refused(sessions.revoke, held.session.id, owner="mallory")
        for _ in range(4):
            issue(sessions.start, "ada")
        last = issue(sessions.start, "ada")
        refused(sessions.require_fresh, last.session, timedelta(0))
        sessions.revoke(
            last.session.id, owner=ANYBODY, reason=Reason.ADMIN, by="root", note="Reported stolen."
        )
        self.shown += [sessions.list("ada"), sessions.history("ada"), sessions.count()]
        self.shown += [sessions, sessions.policy, KEYS, parse(laptop.token, KEYS)]
        self.shown += self.records()
        self.logged = self.caplog.text  # now, because a fixture's lines are not in the text of its test

    def records(self) -> list[Session]:
        ids = {parse(token, KEYS).session_id for token in self.issued}
        return [record for id in ids for record in self.sessions.select(Query(id=id))]

    def overheard(self) -> str:
        """All text that came out of it in any way but as the answer to the bearer."""
        told = [*self.events, *self.refusals, *[refusal.args for refusal in self.refusals], *self.shown]
        told += [getattr(refusal, "facts", {}) for refusal in self.refusals]
        raised = ["".join(traceback.format_exception(refusal)) for refusal in self.refusals]
        texts = [show(thing) for thing in told for show in (repr, str, pretty_repr)]
        return "\n".join([*texts, *raised, self.logged])


@pytest.fixture
def life(store: Store, caplog: pytest.LogCaptureFixture) -> Iterator[Life]:
    caplog.set_level(logging.DEBUG)
    life = Life(store, caplog)
    life.live()
    yield life
    life.sessions.close()


def values_of(store: Store, folder: Path) -> list[Any]:
    """Every value of every column of every table, or of every record and what is inside it."""
    if isinstance(store, MemoryStore):
        return list(_inside([msgspec.structs.asdict(record) for record in store._sessions.values()]))
    with closing(sqlite3.connect(next(folder.glob("*.db")))) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_schema where type = 'table'")]
        rows = [row for table in tables for row in db.execute(f"select * from {table}")]  # noqa: S608
    return [value for row in rows for value in row if value is not None]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple):
        for part in value:
            yield from _inside(part)
    elif value is not None:
        yield value


def spellings(value: Any) -> Iterator[str]:
    """The ways in which *value* could be handed in as a token."""
    raw = value if isinstance(value, bytes) else getattr(value, "bytes", str(value).encode())
    for text in (str(value), raw.hex(), base64.urlsafe_b64encode(raw).rstrip(b"=").decode()):
        yield text
        yield PREFIX + text


def bodies(record: Session, value: Any) -> Iterator[str]:
    """Tokens of *record*, whose secret parts are filled with *value*."""
    raw = value if isinstance(value, bytes) else getattr(value, "bytes", str(value).encode())
    head = record.id.bytes + record.generation.to_bytes(4) + record.key_id.to_bytes(2)
    body = (head + raw + raw * 40)[:62] if raw else head.ljust(62, b"\0")
    yield PREFIX + base64.urlsafe_b64encode(body).rstrip(b"=").decode()


@pytest.mark.req("OS-04")
@pytest.mark.req("TH-09")
def test_law_06_no_stored_value_is_accepted_as_a_token(life, store, tmp_path):
    values, records = values_of(store, tmp_path), life.records()
    assert len(values) > 100
    for value in values:
        for candidate in [*spellings(value), *(body for record in records for body in bodies(record, value))]:
            for verb in (life.sessions.validate, life.sessions.refresh):
                with pytest.raises(TokenInvalid):
                    verb(candidate)


@pytest.mark.req("OS-04")
def test_law_06_no_stored_value_contains_a_token_or_a_proof_or_a_key(life, store, tmp_path):
    stored = b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for value in values_of(store, tmp_path)
    )
    assert not [secret for secret in _secrets(life) if secret in stored]


@pytest.mark.req("TH-09")
def test_law_06_no_byte_of_the_file_is_of_a_token_or_a_proof_or_a_key(life, tmp_path):
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [secret for secret in _secrets(life) if secret in written]


def _secrets(life: Life) -> list[bytes]:
    proofs = [parse(token, KEYS).proof for token in life.issued]
    return [
        SECRET,
        *(KEYS.subkey(purpose) for purpose in ("token proof", "token checksum")),
        *(token.encode() for token in life.issued),
        *(token.removeprefix(PREFIX).encode() for token in life.issued),
        *proofs,
        *(base64.urlsafe_b64encode(proof)[:40] for proof in proofs),
        *(proof.hex().encode() for proof in proofs),
    ]


@pytest.mark.req("TH-10")
def test_law_06_nothing_that_can_be_overheard_contains_a_token(life):
    overheard = life.overheard()
    assert not [token for token in life.issued if token.removeprefix(PREFIX) in overheard]
    assert PREFIX not in overheard


@pytest.mark.req("TH-10")
def test_law_06_nothing_that_can_be_overheard_contains_a_proof_a_salt_or_a_key(life):
    overheard = life.overheard()
    secrets = [SECRET, *(record.salt for record in life.records())]
    secrets += [parse(token, KEYS).proof for token in life.issued]
    for secret in secrets:
        for spelled in (repr(secret)[2:-1], secret.hex(), base64.b64encode(secret).decode()[:40]):
            assert spelled not in overheard


def test_law_06_what_was_overheard_is_all_there_is(life):
    """A canary search that looks at nothing finds nothing."""
    overheard = life.overheard()
    for sign in ("<Issued", "<Validated", "<Session", "Replayed(", "Revoked(", "refresh", "Traceback"):
        assert sign in overheard
    assert "a listener failed on session-established" in overheard


def test_law_06_the_canary_search_finds_a_token_that_leaks(store, caplog):
    life = Life(store, caplog)
    token = life.issue(life.sessions.start, "ada").token
    life.shown.append({"leak": token})
    assert token in life.overheard()
    life.sessions.close()


def test_law_06_a_record_is_stored_with_its_salt_alone():
    """The salt is the one secret column; without a key of the server it proves nothing."""
    secret = {name for name, kind in Session.__annotations__.items() if "bytes" in str(kind)}
    assert secret == {"salt"}
    assert len(make_session().salt) == 32
