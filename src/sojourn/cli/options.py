"""Options that are settings: their names, variables and defaults come from the table of settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from sojourn.settings import FIELDS

__all__ = [
    "Accounts",
    "Flag",
    "JournalAt",
    "Json",
    "KeysFile",
    "Limit",
    "LogLevel",
    "Places",
    "Serving",
    "Store",
    "Yes",
    "option",
]

_TABLE = {field.name: field for field in FIELDS}


def option(name: str) -> Parameter:
    """The setting *name* as an option. Its value stays text: the table reads it, as it reads a variable."""
    field = _TABLE[name]
    variables = f"{field.env}, {field.alias}" if field.alias else field.env
    return Parameter(
        name=field.option,
        help=f"{field.help} [env: {variables}] [default: {field.default}]",
        show_default=False,
    )


Store = Annotated[str | None, option("store")]
Accounts = Annotated[str | None, option("accounts")]
KeysFile = Annotated[str | None, option("keys_file")]
JournalAt = Annotated[str | None, option("journal")]
Places = Annotated[str | None, option("places")]
LogLevel = Annotated[str | None, option("log_level")]

Flag = Parameter(negative="", show_default=False)
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON.")]
Yes = Annotated[bool, Parameter(negative="", show_default=False, help="Do not ask.")]
Limit = Annotated[int, Parameter(help="At most so many.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Serving:
    """The settings of `serve`. Not among them are secrets: everybody on the machine sees a command line."""

    store: Store = None
    accounts: Accounts = None
    journal: JournalAt = None
    keep_journal: Annotated[str | None, option("keep_journal")] = None
    keep_personal: Annotated[str | None, option("keep_personal")] = None
    host: Annotated[str | None, option("host")] = None
    port: Annotated[str | None, option("port")] = None
    workers: Annotated[str | None, option("workers")] = None
    worker: Annotated[bool | None, option("worker")] = None
    origin: Annotated[str | None, option("origin")] = None
    prefix: Annotated[str | None, option("prefix")] = None
    keys_file: KeysFile = None
    trusted_proxies: Annotated[str | None, option("trusted_proxies")] = None
    delivery_networks: Annotated[str | None, option("delivery_networks")] = None
    development: Annotated[bool | None, option("development")] = None
    sign_up: Annotated[bool | None, option("sign_up")] = None
    access_ttl: Annotated[str | None, option("access_ttl")] = None
    authvital: Annotated[bool | None, option("authvital")] = None
    authjs: Annotated[str | None, option("authjs")] = None
    better_auth: Annotated[bool | None, option("better_auth")] = None
    better_auth_bearer: Annotated[bool | None, option("better_auth_bearer")] = None
    better_auth_defer: Annotated[bool | None, option("better_auth_defer")] = None
    multi_session: Annotated[bool | None, option("multi_session")] = None
    session_fields: Annotated[str | None, option("session_fields")] = None
    attempts_per_address: Annotated[str | None, option("attempts_per_address")] = None
    streams_per_user: Annotated[str | None, option("streams_per_user")] = None
    streams_per_address: Annotated[str | None, option("streams_per_address")] = None
    mail_from: Annotated[str | None, option("mail_from")] = None
    mail_language: Annotated[str | None, option("mail_language")] = None
    new_device_notice: Annotated[bool | None, option("new_device_notice")] = None
    alerts_to: Annotated[str | None, option("alerts_to")] = None
    alerts_least: Annotated[str | None, option("alerts_least")] = None
    alerts_off: Annotated[str | None, option("alerts_off")] = None
    alerts_rules: Annotated[str | None, option("alerts_rules")] = None
    alerts_networks: Annotated[str | None, option("alerts_networks")] = None
    webhook_events: Annotated[str | None, option("webhook_events")] = None
    preset: Annotated[str | None, option("preset")] = None
    lifetime: Annotated[str | None, option("lifetime")] = None
    idle_timeout: Annotated[str | None, option("idle_timeout")] = None
    activity_every: Annotated[str | None, option("activity_every")] = None
    touch_every: Annotated[str | None, option("touch_every")] = None
    rotate_every: Annotated[str | None, option("rotate_every")] = None
    fresh_for: Annotated[str | None, option("fresh_for")] = None
    undo_for: Annotated[str | None, option("undo_for")] = None
    quarantine_for: Annotated[str | None, option("quarantine_for")] = None
    impersonate_for: Annotated[str | None, option("impersonate_for")] = None
    binding: Annotated[str | None, option("binding")] = None
    addresses: Annotated[str | None, option("addresses")] = None
    keep_addresses: Annotated[str | None, option("keep_addresses")] = None
    places: Places = None
    country_header: Annotated[str | None, option("country_header")] = None
    max_sessions: Annotated[str | None, option("max_sessions")] = None
    cache_for: Annotated[str | None, option("cache_for")] = None
    cookie_cache: Annotated[str | None, option("cookie_cache")] = None
    cookie_cache_form: Annotated[str | None, option("cookie_cache_form")] = None
    cached_data: Annotated[str | None, option("cached_data")] = None
    max_staleness: Annotated[str | None, option("max_staleness")] = None
    poll_every: Annotated[str | None, option("poll_every")] = None
    flush_every: Annotated[str | None, option("flush_every")] = None
    when_away: Annotated[str | None, option("when_away")] = None
    grace: Annotated[str | None, option("grace")] = None
    lost_answer: Annotated[str | None, option("lost_answer")] = None
    at_cap: Annotated[str | None, option("at_cap")] = None
    remembered: Annotated[str | None, option("remembered")] = None
    profiles: Annotated[str | None, option("profiles")] = None
    log_level: LogLevel = None

    def given(self) -> dict[str, Any]:
        """By name; None for what was not."""
        return asdict(self)
