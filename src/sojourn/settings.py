"""What an operator sets: one table of fields, and each value with the place that it came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import force_setattr

from sojourn import settings_text as read
from sojourn.access import LONGEST
from sojourn.accounts.limits import Rate, Rates
from sojourn.errors import SettingsError
from sojourn.policy import AtCap, Carried, Policy, WhenAway
from sojourn.rules import Rulebook, parsed, room
from sojourn.session import Discreet
from sojourn.settings_origin import origin_of
from sojourn.settings_text import spelled, without_password
from sojourn.web.carrier import is_loopback

if TYPE_CHECKING:
    from sojourn.accounts.oidc.providers import Provider

__all__ = ["FIELDS", "Field", "Loaded", "Row", "Settings", "load"]

Preset = Literal["consumer", "workforce", "high", "bank"]

_BOTH = ("sqlite:", "memory:")  # stores that keep users as well as sessions

_PRESETS: dict[str, Callable[..., Policy]] = {
    "consumer": Policy,
    "workforce": Policy.workforce,
    "high": Policy.high,
    "bank": Policy.bank,
}
_RULES = (
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
    "impersonate_for",
)


class Settings(Discreet, frozen=True, kw_only=True):
    """Everything that an operator may set. A combination that cannot work is refused on creation.

    The rules of the policy are what was set over its preset: `policy()` puts the two together.
    """

    store: str = "sqlite:///sojourn.db"
    accounts: str = ""  # empty: where the sessions are, if users can be kept there
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    worker: bool = True
    origin: str = ""  # empty: `http://host:port`, if the host is loopback
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
    providers: Mapping[str, Provider] = {}

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
    impersonate_for: timedelta | UnsetType = UNSET
    remembered: Mapping[str, str] = {}  # rules of sessions with `remember`
    profiles: Mapping[str, Mapping[str, str]] = {}  # rules by the name of a role

    geo_api_key: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        if not self.accounts and self.store.startswith(_BOTH):
            force_setattr(self, "accounts", self.store)
        origin = origin_of(self.origin, host=self.host, port=self.port, development=self.development)
        force_setattr(self, "origin", origin)
        if not timedelta(seconds=1) <= self.access_ttl <= LONGEST:
            raise SettingsError("SOJOURN_ACCESS_TTL must be between 1 second and 1 hour; a usual value is 5m")
        _check_plain(self.providers.values(), development=self.development)
        if self.workers > 1 and (lost := _in_memory(self.store) or _in_memory(self.accounts)):
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
        given = {name: value for name in _RULES if (value := getattr(self, name)) is not UNSET}
        preset = _PRESETS[self.preset]
        policy = preset(**room(preset(), given) | given)
        if not self.profiles and not self.remembered:
            return policy
        profiles = {name: parsed(rules) for name, rules in self.profiles.items()}
        return policy.changed(exceptions=Rulebook(profiles=profiles, remembered=parsed(self.remembered)))

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


def _in_memory(url: str) -> str | None:
    return url if url.startswith("memory:") or url.endswith(":memory:") else None


# ── the table ─────────────────────────────────────────────────────────────────────────────────


class Field(Struct, frozen=True, kw_only=True):
    """One row of the table: how a setting is called, read and explained. `unset`: its default, in words."""

    name: str
    env: str
    parse: Callable[[str], Any]
    help: str
    unset: str | None = None
    alias: str | None = None  # an older name, which the first one overrides
    parse_alias: Callable[[str], Any] | None = None
    secret: bool = False

    @property
    def option(self) -> str:
        """As an argument: `SOJOURN_KEYS_FILE` is `--keys-file`."""
        return "--" + self.env.removeprefix("SOJOURN_").lower().replace("_", "-")

    @property
    def default(self) -> str:
        """What holds if nobody sets it, as an operator would write it or in words."""
        return self.unset or spelled(getattr(_DEFAULTS, self.name))

    def shown(self, value: Any) -> str:
        """*value* for a screen or a log."""
        if self.secret and value:
            return "set, not shown"
        return without_password(spelled(value))


def _row(name: str, parse: Callable[[str], Any], help: str, **more: Any) -> Field:
    return Field(name=name, env=more.pop("env", f"SOJOURN_{name.upper()}"), parse=parse, help=help, **more)


def _providers(text: str) -> dict[str, Provider]:
    if text == "none":
        return {}
    from sojourn.accounts.oidc import described  # late: whoever describes none needs none of it

    return described(read.object_or_file(text))


_BY_PRESET = "as the policy has it"


def _rule(name: str, parse: Callable[[str], Any], help: str) -> Field:
    """A rule of the policy in which the presets do not differ."""
    return _row(name, parse, help, unset=spelled(getattr(Policy(), name)))


FIELDS: tuple[Field, ...] = (
    _row(
        "store",
        read.as_is,
        "Where sessions are kept: sqlite:///file.db, sqlite:///:memory:, memory://, "
        "postgresql://user@host/database, redis://host:6379/0 or redis+cluster://host:6379.",
        alias="REDIS_URL",
        parse_alias=read.redis,
    ),
    _row(
        "accounts",
        read.as_is,
        "Where users are kept: sqlite:///file.db, sqlite:///:memory: or memory://.",
        unset="the same as the store; with sessions in PostgreSQL or Redis it must be set",
    ),
    _row("host", read.as_is, "The address to listen on."),
    _row("port", partial(read.whole, 1, 65_535), "The port to listen on."),
    _row("workers", partial(read.whole, 1, 512), "How many processes serve."),
    _row(
        "worker",
        read.flag,
        "Do the background work beside serving: notice who ended by time, forget what is long over.",
    ),
    _row(
        "origin",
        read.as_is,
        "What people see in the address bar, such as https://accounts.example.org.",
        unset="http://host:port, if the host is loopback",
    ),
    _row("keys_file", Path, "The file of server keys, readable by its owner alone."),
    _row(
        "keys",
        read.as_is,
        "The server keys themselves, separated by semicolons, instead of a file.",
        secret=True,
    ),
    _row("trusted_proxies", read.networks, "Networks whose X-Forwarded-* headers are believed, with commas."),
    _row(
        "delivery_networks",
        read.networks,
        "Internal networks that logout notices may be sent to, with commas; others than public ones are not.",
    ),
    _row("development", read.flag, "Allow plain http beyond this machine. Never where people sign in."),
    _row("sign_up", read.flag, "Let people create their own account."),
    _row(
        "access_ttl",
        read.span,
        "How long an access token is good, at most 1 hour; who follows the feed feels a revocation at once.",
    ),
    _row("authvital", read.flag, "Speak the session routes of AuthVital's SDK, under /oauth."),
    _row(
        "authjs",
        partial(read.version, ("v4", "v5")),
        "Speak the routes of `next-auth/react`, under /api/auth: v4, v5 (or 1), or off.",
    ),
    _row(
        "providers",
        _providers,
        "Services that speak OpenID Connect, with which people may sign in: a JSON object, or the path of "
        'a file with it, such as {"google": {"issuer": …, "client_id": …, "client_secret": …}}.',
        secret=True,
    ),
    _row("better_auth", read.flag, "Speak the routes of Better Auth's client, under /api/auth."),
    _row(
        "better_auth_bearer",
        read.flag,
        "Hand clients of Better Auth a bearer token and access tokens beside the cookie.",
    ),
    _row(
        "better_auth_defer",
        read.flag,
        "Reading a session is no use of it: clients of Better Auth tell of one by a POST.",
    ),
    _row(
        "multi_session",
        read.flag,
        "A browser may keep sessions of several accounts, for clients of Better Auth to choose from.",
    ),
    _row(
        "session_fields",
        read.names,
        "The keys of a session's data that its own client may set, with commas.",
    ),
    _row(
        "attempts_per_address",
        partial(read.whole, 1, 1_000_000),
        "How often an address may try to sign in or up at once; after that once in 10 seconds.",
        unset="30; 1000 where the origin is this machine's",
    ),
    _row(
        "preset",
        partial(read.one_of, tuple(_PRESETS)),
        "The rules to begin with: consumer, workforce, high or bank.",
        env="SOJOURN_POLICY",
    ),
    _row(
        "lifetime",
        read.span,
        "The absolute end of a session, from signing in.",
        unset=_BY_PRESET,
        alias="SESSION_EXPIRY_DAYS",
        parse_alias=read.days,
    ),
    _row(
        "idle_timeout",
        read.span_or_none,
        "How long a person may be inactive; none: only the lifetime ends a session.",
        unset=_BY_PRESET,
        alias="INACTIVITY_TIMEOUT_MINUTES",
        parse_alias=read.minutes,
    ),
    _row(
        "activity_every",
        read.span,
        "How often a browser reports that a person was active.",
        unset=_BY_PRESET,
        alias="ACTIVITY_CHECK_INTERVAL_MINUTES",
        parse_alias=read.minutes,
    ),
    _row(
        "touch_every", read.span, "At most one write of activity per session and this long.", unset=_BY_PRESET
    ),
    _row("rotate_every", read.span_or_none, "How old a token may get; none: any age.", unset=_BY_PRESET),
    _row(
        "grace",
        read.span,
        "How long a refresh with the token before is answered like the first one; 0 forgives nothing, and "
        "signs out tabs that refresh at the same moment.",
        unset=_BY_PRESET,
    ),
    _row(
        "lost_answer",
        read.span,
        "How long it is, while the new token was never seen in use; 0 forgives nothing.",
        unset=_BY_PRESET,
    ),
    _row("fresh_for", read.span, "How long a sign-in suffices for a sensitive act.", unset=_BY_PRESET),
    _row(
        "impersonate_for",
        read.span,
        "How long an administrator may act as somebody else, at most 12 hours.",
        unset=_BY_PRESET,
    ),
    _row(
        "max_sessions", read.number_or_none, "Live sessions of one user; none: any number.", unset=_BY_PRESET
    ),
    _rule(
        "cache_for",
        read.span,
        "How long a process uses a snapshot of a session before it asks the store; 0: it asks each time.",
    ),
    _rule(
        "cookie_cache",
        read.span_or_off,
        "How long a snapshot in a second cookie is good for, such as 5m; 0: there is no such cookie.",
    ),
    _rule(
        "cookie_cache_form",
        partial(read.one_of, ("encrypted", "signed")),
        "That cookie: encrypted, or signed, so that the browser's owner can read it.",
    ),
    _rule("cached_data", read.names, "The keys of a session's data that snapshots hold, with commas."),
    _rule("max_staleness", read.span, "How late a revocation may be felt in another process."),
    _rule("poll_every", read.span, "How often the feed is asked, at most half of that."),
    _rule("flush_every", read.span, "How long activity may wait in memory to be written; 0: not at all."),
    _rule(
        "when_away",
        partial(read.one_of, ("refuse", "go_on")),
        "While the store is away: refuse (503), or go_on with snapshots, which feel no revocation meanwhile.",
    ),
    _rule(
        "at_cap",
        partial(read.one_of, get_args(AtCap)),
        "Who signs in on one device too many: end_idle or end_oldest ends another session, refuse turns "
        "the new one away, ask lets its user choose.",
    ),
    _row(
        "remembered",
        read.rules,
        "Other rules for sessions with `Keep me signed in`, such as lifetime=90d,idle_timeout=30d.",
    ),
    _row(
        "profiles",
        read.profiles,
        "Other rules for users with a role, such as admin:lifetime=12h,idle_timeout=15m;user:max_sessions=5.",
    ),
    _row(
        "geo_api_key",
        read.as_is,
        "Read, but not used by this version.",
        alias="IP_GEOLOCATION_API_KEY",
        secret=True,
    ),
    _row("log_level", partial(read.one_of, ("debug", "info", "warning", "error")), "How much is logged."),
)
_DEFAULTS = Settings()


# ── loading ───────────────────────────────────────────────────────────────────────────────────


class Row(Struct, frozen=True, kw_only=True):
    """One setting for people: its value as it may be shown, and where it came from."""

    field: Field
    value: str
    source: str


class Loaded(Discreet, frozen=True, kw_only=True):
    """Settings, and for each field its source: "argument", a variable's name, or "default".

    `exports` are the variables that give another process the same settings.
    """

    settings: Settings
    sources: Mapping[str, str]
    exports: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Loaded {self.settings!r}>"

    def rows(self) -> list[Row]:
        """Every setting as it holds; what nobody set of the policy comes from the preset."""
        policy = self.settings.policy()
        rows = []
        for field in FIELDS:
            value = getattr(self.settings, field.name)
            if value is UNSET:
                value = getattr(policy, field.name)
            rows.append(Row(field=field, value=field.shown(value), source=self.sources[field.name]))
        return rows


def load(
    arguments: Mapping[str, object] | None = None, environment: Mapping[str, str] = os.environ
) -> Loaded:
    """Settings from *arguments* by field name, over `SOJOURN_*`, over the older names, over the defaults.

    An argument that is None, and a variable that is empty, count as not given.
    """
    given = {name: spelled(value) for name, value in (arguments or {}).items() if value not in (None, "")}
    if unknown := given.keys() - {field.name for field in FIELDS}:
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    sources = {}
    for field in FIELDS:
        source, text, parse = _found(field, given, environment)
        sources[field.name] = source
        if text is not None:
            called = field.option if source == "argument" else source
            values[field.name] = _parsed(called, text, parse, secret=field.secret)
    settings = Settings(**values)
    _check_policy(settings, sources)
    exports = {field.env: given[field.name] for field in FIELDS if field.name in given}
    return Loaded(settings=settings, sources=sources, exports=exports)


def _found(
    field: Field, arguments: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[str, str | None, Callable[[str], Any]]:
    """Source, text and parser of what counts for *field*."""
    if text := arguments.get(field.name):
        return "argument", text, field.parse
    if text := environment.get(field.env, "").strip():
        return field.env, text, field.parse
    if field.alias and (text := environment.get(field.alias, "").strip()):
        return field.alias, text, field.parse_alias or field.parse
    return "default", None, field.parse


def _parsed(called: str, text: str, parse: Callable[[str], Any], *, secret: bool) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        shown = "wrong" if secret else repr(without_password(text))
        raise SettingsError(f"{called} is {shown}; {error}") from None


def _check_policy(settings: Settings, sources: Mapping[str, str]) -> None:
    """Raise if the rules cannot work together, naming the variables that set them."""
    try:
        settings.policy()
    except SettingsError as error:
        by = [f"{name} by {sources[name]}" for name in ("preset", *_RULES) if sources[name] != "default"]
        raise SettingsError(f"{error} (set here: {', '.join(by)})") from None
