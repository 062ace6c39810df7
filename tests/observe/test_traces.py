"""What others wrote about a user goes with them: pseudonyms lead nowhere, and notes cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from sojourn.events import AdminActed, Event, HeldBack, Impersonated, Revoked
from sojourn.observe.journal.line import Filter
from sojourn.observe.ledger import Ledger
from sojourn.observe.traces import Traces
from sojourn.session import Reason, new_id
from tests.observe.kit import DAY, NOON, altering, heard, opened, revoked, started

pytestmark = pytest.mark.usefixtures("everywhere")

ADA, ROOT = "user-ada-1", "user-root-1"
NOTE = "Ada Canary asked by phone"


@pytest.fixture
async def ledger() -> AsyncIterator[Ledger]:
    async with opened() as found:
        yield found


def acted(act: str = "require-sign-in", **more: Any) -> AdminActed:
    fields: dict[str, Any] = {"at": NOON, "user_id": ROOT, "by": ROOT, "act": act, "ip": "192.0.2.7"}
    return AdminActed(**(fields | more))


async def one(ledger: Ledger, *events: Event):
    await heard(ledger, *events)
    return (await ledger.lines(Filter(limit=1)))[0]


# ── who is named ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.req("P-06")
async def test_who_is_named_is_chained_by_a_pseudonym_and_read_by_their_id(ledger):
    line = await one(ledger, started(ADA), acted(target=ADA, note=NOTE, count=2))
    (mine,) = await ledger.lines(Filter(user_id=ADA))
    (root,) = await ledger.lines(Filter(user_id=ROOT))
    assert line.facts == {
        "act": "require-sign-in",
        "count": 2,
        "by": root.person.hex(),
        "target": mine.person.hex(),
    }
    assert line.personal == {"user_id": ROOT, "ip": "192.0.2.7", "by": ROOT, "target": ADA, "note": NOTE}


@pytest.mark.req("P-06")
async def test_of_an_erased_target_neither_id_nor_note_can_be_read(ledger):
    before = await one(ledger, acted(target=ADA, note=NOTE))
    await ledger.erase(ADA)
    (line,) = await ledger.lines()
    assert line.personal == {"user_id": ROOT, "ip": "192.0.2.7", "by": ROOT}
    assert (line.facts, line.hash) == (before.facts, before.hash)
    await ledger.seal(NOON)
    assert (await ledger.verify()).faults == ()


@pytest.mark.req("P-06")
async def test_an_erased_administrator_is_named_in_nobodys_line(ledger):
    event = started(ADA)
    before = await one(ledger, event, revoked(event, reason=Reason.ADMIN, by=ROOT))
    assert before.personal == {"user_id": ADA, "by": ROOT}
    await ledger.erase(ROOT)
    (line,) = await ledger.lines(Filter(limit=1))
    assert line.personal == {"user_id": ADA}
    assert line.facts == before.facts
    await ledger.seal(NOON)
    assert (await ledger.verify()).faults == ()


@pytest.mark.req("P-06")
async def test_a_note_about_somebody_is_read_with_neither_of_the_two_keys_alone(tmp_path):
    """To destroy either is enough: a copy of the file from before, without that key, says no more."""
    for gone in (ADA, ROOT):
        path = tmp_path / f"{gone}.db"
        async with opened(path) as ledger:
            await heard(ledger, acted(target=ADA, note=NOTE))
        with altering(path) as db:
            assert db.execute("delete from people where user_id = ?", (gone,)).rowcount == 1
        async with opened(path) as ledger:
            (line,) = await ledger.lines()
        assert "note" not in (line.personal or {})


async def test_what_is_no_user_stays_as_it_is(ledger):
    job, session = uuid4(), new_id(NOON, ADA)
    line = await one(ledger, acted("bulk-revoke", target=job, note="offboarding"))
    assert line.personal == {
        "user_id": ROOT,
        "ip": "192.0.2.7",
        "by": ROOT,
        "target": str(job),
        "note": "offboarding",
    }
    assert "target" not in line.facts
    line = await one(ledger, acted("show-personal", target=session))
    assert line.personal["target"] == str(session)


async def test_who_acts_without_a_session_is_named_too(ledger):
    line = await one(ledger, AdminActed(at=NOON, act="export", by="command line", target=ADA))
    assert (line.person, line.personal) == (None, {"by": "command line", "target": ADA})


async def test_nobody_is_named_by_an_empty_text(ledger):
    line = await one(ledger, Revoked(at=NOON, session_id=new_id(NOON, None), reason=Reason.ADMIN, by=""))
    assert (line.facts, line.personal) == ({"reason": "admin"}, None)


async def test_who_is_named_and_did_nothing_is_kept_as_long_as_that(ledger):
    """A user who was never signed in, named by an administrator each year."""
    await heard(ledger, acted(target=ADA))
    await heard(ledger, acted(target=ADA, at=NOON + 300 * DAY))
    assert await ledger.forget_people(NOON + 200 * DAY) == 0
    (line, _) = await ledger.lines()
    assert line.personal["target"] == ADA
    assert await ledger.forget_people(NOON + 301 * DAY) == 1


@pytest.mark.req("P-06")
async def test_lines_of_an_older_release_are_read_verified_and_forgotten(ledger, monkeypatch):
    """They have ids, and the note, as they are, under the key of who acted."""
    from sojourn.observe.journal import rows

    def old(draft, whose, at, line):
        draft.personal.update(draft.persons)
        draft.facts["by"] = whose.user(draft.persons["by"], at)[0].hex()

    event = started("user-bob-1")
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_name", old)
        await heard(ledger, acted(target=ADA, note=NOTE), event, revoked(event, by=ROOT))
    ended, _, act = await ledger.lines()
    assert act.personal == {"user_id": ROOT, "ip": "192.0.2.7", "by": ROOT, "target": ADA, "note": NOTE}
    assert ended.personal == {"user_id": "user-bob-1", "by": ROOT}
    await ledger.erase(ADA)
    assert (await ledger.lines())[-1].personal == {"user_id": ROOT, "by": ROOT}
    await ledger.erase(ROOT)
    ended, _, act = await ledger.lines()
    assert (act.personal, ended.personal) == (None, {"user_id": "user-bob-1"})
    await ledger.seal(NOON)
    assert (await ledger.verify()).faults == ()


# ── what administrators wrote ─────────────────────────────────────────────────────────────────


@pytest.mark.req("P-06")
@pytest.mark.parametrize("note", [f"see {ADA}", "mail to ADA.canary@example.org.", "it was Ada Canary"])
async def test_a_note_that_names_an_erased_user_goes_whomever_it_is_about(ledger, note: str):
    await heard(ledger, acted(target="user-bob-1", note=note), acted(target="user-bob-1", note="Adage"))
    user = Traces(user_id=ADA, words=frozenset({"ada.canary@example.org", "Ada Canary"}))
    await ledger.erase(user)
    other, about = await ledger.lines()
    assert "note" not in about.personal
    assert other.personal["note"] == "Adage"


@pytest.mark.req("P-06")
async def test_the_note_of_a_bulk_revocation_goes_with_that_of_the_job(ledger):
    job: UUID = uuid4()
    await heard(
        ledger, acted("bulk-revoke", target=job, note="gone"), acted("bulk-revoke", target=uuid4(), note="x")
    )
    await ledger.erase(Traces(user_id=ADA), jobs=[job])
    other, about = await ledger.lines()
    assert "note" not in about.personal
    assert other.personal["note"] == "x"


@pytest.mark.req("P-06")
@pytest.mark.parametrize("user_id", [ADA, ROOT])
async def test_the_note_of_a_held_session_goes_with_who_wrote_it_and_with_whom_it_names(ledger, user_id: str):
    """It lies under the key of whose session that is, who may be neither."""
    held = started("user-bob-1")
    note = f"offboarding: Ada Canary, {ADA} (bulk 0123456789ab)"
    fields: dict[str, Any] = {
        "session_id": held.session_id,
        "user_id": "user-bob-1",
        "by": ROOT,
        "note": note,
    }
    await heard(ledger, held, HeldBack(at=NOON, undo_for=timedelta(minutes=5), **fields))
    assert (await ledger.lines())[0].personal["note"] == note
    await ledger.erase(user_id)
    line, _ = await ledger.lines()
    assert "note" not in line.personal
    assert line.personal.get("by") == (ROOT if user_id == ADA else None)


@pytest.mark.req("P-06")
async def test_from_where_an_erased_administrator_acted_as_others_goes_with_them(ledger):
    """What happens in such a session is the user's, and lies under their key: browser and address are not."""
    mine, acted_in = started(ADA), started(ADA, ip="192.0.2.66")
    by: dict[str, Any] = {"by": ROOT, "parent_id": new_id(NOON, ROOT)}
    impersonated = Impersonated(at=NOON, session_id=acted_in.session_id, user_id=ADA, ip="192.0.2.66", **by)
    await heard(ledger, mine, acted_in, impersonated)
    await ledger.erase(ROOT)
    last, started_in, own = await ledger.lines()
    assert (last.personal, started_in.personal) == ({"user_id": ADA}, {"user_id": ADA})
    assert own.personal["ip"] == "192.0.2.1"


@pytest.mark.parametrize("word", ["", "a", "ada", "."])
def test_what_is_too_short_to_mean_anybody_names_nobody(word: str):
    assert not Traces(user_id="1", words=frozenset({word})).named_in(["ada 1 a.", None, ""])


@pytest.mark.parametrize(("text", "named"), [("from 192.0.2.10", False), ("192.0.2.1, again", True)])
def test_an_address_names_somebody_where_it_is_asked_for(text: str, named: bool):
    user = Traces(user_id=ADA, addresses=frozenset({"192.0.2.1"}))
    assert user.named_in([text], by_address=True) is named
    assert not user.named_in([text])
