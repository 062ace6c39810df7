"""`sojourn policy simulate`: what other rules would have done to the sessions in the journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from sojourn import settings_text as read
from sojourn.cli.journal.reading import every, ledger_in
from sojourn.cli.opened import Opened, opened
from sojourn.cli.options import Accounts, JournalAt, Json, KeysFile
from sojourn.cli.output import print_json, print_table, progress
from sojourn.errors import SettingsError
from sojourn.observe.journal.line import Filter
from sojourn.observe.simulate import NAMES, Counts, Effect, Life, lives
from sojourn.observe.simulate import simulate as simulated
from sojourn.policy import Policy
from sojourn.rules import RULES
from sojourn.settings import load

__all__ = ["simulate"]

_COLUMNS = ("cohort", "", "sessions", "ended earlier", "in use", "challenged")


async def simulate(
    *,
    preset: Annotated[
        str | None, Parameter(help="The rules of this preset: consumer, workforce, high or bank.")
    ] = None,
    set: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="One other rule, such as idle_timeout=15m; can be repeated."),
    ] = (),
    since: Annotated[str, Parameter(help="How far back, such as 7d.")] = "7d",
    json: Json = False,
    accounts: Accounts = None,
    journal: JournalAt = None,
    keys_file: KeysFile = None,
) -> None:
    """Say how many sessions a policy would have ended earlier, or challenged. Nothing is changed.

    What is set otherwise, such as SOJOURN_LIFETIME, stays set; so do rules of applications and tenants.
    """
    arguments: dict[str, str | None] = {"accounts": accounts, "journal": journal, "keys_file": keys_file}
    rules = _rules(set)
    if preset is None and not rules:
        raise SettingsError("say what is to be tried: --preset bank, or --set idle_timeout=15m")
    proposed = load({**arguments, "preset": preset, **rules}).settings.learning_policy()
    async with opened(arguments, users=False) as found:
        await found.directory.learn()
        recorded = found.sessions.policy
        until = found.sessions.clock()
        begins = until - _span(since)
        with progress("Reading the journal:") as tell:
            known = await _known(found, begins, tell)
        same = proposed.changed(exceptions=recorded.exceptions)
        effect = simulated(known, proposed=same, recorded=recorded, since=begins, until=until)
        if json:
            print_json(effect)
        else:
            _print(effect, _changes(recorded, same))


def _rules(given: tuple[str, ...]) -> dict[str, str]:
    try:
        rules = {name: value for text in given for name, value in read.rules(text).items()}
    except ValueError as error:
        raise SettingsError(f"--set: {error}") from None
    rules = {name.replace("-", "_"): value for name, value in rules.items()}
    if unknown := rules.keys() - (RULES.keys() - {"visitor_lifetime"}):
        raise SettingsError(f"--set: there is no rule {min(unknown)}; rules are {', '.join(RULES)}")
    return rules


def _span(text: str) -> timedelta:
    try:
        return read.span(text)
    except ValueError as error:
        raise SettingsError(f"--since is {text!r}; {error}") from None


async def _known(found: Opened, since: datetime, tell: Callable[[str], None]) -> dict[UUID, Life]:
    known: dict[UUID, Life] = {}
    count = 0
    async for page in every(ledger_in(found), Filter(since=since)):
        lives((line for line in page if line.name in NAMES), into=known)
        count += len(page)
        tell(f"{count:,} lines, {len(known):,} sessions")
    return known


def _changes(recorded: Policy, proposed: Policy) -> list[str]:
    """Which rules are others, before and after."""
    fields = [name for name in RULES if getattr(recorded, name) != getattr(proposed, name)]
    return [
        f"{name}: {read.spelled(getattr(recorded, name))} -> {read.spelled(getattr(proposed, name))}"
        for name in fields
    ]


def _print(effect: Effect, changes: list[str]) -> None:
    print("\n".join(changes or ["No rule would be another one."]))
    print()
    rows = [_row("all", "", effect.all)]
    for cohort, parts in effect.by.items():
        ordered = sorted(parts.items(), key=lambda part: (-part[1].sessions, part[0]))
        rows += [_row(cohort, value, counts) for value, counts in ordered] if len(parts) > 1 else []
    print_table(_COLUMNS, rows)
    if effect.why:
        ended = ", ".join(f"{why} {count:,}" for why, count in sorted(effect.why.items()))
        print(f"\nEnded earlier by: {ended}.")
    print("\nWhat this does not know:")
    for said in effect.assumptions:
        print(f"- {said}")


def _row(cohort: str, value: str, counts: Counts) -> tuple[str, ...]:
    numbers = (counts.sessions, counts.ended, counts.noticed, counts.challenged)
    return (cohort, value, *(f"{number:,}" for number in numbers))
