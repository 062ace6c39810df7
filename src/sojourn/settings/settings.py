"""Everything that an operator may set, and what of it cannot go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from sojourn.access import LONGEST
from sojourn.accounts.limits import Rate, Rates
from sojourn.errors import SettingsError
from sojourn.policy import AtCap, Binding, Carried, KeptAs, Policy, WhenAway
from sojourn.rules import Rulebook, parsed, room
from sojourn.session import Discreet
from sojourn.settings.origin import origin_of
from sojourn.settings_text import without_password
from sojourn.web.carrier import is_loopback

if TYPE_CHECKING:
    from sojourn.accounts.oidc.providers import Provider
    from sojourn.observe.alerts.alert import Severity
    from sojourn.observe.alerts.window import AlertRules
    from sojourn.observe.notices.mail import Relay
    from sojourn.observe.notices.webhooks import Hook

__all__ = ["PRESETS", "RULES", "Settings"]

Preset = Literal["consumer", "workforce", "high", "bank"]

_BOTH = ("sqlite:", "memory:")  # stores that keep users as well as sessions

PRESETS: dict[str, Callable[..., Policy]] = {
    "consumer": Policy,
    "workforce": Policy.workforce,
    "high": Policy.high,
    "bank": Policy.bank,
}
RULES = (
    "lifetime",
    "idle_timeout",
    "activity_every",
    "touch_every",
    "rotate_every",
    "fresh_for",
    "max_sessions",
    "cache_for",
    "cookie_cache",
    "cookie_cache_form",
    "cached_data",
    "max_staleness",
    "poll_every",
    "flush_every",
    "when_away",
    "at_cap",
    "grace",
    "lost_answer",
    "undo_for",
    "quarantine_for",
    "impersonate_for",
    "binding",
    "addresses",
    "keep_addresses",
)


class Settings(Discreet, frozen=True, kw_only=True):
    """Everything that an operator may set. A combination that cannot work is refused on creation.

    The rules of the policy are what was set over its preset: `policy()` puts the two together.
    """

    store: str = "sqlite:///sojourn.db"
    accounts: str = ""  # empty: where the sessions are, if users can be kept there
    journal: str = ""  # empty: a file beside the accounts'
    keep_journal: timedelta | None = timedelta(days=400)
    keep_personal: timedelta | None = timedelta(days=30)
    metrics: str = "local"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    worker: bool = True
    origin: str = ""  # empty: `http://host:port`, if the host is loopback
    prefix: str = ""
    keys_file: Path = Path("sojourn.keys")
    keys: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    delivery_networks: tuple[str, ...] = ()
    development: bool = False
    sign_up: bool = True
    access_ttl: timedelta = timedelta(minutes=5)
    authvital: bool = True
    authjs: Literal["off", "v4", "v5"] = "off"
    better_auth: bool = False
    better_auth_bearer: bool = True
    better_auth_defer: bool = False
    multi_session: bool = False
    session_fields: tuple[str, ...] = ()
    attempts_per_address: int | None = None  # None: 30, or 1000 where only this machine comes
    streams_per_user: int = 20
    streams_per_address: int = 1_000
    providers: Mapping[str, Provider] = {}

    smtp: Relay | None = None
    mail_from: str = ""  # empty: sojourn@ the host of the origin
    mail_language: str = "en"
    new_device_notice: bool = True
    alerts_to: tuple[str, ...] = ()
    alerts_least: Severity = "medium"
    alerts_off: tuple[str, ...] = ()
    alerts_rules: Mapping[str, str] = {}
    alerts_networks: tuple[str, ...] = ()
    webhooks: Mapping[str, Hook] = {}
    webhook_events: tuple[str, ...] = ()

    preset: Preset = "consumer"
    lifetime: timedelta | UnsetType = UNSET
    idle_timeout: timedelta | UnsetType | None = UNSET
    activity_every: timedelta | UnsetType = UNSET
    touch_every: timedelta | UnsetType = UNSET
    rotate_every: timedelta | UnsetType | None = UNSET
    fresh_for: timedelta | UnsetType = UNSET
    max_sessions: int | UnsetType | None = UNSET
    cache_for: timedelta | UnsetType = UNSET
    cookie_cache: timedelta | UnsetType | None = UNSET
    cookie_cache_form: Carried | UnsetType = UNSET
    cached_data: tuple[str, ...] | UnsetType = UNSET
    max_staleness: timedelta | UnsetType = UNSET
    poll_every: timedelta | UnsetType = UNSET
    flush_every: timedelta | UnsetType = UNSET
    when_away: WhenAway | UnsetType = UNSET
    at_cap: AtCap | UnsetType = UNSET
    grace: timedelta | UnsetType = UNSET
    lost_answer: timedelta | UnsetType = UNSET
    undo_for: timedelta | UnsetType = UNSET
    quarantine_for: timedelta | UnsetType = UNSET
    impersonate_for: timedelta | UnsetType = UNSET
    binding: Binding | UnsetType = UNSET
    addresses: KeptAs | UnsetType = UNSET
    keep_addresses: timedelta | UnsetType | None = UNSET
    remembered: Mapping[str, str] = {}  # rules of sessions with `remember`
    profiles: Mapping[str, Mapping[str, str]] = {}  # rules by the name of a role

    places: Path | None = None
    places_from: str = ""  # empty: nobody is asked
    places_redirects: tuple[str, ...] = ()
    geo_api_key: str | None = None
    country_header: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        if not self.accounts and self.store.startswith(_BOTH):
            force_setattr(self, "accounts", self.store)
        if not self.journal:
            force_setattr(self, "journal", _with(self.store) or _beside(self.accounts))
        origin = origin_of(self.origin, host=self.host, port=self.port, development=self.development)
        force_setattr(self, "origin", origin)
        if not timedelta(seconds=1) <= self.access_ttl <= LONGEST:
            raise SettingsError("SOJOURN_ACCESS_TTL must be between 1 second and 1 hour; a usual value is 5m")
        _check_plain(self.providers.values(), development=self.development)
        if self.alerts_to and self.smtp is None:
            raise SettingsError(
                "SOJOURN_ALERTS_TO has nobody to hand mail to; set SOJOURN_SMTP to smtp://user:password@host:587"
            )
        if self.workers > 1 and (lost := _lost(self.store, self.accounts, self.journal)):
            raise SettingsError(
                f"{lost} lives in one process, so {self.workers} workers would each have their own; "
                "set SOJOURN_WORKERS to 1, or SOJOURN_STORE to a file such as sqlite:///sojourn.db"
            )

    def __repr__(self) -> str:
        return f"<Settings of {self.origin}, {without_password(self.store)}>"

    @property
    def https(self) -> bool:
        """Whether people come by https, to this process or to the proxy before it."""
        return self.origin.startswith("https:")

    def policy(self) -> Policy:
        """The preset with what was set; other rules give way where what was set leaves them no room.

        `INACTIVITY_TIMEOUT_MINUTES=2` alone, for example, makes clients report activity every minute.
        """
        given = {name: value for name in RULES if (value := getattr(self, name)) is not UNSET}
        preset = PRESETS[self.preset]
        policy = preset(**room(preset(), given) | given)
        if not self.profiles and not self.remembered:
            return policy
        profiles = {name: parsed(rules) for name, rules in self.profiles.items()}
        return policy.changed(exceptions=Rulebook(profiles=profiles, remembered=parsed(self.remembered)))

    def alert_rules(self) -> AlertRules:
        """When something about sessions is unusual."""
        from sojourn.observe.alerts.window import changed  # late: commands need none of it

        return changed(self.alerts_rules, off=self.alerts_off, known_networks=self.alerts_networks)

    def rates(self) -> Rates:
        """What signing in may cost. Where the origin is this machine's, all come from one address."""
        usual = Rates().address
        at_once = 1_000 if is_loopback(urlsplit(self.origin).hostname or "") else usual.burst
        return Rates(address=Rate(self.attempts_per_address or at_once, usual.every))

    def learning_policy(self) -> Policy:
        """The same, ready to learn the rules of applications and tenants; clients see what they may set."""
        policy = self.policy()
        policy = policy.changed(cached_data=tuple(dict.fromkeys(policy.cached_data + self.session_fields)))
        return policy if policy.exceptions else policy.changed(exceptions=Rulebook())


