"""What is kept, column by column: why, and for how long. A column without an entry fails the tests.

`python -m tests.cli.reference` writes docs/reference/personal-data.md from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

__all__ = ["INVENTORY", "KINDS", "Entry", "Kind", "entry"]

Kind = Literal["personal", "secret", "technical"]

KINDS: Mapping[Kind, str] = {
    "personal": "says something about a person, or can be linked to one: exported, and erased with them",
    "secret": "proves something, or opens it: it is in no export, and erased with them",
    "technical": "says nothing about a person",
}


class Entry(Struct, frozen=True):
    """`kept`: until when. `exported`: under which name, if it is in an export; "" if it is not."""

    kind: Kind
    why: str
    kept: str
    exported: str = ""


# Until when something is kept.
_RECORD = "90 days after the session ended"
_ACCOUNT = "until the account is deleted"
_CODE = "minutes"
_MESSAGE = "until it is delivered; then empty, and 7 days later gone"
_JOURNAL = "400 days"
_KEY = "until the user is erased, or the lines are forgotten"
_JOB = "90 days"
_ALERT = "as long as the journal"
_ADDRESS = "in full for 30 days of a session, cut after that (SOJOURN_KEEP_ADDRESSES); " + _RECORD
_JOB = "as long as the journal"
_GOOD = "for good"

# Why, which is also by what right: to provide the service that its user asked for (Art. 6(1)(b) GDPR), or to
# keep it secure, which is a legitimate interest (Art. 6(1)(f), recital 49).
_SERVE = "service: "
_SECURE = "security: "
_WORKS = "how it works"


def _of(kind: Kind, why: str, kept: str, **columns: str) -> dict[str, Entry]:
    """Entries of the same kind: name of the column -> name in an export."""
    return {name: Entry(kind, why, kept, exported) for name, exported in columns.items()}


def _same(kind: Kind, why: str, kept: str, *columns: str) -> dict[str, Entry]:
    """Entries of the same kind that are exported under their own names, if they are personal."""
    return {name: Entry(kind, why, kept, name if kind == "personal" else "") for name in columns}


_SESSIONS = {
    **_same(
        "personal", _SERVE + "whose session it is, and what its user sees of it", _RECORD, "id", "user_id"
    ),
    **_same("personal", _SERVE + "where they signed in to", _RECORD, "application_id", "tenant_id"),
    **_same("personal", _SERVE + "when it began, was used and ends", _RECORD, "created_at", "seen_at"),
    **_same("personal", _SERVE + "when it began, was used and ends", _RECORD, "expires_at", "ends_at"),
    **_same("personal", _SECURE + "how and when they proved who they are", _RECORD, "authenticated_at"),
    **_same("personal", _SECURE + "how and when they proved who they are", _RECORD, "amr", "aal"),
    **_same(
        "personal", _SECURE + "when and why it ended", _RECORD, "revoked_at", "reason", "revoked_by", "held"
    ),
    **_same("personal", _SECURE + "to tell devices apart, and show them to their user", _RECORD, "device"),
    **_of("personal", _SECURE + "the same browser again, by a keyed hash", _RECORD, device_id="device"),
    **_same("personal", _SECURE + "about where it was used, to show its user", _RECORD, "place"),
    **_same("personal", _SECURE + "to notice and look into misuse", _ADDRESS, "ip"),
    **_same("personal", _SERVE + "what they chose", _RECORD, "remember", "idle_timeout", "profile"),
    **_same("personal", _SERVE + "what the application keeps with it", _RECORD, "data"),
    **_of(
        "personal", _SECURE + "that an administrator acted as them", _RECORD, impersonator_id="impersonated"
    ),
    **_of("personal", _SECURE + "that an administrator acted as them", _RECORD, parent_id="impersonated"),
    **_of("personal", _SECURE + "why it was ended; for administrators alone", _RECORD, note=""),
    **_same("secret", _SECURE + "what tokens are derived from", _RECORD, "salt", "generation", "key_id"),
    **_same(
        "technical", _WORKS, _RECORD, "rotated_at", "confirmed_at", "forgiven_at", "renew_due", "version"
    ),
    **_same("technical", _WORKS, _RECORD, "void_below", "due", "parent_version"),
}
_USERS = {
    **_same("personal", _SERVE + "who signs in", _ACCOUNT, "id", "email", "name", "image"),
    **_same("personal", _SERVE + "who signs in", _ACCOUNT, "role", "idle_timeout", "email_verified_at"),
    **_same("personal", _SECURE + "since when, and whether they may", _ACCOUNT, "created_at", "updated_at"),
    **_same(
        "personal", _SECURE + "since when, and whether they may", _ACCOUNT, "disabled_at", "disabled_until"
    ),
    **_of("personal", _SECURE + "why they may not; for administrators alone", _ACCOUNT, disabled_note=""),
    **_of("personal", _SERVE + "address and name once more, to be searched", _ACCOUNT, search=""),
    **_same("personal", _SECURE + "how often the account changed", _ACCOUNT, "credentials_version"),
}
_ACCOUNTS = {
    **_same("personal", _SERVE + "by what they sign in", _ACCOUNT, "user_id", "type", "provider", "scope"),
    **_same("personal", _SERVE + "by what they sign in", _ACCOUNT, "provider_account_id", "token_type"),
    **_same("personal", _SERVE + "by what they sign in", _ACCOUNT, "expires_at", "created_at", "updated_at"),
    **_same(
        "secret", _SERVE + "sealed under a server key", _ACCOUNT, "refresh_token", "access_token", "id_token"
    ),
    **_same("secret", _SERVE + "what proves it", _ACCOUNT, "session_state", "password_hash"),
}
_RATE_LIMITS = {
    **_same("technical", _SECURE + "a keyed hash, which says nothing without the key", "hours", "key"),
    **_same("technical", _SECURE + "when that may try again", "hours", "due_at"),
}
_CODES = {
    **_of("personal", _SERVE + "what a user agreed to", _CODE, payload="authorization_codes"),
    **_same(
        "technical",
        _SERVE + "a digest, and what became of it",
        _CODE,
        "digest",
        "application_id",
        "expires_at",
    ),
    **_same(
        "technical",
        _SERVE + "a digest, and what became of it",
        _CODE,
        "redeemed_at",
        "reused_at",
        "session_id",
    ),
}
_OUTBOX = {
    **_of("personal", _SERVE + "what an application, an operator or a user is to be told", _MESSAGE, body=""),
    **_same("technical", _WORKS, _MESSAGE, "id", "kind", "target", "created_at", "due_at", "attempts"),
    **_same("technical", _WORKS, _MESSAGE, "last_error", "done_at", "dead_at"),
}
_LINES = {
    **_of("personal", _SECURE + "which session; its record says whose", _JOURNAL, session_id="session_id"),
    **_of(
        "personal", _SECURE + "a random pseudonym; nobody's once the key is gone", _JOURNAL, person="personal"
    ),
    **_of(
        "personal",
        _SECURE + "encrypted under a key of its user",
        "30 days (SOJOURN_KEEP_PERSONAL)",
        personal="personal",
    ),
    **_of(
        "personal",
        _SECURE + "what happened; who is named, by pseudonyms",
        _JOURNAL,
        facts="facts",
        name="name",
        at="at",
    ),
    **_same(
        "technical",
        _SECURE + "that nobody altered it",
        _JOURNAL,
        "place",
        "chain",
        "number",
        "digest",
        "hash",
    ),
}
_PEOPLE = {
    **_of("personal", _SECURE + "whose lines those are", _KEY, user_id="user_id"),
    **_same("secret", _SECURE + "the key under which they lie, wrapped", _KEY, "pseudonym", "key", "key_id"),
    **_same("technical", _WORKS, _KEY, "since"),
}
_ALERTS = {
    **_same(
        "personal", _SECURE + "what was noticed about an account", _ALERT, "user_id", "session_id", "title"
    ),
    **_same(
        "personal", _SECURE + "what was noticed about an account", _ALERT, "factors", "key", "rule", "count"
    ),
    **_same("personal", _SECURE + "what was noticed about an account", _ALERT, "id", "severity"),
    **_same("personal", _SECURE + "what was noticed about an account", _ALERT, "opened_at", "last_at"),
    **_same("personal", _SECURE + "what became of it", _ALERT, "acknowledged_at", "resolved_at"),
    **_same("technical", _WORKS, _ALERT, "told_at"),
    **_of(
        "personal", _SECURE + "which administrator dealt with it", _ALERT, acknowledged_by="", resolved_by=""
    ),
}


_JOBS = {
    **_of(
        "personal",
        _SECURE + "which administrator did it, and why",
        _JOB,
        by="",
        by_session="",
        note="",
        own="",
    ),
    **_of("personal", _SECURE + "which sessions were meant", _JOB, asked="", sample="", cursor=""),
    **_of("personal", _SECURE + "which sessions were meant", "until the job is over", wanted=""),
    **_same("technical", _SECURE + "what was revoked", _JOB, "id", "state", "expected", "done", "skipped"),
    **_same("technical", _SECURE + "what was revoked", _JOB, "created_at", "started_at", "over_at"),
    **_same("technical", _SECURE + "what was revoked", _JOB, "reason", "undo_for", "undo_until", "error"),
    **_same("technical", _WORKS, _JOB, "spares_administrators", "found"),
}
_TARGETS = {
    **_of("personal", _SECURE + "which session; its record says whose", "until the job is over", session=""),
    **_same("technical", _WORKS, "until the job is over", "job", "state"),
}


def _technical(why: str, kept: str, *columns: str) -> dict[str, Entry]:
    return _same("technical", why, kept, *columns)


INVENTORY: Mapping[str, Mapping[str, Entry]] = {
    "sessions": _SESSIONS,
    "users": _USERS,
    "accounts": _ACCOUNTS,
    "rate_limits": _RATE_LIMITS,
    "authorization_codes": _CODES,
    "outbox": _OUTBOX,
    "lines": _LINES,
    "people": _PEOPLE,
    "alerts": _ALERTS,
    "jobs": _JOBS,
    "job_targets": _TARGETS,
    "applications": {
        **_technical(
            "which services may ask", _GOOD, "id", "name", "redirect_uris", "post_logout_redirect_uris"
        ),
        **_technical(
            "which services may ask", _GOOD, "back_channel_logout_uri", "back_channel_session_required"
        ),
        **_technical("which services may ask", _GOOD, "grants", "scopes", "algorithm", "access_ttl", "rules"),
        **_technical("which services may ask", _GOOD, "created_at", "disabled_at", "previous_until"),
        **_same("secret", "of a service, and nobody's", _GOOD, "secret_hash", "previous_secret_hash"),
    },
    "tenants": _technical(
        "whose people sign in here", _GOOD, "id", "slug", "name", "status", "rules", "created_at"
    ),
    "bookmarks": _technical(_WORKS, _GOOD, "name", "place"),
    "sojourn_log": _technical(
        "that other processes learn of endings",
        "an hour",
        "number",
        "session_id",
        "version",
        "revoked_at",
        "reason",
        "written_at",
    ),
    "sojourn_log_epoch": _technical(_WORKS, _GOOD, "epoch"),
    "sojourn_counts": _technical("how many there are", _GOOD, "signed_in", "sessions"),
    "sojourn_leases": _technical("which process leads", "seconds", "name", "holder", "until"),
    "chains": _technical("that nobody altered the journal", _JOURNAL, "chain", "writer", "number", "hash"),
    "people_changes": _technical("to read people again when they changed", _JOURNAL, "number"),
    "spans": _technical("to find lines by time", _JOURNAL, "hour", "first", "last"),
    "seals": _technical(
        "that nobody altered the journal",
        _JOURNAL,
        "id",
        "at",
        "place",
        "kind",
        "heads",
        "oldest",
        "before",
        "key_id",
        "mac",
    ),
    "tallies": _technical("counts", _JOURNAL, "step", "metric", "at", "label", "count", "total"),
    "totals": _technical("counts", _GOOD, "metric", "label", "count", "total"),
    "reports": _technical("how processes are doing", "an hour", "process", "at", "said"),
    "alert_cursors": _technical(_WORKS, _GOOD, "name", "place"),
}


def entry(table: str, column: str) -> Entry | None:
    """What is said about a column; None: nothing yet."""
    return INVENTORY.get(table, {}).get(column)
