"""`sojourn journal verify`: whether the journal is what was written."""

from __future__ import annotations

import logging
from typing import Annotated

from cyclopts import Parameter

from sojourn.cli.journal.reading import ledger_in
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, Flag, JournalAt, Json, KeysFile
from sojourn.cli.output import print_json, print_table, progress
from sojourn.errors import SettingsError
from sojourn.events import AdminActed
from sojourn.observe.journal.noted import Notes
from sojourn.observe.journal.verifying import Report
from sojourn.observe.ledger import Ledger

__all__ = ["verify"]

_log = logging.getLogger("sojourn.journal")
_SHOWN = 50  # faults in a table; JSON has them all


async def verify(
    *,
    noted: Annotated[
        str | None,
        Parameter(
            help="A seal that was noted elsewhere, as this command prints it: it must still be there, "
            "and nothing is asked about the one that the worker has noted."
        ),
    ] = None,
    restored: Annotated[
        bool,
        Flag,
        Parameter(
            help="The journal was restored from a backup, or begun anew: from now on its last seal is the "
            "one to be there."
        ),
    ] = False,
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
    keys_file: KeysFile = None,
) -> int:
    """Read the whole journal and say where it is not what was written. The exit code is 1 then.

    Lines that were altered, deleted, put in or moved are found, also by whoever may write the file but has
    not the server keys. What came after the last seal is not vouched for yet. Who takes the end off, with
    its seals, is noticed by the seal that the worker has noted beside the accounts, or that you give.
    """
    if restored and noted is not None:
        raise SettingsError("--restored has another seal noted from now on; leave out --noted")
    arguments = {"accounts": accounts, "journal": journal, "keys_file": keys_file}
    async with opened(arguments, users=False, tokens=True) as found:
        ledger = ledger_in(found)
        with progress("Reading the journal …") as tell:
            report = await ledger.verify(lambda lines: tell(f"{lines} lines"))
        if restored and report.ok:
            await _anew(found, ledger)
        wanted = await _last_noted(found) if noted is None else _noted(noted)
        there = None if wanted is None else await ledger.has_seal(*wanted)
    if json:
        print_json(_fields(report) | ({} if there is None else {"noted": there}))
    else:
        _print(report, wanted, there=there)
    return 0 if report.ok and there is not False else 1


async def _last_noted(found: Opened) -> tuple[int, bytes] | None:
    """The seal that the worker has noted beside the accounts. None too where there are no accounts."""
    store = found.directory.store
    faults: tuple[type[Exception], ...] = (*store.faults, SettingsError)
    try:
        note = await Notes(store).read()
    except faults as fault:
        _log.warning("the seal that was noted beside the accounts cannot be read: %s", fault)
        return None
    return None if note is None else (note.id, note.mac)


async def _anew(found: Opened, ledger: Ledger) -> None:
    """Note the last seal as it is now, whatever was noted; and that somebody has."""
    notes, last = Notes(found.directory.store), await ledger.last_seal()
    await (notes.forget() if last is None else notes.write(last, anew=True))
    at = found.sessions.clock()
    found.sessions.emit(AdminActed(at=at, act="journal-restored", by="command line"))


def _noted(text: str) -> tuple[int, bytes]:
    number, _, mark = text.partition(":")
    try:
        return int(number), bytes.fromhex(mark)
    except ValueError:
        raise SettingsError(f"{text!r} is no seal; give it as `sojourn journal verify` prints it") from None


def _fields(report: Report) -> dict[str, object]:
    fields = {name: getattr(report, name) for name in Report.__struct_fields__}
    fields["mac"] = None if report.mac is None else report.mac.hex()
    return {"ok": report.ok} | fields


def _print(report: Report, wanted: tuple[int, bytes] | None, *, there: bool | None) -> None:
    print(
        f"{report.lines} lines in {report.chains} chains, {report.seals} seals; "
        f"{report.unsealed} lines after the last seal."
    )
    if report.last_seal is not None and report.mac is not None:
        print(
            f"The last seal is {report.last_seal}:{report.mac.hex()}, "
            f"of {report.sealed_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if report.closed:
        print(f"Of {report.closed} lines the personal fields cannot be checked: their key is gone.")
    if wanted is None:
        print("No seal was noted beside the accounts: nobody can say whether the end was taken off.")
    elif not there:
        print(
            f"The seal {wanted[0]}:{wanted[1].hex()} is not there: the end of the journal was taken off, "
            "or all of it replaced. If you have restored a backup, run this once with --restored."
        )
    if report.ok:
        print("What is there is as it was written." if there is False else "Everything is as it was written.")
        return
    print(f"{len(report.faults)} faults:")
    rows = [
        (str(fault.place or "-"), fault.writer or "-", str(fault.number or "-"), fault.what)
        for fault in report.faults[:_SHOWN]
    ]
    print_table(("place", "chain", "number", "what"), rows)
