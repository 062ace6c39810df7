"""The table: every setting in one row, in the order in which people read them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import get_args

from sojourn import settings_text as read
from sojourn.policy import AtCap, Binding, KeptAs
from sojourn.settings import parsing
from sojourn.settings.fields import BY_PRESET, Field, row, rule
from sojourn.settings.settings import PRESETS

__all__ = ["FIELDS"]

FIELDS: tuple[Field, ...] = (
    row(
        "store",
        read.as_is,
        "Where sessions are kept: sqlite:///file.db, sqlite:///:memory:, memory://, "
        "postgresql://user@host/database, redis://host:6379/0 or redis+cluster://host:6379.",
        alias="REDIS_URL",
        parse_alias=read.redis,
    ),
    row(
        "accounts",
        read.as_is,
        "Where users are kept: sqlite:///file.db, sqlite:///:memory: or memory://.",
        unset="the same as the store; with sessions in PostgreSQL or Redis it must be set",
    ),
    row(
        "journal",
        read.as_is,
        "Where it is written down what happens to sessions: sqlite:///file.db, "
        "postgresql://user@host/database, memory://, or off.",
        unset="the sessions' database, if that is PostgreSQL; else a file beside the accounts', such as "
        "accounts-journal.db",
    ),
    row("keep_journal", read.span_or_none, "How long the journal is kept; none: for good."),
    row(
        "keep_personal",
        read.span_or_none,
        "How long what is personal in the journal is kept, such as addresses; none: as long as the rest.",
    ),
    row(
        "metrics",
        read.metrics,
        "Who may read /metrics: open (anybody), token:… (who sends it as a bearer token), off, or local: "
        "where the origin is this machine's who sits at it, elsewhere nobody.",
        unset="local",
        secret=True,
    ),
    row("host", read.as_is, "The address to listen on."),
    row("port", partial(read.whole, 1, 65_535), "The port to listen on."),
    row("workers", partial(read.whole, 1, 512), "How many processes serve."),
    row(
        "worker",
        read.flag,
        "Do the background work beside serving: notice who ended by time, forget what is long over.",
    ),
    row(
        "origin",
        read.as_is,
        "What people see in the address bar, such as https://accounts.example.org.",
        unset="http://host:port, if the host is loopback",
    ),
    row(
        "prefix",
        read.prefix,
        "The path below which a proxy leads here, such as /auth; it takes that off each request.",
        unset="none",
    ),
    row("keys_file", Path, "The file of server keys, readable by its owner alone."),
    row(
        "keys",
        read.as_is,
        "The server keys themselves, separated by semicolons, instead of a file.",
        secret=True,
    ),
    row("trusted_proxies", read.networks, "Networks whose X-Forwarded-* headers are believed, with commas."),
    row(
        "delivery_networks",
        read.networks,
        "Internal networks that logout notices may be sent to, with commas; others than public ones are not.",
    ),
    row("development", read.flag, "Allow plain http beyond this machine. Never where people sign in."),
    row("sign_up", read.flag, "Let people create their own account."),
    row(
        "access_ttl",
        read.span,
        "How long an access token is good, at most 1 hour; who follows the feed feels a revocation at once.",
    ),
    row("authvital", read.flag, "Speak the session routes of AuthVital's SDK, under /oauth."),
    row(
        "authjs",
        partial(read.version, ("v4", "v5")),
        "Speak the routes of `next-auth/react`, under /api/auth: v4, v5 (or 1), or off.",
    ),
    row(
        "providers",
        parsing.providers,
        "Services that speak OpenID Connect, with which people may sign in: a JSON object, or the path of "
        'a file with it, such as {"google": {"issuer": …, "client_id": …, "client_secret": …}}.',
        secret=True,
    ),
    row(
        "smtp",
        parsing.relay,
        "The server that takes mail, as smtp://user:password@host:587 (STARTTLS, unless it is on this "
        "machine) or smtps://user:password@host:465.",
        unset="none: no mail is sent",
        secret=True,
    ),
    row("mail_from", parsing.sender, "Whom mail is from.", unset="sojourn@ and the host of SOJOURN_ORIGIN"),
    row(
        "mail_language",
        partial(read.one_of, ("en", "de", "es", "fr", "ar", "zh")),
        "The language of what users are written: en, de, es, fr, ar or zh.",
    ),
    row(
        "new_device_notice",
        read.flag,
        "Write to users who signed in on a new device, with a link that signs it out, and to those whose "
        "way of signing in was changed; needs SOJOURN_SMTP.",
    ),
    row("alerts_to", parsing.recipients, "Who is written of alerts: e-mail addresses, with commas."),
    row(
        "alerts_least",
        partial(read.one_of, ("high", "medium", "low")),
        "The least severe alerts that go out by mail and webhook: high, medium or low.",
    ),
    row(
        "alerts_off",
        parsing.silent,
        "Rules that raise no alerts, with commas, such as new-device,new-country.",
    ),
    row(
        "alerts_rules",
        parsing.thresholds,
        "Other thresholds of the rules, such as failed_per_account=5,travel_speed=900,quiet=12h.",
    ),
    row(
        "alerts_networks",
        read.networks,
        "Networks that say nothing about where their user is, such as your VPN's, with commas.",
    ),
    row(
        "webhooks",
        parsing.webhooks,
        "Where alerts and events are sent, signed: a JSON object, or the path of a file with it, such as "
        '{"ops": {"url": "https://…", "secrets": ["whsec_…"]}}.',
        secret=True,
    ),
    row(
        "webhook_events",
        parsing.events,
        "Events that go to webhooks that name none themselves, with commas, such as session-revoked.",
    ),
    row("better_auth", read.flag, "Speak the routes of Better Auth's client, under /api/auth."),
    row(
        "better_auth_bearer",
        read.flag,
        "Hand clients of Better Auth a bearer token and access tokens beside the cookie.",
    ),
    row(
        "better_auth_defer",
        read.flag,
        "Reading a session is no use of it: clients of Better Auth tell of one by a POST.",
    ),
    row(
        "multi_session",
        read.flag,
        "A browser may keep sessions of several accounts, for clients of Better Auth to choose from.",
    ),
    row(
        "session_fields",
        read.names,
        "The keys of a session's data that its own client may set, with commas.",
    ),
    row(
        "attempts_per_address",
        partial(read.whole, 1, 1_000_000),
        "How often an address may try to sign in or up at once; after that once in 10 seconds.",
        unset="30; 1000 where the origin is this machine's",
    ),
    row(
        "streams_per_user",
        partial(read.whole, 1, 1_000_000),
        "How many event streams a process keeps open for a user; a browser needs one.",
    ),
    row(
        "streams_per_address",
        partial(read.whole, 1, 1_000_000),
        "How many event streams a process keeps open for an address; many people may share one.",
    ),
    row(
        "preset",
        partial(read.one_of, tuple(PRESETS)),
        "The rules to begin with: consumer, workforce, high or bank.",
        env="SOJOURN_POLICY",
    ),
    row(
        "lifetime",
        read.span,
        "The absolute end of a session, from signing in.",
        unset=BY_PRESET,
        alias="SESSION_EXPIRY_DAYS",
        parse_alias=read.days,
    ),
    row(
        "idle_timeout",
        read.span_or_none,
        "How long a person may be inactive; none: only the lifetime ends a session.",
        unset=BY_PRESET,
        alias="INACTIVITY_TIMEOUT_MINUTES",
        parse_alias=read.minutes,
    ),
    row(
        "activity_every",
        read.span,
        "How often a browser reports that a person was active.",
        unset=BY_PRESET,
        alias="ACTIVITY_CHECK_INTERVAL_MINUTES",
        parse_alias=read.minutes,
    ),
    row(
        "touch_every", read.span, "At most one write of activity per session and this long.", unset=BY_PRESET
    ),
    row("rotate_every", read.span_or_none, "How old a token may get; none: any age.", unset=BY_PRESET),
    row(
        "grace",
        read.span,
        "How long a refresh with the token before is answered like the first one; 0 forgives nothing, and "
        "signs out tabs that refresh at the same moment.",
        unset=BY_PRESET,
    ),
    row(
        "lost_answer",
        read.span,
        "How long it is, while the new token was never seen in use; 0 forgives nothing.",
        unset=BY_PRESET,
    ),
    row("fresh_for", read.span, "How long a sign-in suffices for a sensitive act.", unset=BY_PRESET),
    row(
        "undo_for",
        read.span,
        "How long the sign-out of another device can be undone, at most 1 minute; 0: not at all.",
        unset=BY_PRESET,
    ),
    row(
        "quarantine_for",
        read.span,
        "How long a new session may sign out older ones only after one more proof of who asks; 0: at once.",
        unset=BY_PRESET,
    ),
    row(
        "impersonate_for",
        read.span,
        "How long an administrator may act as somebody else, at most 12 hours.",
        unset=BY_PRESET,
    ),
    row("max_sessions", read.number_or_none, "Live sessions of one user; none: any number.", unset=BY_PRESET),
    rule(
        "cache_for",
        read.span,
        "How long a process uses a snapshot of a session before it asks the store; 0: it asks each time.",
    ),
    rule(
        "cookie_cache",
        read.span_or_off,
        "How long a snapshot in a second cookie is good for, such as 5m; 0: there is no such cookie.",
    ),
    rule(
        "cookie_cache_form",
        partial(read.one_of, ("encrypted", "signed")),
        "That cookie: encrypted, or signed, so that the browser's owner can read it.",
    ),
    rule("cached_data", read.names, "The keys of a session's data that snapshots hold, with commas."),
    rule("max_staleness", read.span, "How late a revocation may be felt in another process."),
    rule("poll_every", read.span, "How often the feed is asked, at most half of that."),
    rule("flush_every", read.span, "How long activity may wait in memory to be written; 0: not at all."),
    rule(
        "when_away",
        partial(read.one_of, ("refuse", "go_on")),
        "While the store is away: refuse (503), or go_on with snapshots, which feel no revocation meanwhile.",
    ),
    rule(
        "at_cap",
        partial(read.one_of, get_args(AtCap)),
        "Who signs in on one device too many: end_idle or end_oldest ends another session, refuse turns "
        "the new one away, ask lets its user choose.",
    ),
    row(
        "remembered",
        read.rules,
        "Other rules for sessions with `Keep me signed in`, such as lifetime=90d,idle_timeout=30d.",
    ),
    row(
        "profiles",
        read.profiles,
        "Other rules for users with a role, such as admin:lifetime=12h,idle_timeout=15m;user:max_sessions=5.",
    ),
    rule(
        "binding",
        partial(read.one_of, get_args(Binding)),
        "What follows when browser, system or network become others within a session: off, notice (an "
        "event), step_up (sensitive acts want one more proof there), end.",
    ),
    rule(
        "addresses",
        partial(read.one_of, get_args(KeptAs)),
        "How IP addresses are stored and told: full, cut (to a /24 or /48), or hashed under a server key.",
    ),
    rule(
        "keep_addresses",
        read.span_or_none,
        "How long a session keeps its address in full, since it began; then it is cut. none: to its end.",
    ),
    row(
        "places",
        Path,
        "A database in MaxMind's format (.mmdb), by which an address is given a city and a country.",
        unset="none: the place of an address is not known",
    ),
    row(
        "places_from",
        read.as_is,
        "Where `sojourn places update` fetches that file: maxmind, maxmind-country, dbip, dbip-country, "
        "ipinfo, or an address in which {key} stands for the key, and {month} for a month such as 2026-11.",
        unset="none: nothing is fetched",
    ),
    row(
        "places_redirects",
        read.names,
        "Other hosts to which that address may lead on, with commas; they are not told the key.",
    ),
    row(
        "geo_api_key",
        read.as_is,
        "The key for SOJOURN_PLACES_FROM; of maxmind the account and the licence key, as 123456:key.",
        alias="IP_GEOLOCATION_API_KEY",
        secret=True,
    ),
    row(
        "country_header",
        read.as_is,
        "A header in which a trusted proxy says the country of an address, such as cf-ipcountry.",
        unset="none",
    ),
    row("log_level", partial(read.one_of, ("debug", "info", "warning", "error")), "How much is logged."),
)