def _check_plain(providers: Iterable[Provider], *, development: bool) -> None:
    for provider in providers:
        local = is_loopback(urlsplit(provider.issuer).hostname or "")
        if provider.plain and not local and not development:
            raise SettingsError(
                f"SOJOURN_PROVIDERS: the issuer of {provider.id} is plain http, so anybody on the way could "
                "sign in as anybody; use https://"
            )


def _lost(*urls: str) -> str | None:
    """The first of *urls* that lives in one process alone."""
    return next((url for url in urls if _in_memory(url)), None)


def _in_memory(url: str) -> bool:
    return url.startswith("memory:") or url.endswith(":memory:")


def _with(store: str) -> str | None:
    """Where the journal is, if several machines have to share one: with their sessions."""
    return store if store.lower().startswith(("postgresql:", "postgres:")) else None


def _beside(accounts: str) -> str:
    """Where the journal is else: a file of its own, so that its writes hold nobody up.

    Not `<name>-journal`: that is what SQLite calls a file of its own.
    """
    if _in_memory(accounts):
        return accounts
    path = Path(accounts.removeprefix("sqlite:///"))
    if not accounts.startswith("sqlite:///") or not path.name:
        return "off"  # nobody can have accounts there, and whoever opens them is told so
    suffix = path.suffix or ".db"
    return f"sqlite:///{path.with_name(path.stem + '-journal' + suffix)}"
