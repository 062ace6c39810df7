"""What a search finds as a table for a spreadsheet, in which nothing is a formula."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from io import StringIO
from uuid import UUID

from sojourn.accounts import User
from sojourn.api.admin.base import account_for, line
from sojourn.api.admin.sessions import AdminRow, admin_row, people
from sojourn.api.admin.where import MEANINGS, asked, searched
from sojourn.api.redirects import address, see_other
from sojourn.api.routes import Call
from sojourn.errors import FreshnessRequired, Refusal
from sojourn.searching import Found, Search, Stopwatch, search
from sojourn.web import csrf
from sojourn.web.reply import Answer, problem

__all__ = ["ROUTES", "pages", "safe", "table"]

MOST = 10_000  # rows of one file
_PAGE = 250  # rows that are asked for, and written, at a time
_PATIENCE = 10.0  # seconds of all pages together

_COLUMNS = (
    *("id", "state", "user_id", "email", "name", "device", "kind", "ip", "city", "country"),
    *("created_at", "seen_at", "expires_at", "ends_at", "ended_at", "reason", "ended_by", "note"),
    *("application_id", "tenant_id", "impersonator_id"),
)


async def export_sessions(call: Call) -> Answer:
    """The sessions that a search finds, newest first, as CSV; at most 10,000.

    `x-complete: false`, and another name of the file: there are more; `x-next`: where they begin.
    """
    wanted = await searched(asked(call.query), call.visit.site.sessions, call.accounts)
    known: dict[str, User] = {}
    parts, count, found = [table((_COLUMNS,))], 0, Found(sessions=[], next=None)
    async for found in pages(call, wanted, after=call.after()):
        known |= await people(call.accounts, (s for s in found.sessions if s.user_id not in known))
        rows = (_cells(admin_row(call, session, known)) for session in found.sessions)
        parts.append(await asyncio.to_thread(table, rows))  # made there: others are answered meanwhile
        count += len(found.sessions)
    account_for(call, "export-sessions", count=count)
    return _file(b"".join(parts), whole=found.complete and found.next is None, following=found.next)


async def pages(
    call: Call, wanted: Search, *, after: UUID | None, stopwatch: Stopwatch = time.monotonic
) -> AsyncIterator[Found]:
    """One page of *wanted* after the other, up to `MOST` rows, or what there is time for."""
    sessions, left = call.visit.site.sessions, MOST
    end = stopwatch() + _PATIENCE
    while left > 0 and (patience := end - stopwatch()) > 0:
        found = await search(sessions, wanted, after=after, limit=min(_PAGE, left), within=patience)
        yield found
        after, left = found.next, left - len(found.sessions)
        if after is None:
            return


def _file(body: bytes, *, whole: bool, following: UUID | None) -> Answer:
    name = "sessions" if whole else "sessions-not-all"
    headers = [
        ("content-type", "text/csv; charset=utf-8"),
        ("content-disposition", f'attachment; filename="{name}.csv"'),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-complete", "true" if whole else "false"),
    ]
    return Answer(200, headers + ([("x-next", str(following))] if following else []), body)


def table(rows: Iterable[Sequence[str]]) -> bytes:
    """*rows* as lines in UTF-8 (RFC 4180)."""
    text = StringIO()
    csv.writer(text).writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def safe(cell: str) -> str:
    """*cell*, behind an apostrophe if a spreadsheet would take it for a formula (OWASP, CSV Injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def _cells(row: AdminRow) -> list[str]:
    values = (
        *(row.id, row.state, row.user_id, row.user and row.user.email, row.user and row.user.name),
        *(row.device.custom_name or row.device.name, row.device.kind, row.ip),
        *(row.place and row.place.city, row.place and row.place.country),
        *(row.created_at, row.seen_at, row.expires_at, row.ends_at, row.ended_at, row.reason, row.ended_by),
        *(row.note, row.application_id, row.tenant_id, row.impersonator_id),
    )
    return ["" if value is None else str(value) for value in values]


def _check_source(call: Call) -> None:
    """Refuse what another site's page opens: it reads nothing, but files and lines of the journal pile up."""
    visit = call.visit
    if visit.bearer is None:
        csrf.check("POST", visit.headers, origin=visit.site.origin, carries_cookie=False)


async def _refused(call: Call, refusal: Refusal) -> Answer:
    """Who follows a link proves who they are and comes back to it: a file is no page to be brought to.

    A link that only downloads would save the page of the proof under the file's name.
    """
    said, visit = problem(refusal, bearer=call.visit.bearer is not None), call.visit
    follows = visit.navigates and visit.headers.get("sec-fetch-dest") == "document"
    fresh = isinstance(refusal, FreshnessRequired)
    if not follows or not (fresh or said.status == 401):
        return said

    back = {name: call.query[name] for name in MEANINGS if call.query.get(name)} | {"done": "0-confirmed"}
    return see_other(
        address(call, "/confirm" if fresh else "/sign-in"), next=address(call, "/admin/sessions", back)
    )


ROUTES = (
    line(
        "GET",
        "/sessions.csv",
        export_sessions,
        "fresh admin",
        before=_check_source,
        refused=_refused,
        query={"after": "where to begin: `x-next` of the file before"} | MEANINGS,
        refusals=("not_found", "body_rejected", "csrf_failed"),
    ),
)
