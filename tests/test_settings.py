"""Settings: where each value comes from, what is refused, and how the rules give way to one another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sojourn import Policy, open_store
from sojourn.accounts import open_accounts
from sojourn.errors import SettingsError
from sojourn.settings import FIELDS, Settings, load
from sojourn.settings_text import span, spelled, without_password

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def loaded(arguments=None, **environment):
    return load(arguments, environment)


def refused(arguments=None, **environment):
    with pytest.raises(SettingsError) as caught:
        load(arguments, environment)
    return str(caught.value)


# ── sources ───────────────────────────────────────────────────────────────────────────────────


def test_an_empty_environment_gives_the_defaults():
    found = loaded()
    assert found.settings == Settings()
    assert set(found.sources.values()) == {"default"}
    assert found.settings.policy() == Policy()


def test_accounts_are_kept_with_the_sessions_unless_said_otherwise():
    assert loaded(SOJOURN_STORE="sqlite:///a.db").settings.accounts == "sqlite:///a.db"
    found = loaded(SOJOURN_STORE="sqlite:///a.db", SOJOURN_ACCOUNTS="sqlite:///b.db")
    assert found.settings.accounts == "sqlite:///b.db"


def test_sojourn_names_override_the_older_names_and_arguments_override_both():
    older = {"SESSION_EXPIRY_DAYS": "7"}
    named = older | {"SOJOURN_LIFETIME": "20d"}
    for arguments, environment, lifetime, source in [
        ({}, older, 7 * DAY, "SESSION_EXPIRY_DAYS"),
        ({}, named, 20 * DAY, "SOJOURN_LIFETIME"),
        ({"lifetime": "25d"}, named, 25 * DAY, "argument"),
    ]:
        found = load(arguments, environment)
        assert (found.settings.lifetime, found.sources["lifetime"]) == (lifetime, source)


def test_the_older_names_are_read():
    found = loaded(
        SESSION_EXPIRY_DAYS="30",
        INACTIVITY_TIMEOUT_MINUTES="15",
        ACTIVITY_CHECK_INTERVAL_MINUTES="5",
        IP_GEOLOCATION_API_KEY="abc",
    )
    policy = found.settings.policy()
    assert policy.lifetime == 30 * DAY
    assert policy.idle_timeout == 15 * MINUTE
    assert policy.activity_every == 5 * MINUTE
    assert found.settings.geo_api_key == "abc"


def test_redis_url_names_the_store_where_nothing_else_does():
    found = loaded(REDIS_URL="redis://cache:6379/1")
    assert (found.settings.store, found.sources["store"]) == ("redis://cache:6379/1", "REDIS_URL")
    for arguments, environment in [({"store": "memory://"}, {}), ({}, {"SOJOURN_STORE": "memory://"})]:
        assert load(arguments, environment | {"REDIS_URL": "redis://cache"}).settings.store == "memory://"


def test_redis_url_must_be_a_redis():
    message = refused(REDIS_URL="postgresql://ada:hush@db/app")
    assert message.startswith("REDIS_URL is 'postgresql://***@db/app'; ")
    assert "SOJOURN_STORE" in message


@pytest.mark.parametrize("store", ["postgresql://db/app", "redis://cache", "redis+cluster://cache"])
def test_users_are_not_kept_on_a_server_so_their_place_must_be_said(store):
    settings = loaded(SOJOURN_STORE=store).settings
    with pytest.raises(SettingsError, match=r"SOJOURN_ACCOUNTS is not set.*sqlite:///accounts\.db"):
        open_accounts(settings.accounts)
    with_place = loaded(SOJOURN_STORE=store, SOJOURN_ACCOUNTS="sqlite:///a.db")
    assert with_place.settings.accounts == "sqlite:///a.db"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_not_set(empty):
    assert loaded(SOJOURN_PORT=empty, SESSION_EXPIRY_DAYS=empty).sources["port"] == "default"


def test_an_argument_that_is_none_counts_as_not_given():
    assert loaded({"port": None}, SOJOURN_PORT="81").sources["port"] == "SOJOURN_PORT"


def test_arguments_are_exported_for_other_processes():
    found = loaded({"port": 81, "development": True, "sign_up": False}, SOJOURN_WORKERS="2")
    assert found.exports == {"SOJOURN_PORT": "81", "SOJOURN_DEVELOPMENT": "1", "SOJOURN_SIGN_UP": "0"}
    again = load({}, found.exports | {"SOJOURN_WORKERS": "2"})
    assert again.settings == found.settings


def test_an_unknown_argument_is_a_mistake_of_the_programmer():
    with pytest.raises(TypeError, match="colour"):
        loaded({"colour": "red"})


def test_every_field_of_the_settings_is_in_the_table_once():
    assert sorted(field.name for field in FIELDS) == sorted(Settings.__struct_fields__)


# ── wrong values ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("SOJOURN_PORT", "eighty", "from 1 to 65535"),
        ("SOJOURN_PORT", "70000", "from 1 to 65535"),
        ("SOJOURN_PORT", "9" * 5000, "from 1 to 65535"),
        ("SOJOURN_WORKERS", "0", "from 1 to 512"),
        ("SOJOURN_LIFETIME", "30", "30d"),
        ("SOJOURN_LIFETIME", "-1d", "30d"),
        ("SOJOURN_IDLE_TIMEOUT", "soon", "or none"),
        ("SOJOURN_MAX_SESSIONS", "0", "none for any number"),
        ("SOJOURN_SIGN_UP", "perhaps", "1 or 0"),
        ("SOJOURN_POLICY", "lax", "consumer, workforce, high, bank"),
        ("SOJOURN_LOG_LEVEL", "loud", "debug, info"),
        ("SOJOURN_TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.0/8"),
        ("SOJOURN_COOKIE_CACHE", "300", "5m"),
        ("SOJOURN_COOKIE_CACHE_FORM", "plain", "encrypted, signed"),
        ("SOJOURN_CACHED_DATA", "theme,,cart", "theme, language"),
        ("SOJOURN_MAX_STALENESS", "1.5s", "give a number"),
        ("SOJOURN_WHEN_AWAY", "hope", "refuse, go_on"),
        ("SESSION_EXPIRY_DAYS", "0", "from 1 to 400"),
        ("INACTIVITY_TIMEOUT_MINUTES", "15m", "whole number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_the_remedy(name, value, remedy):
    message = refused(**{name: value})
    assert message.startswith(f"{name} is {value!r}; ")
    assert remedy in message


def test_a_wrong_argument_is_named_as_it_was_typed():
    assert refused({"keys_file": "k", "port": "x"}).startswith("--port is 'x'; ")


def test_rules_that_cannot_work_together_name_where_they_were_set():
    message = refused(SOJOURN_POLICY="high", SESSION_EXPIRY_DAYS="30")
    assert "12 hours" in message
    assert "preset by SOJOURN_POLICY, lifetime by SESSION_EXPIRY_DAYS" in message


@pytest.mark.parametrize("store", ["memory://", "sqlite:///:memory:"])
def test_several_workers_cannot_share_a_database_in_memory(store):
    message = refused({"workers": 2}, SOJOURN_STORE=store)
    assert store in message
    assert "SOJOURN_WORKERS" in message


# ── origin ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "port", "origin"),
    [
        ("127.0.0.1", "8000", "http://127.0.0.1:8000"),
        ("localhost", "80", "http://localhost"),
        ("::1", "8000", "http://[::1]:8000"),
    ],
)
def test_the_origin_of_a_loopback_host_needs_no_setting(host, port, origin):
    assert loaded(SOJOURN_HOST=host, SOJOURN_PORT=port).settings.origin == origin


def test_any_other_host_needs_an_origin():
    message = refused(SOJOURN_HOST="192.0.2.7")
    assert message.startswith("SOJOURN_ORIGIN is not set")
    assert "https://" in message


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://Example.org/", "https://example.org"),
        ("https://example.org:443", "https://example.org"),
        ("https://example.org:8443", "https://example.org:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(written, origin):
    assert loaded(SOJOURN_ORIGIN=written).settings.origin == origin


@pytest.mark.parametrize(
    "written",
    [
        "example.org",
        "ftp://example.org",
        "https://",
        "https://example.org/app",
        "https://example.org?x=1",
        "https://example.org#x",
        "https://ada:secret@example.org",
        "https://example.org:99999",
        "https://exa mple.org",
        "https://[::1",
        "https://münchen.example",
    ],
)
def test_what_is_no_origin_is_refused(written):
    message = refused(SOJOURN_ORIGIN=written)
    assert message.startswith("SOJOURN_ORIGIN is ")
    assert "secret" not in message


def test_plain_http_off_loopback_is_for_development_only():
    assert "SOJOURN_DEVELOPMENT" in refused(SOJOURN_ORIGIN="http://example.org")
    found = loaded(SOJOURN_ORIGIN="http://example.org", SOJOURN_DEVELOPMENT="1")
    assert found.settings.origin == "http://example.org"


@pytest.mark.parametrize(("written", "prefix"), [("/auth", "/auth"), ("/a/b-c.d", "/a/b-c.d"), ("none", "")])
def test_a_prefix_is_a_plain_path(written, prefix):
    assert loaded(SOJOURN_PREFIX=written).settings.prefix == prefix


@pytest.mark.parametrize(
    "written",
    [
        "auth",
        "/",
        "/auth/",
        "//evil.example",
        "/\\evil",
        "/a/../b",
        "/.",
        "/a b",
        "/a?b",
        "/%2f",
        "/ä",
        "https://a.b/c",
    ],
)
def test_what_is_no_plain_path_is_no_prefix(written):
    assert "such as /auth" in refused(SOJOURN_PREFIX=written)


# ── policy ────────────────────────────────────────────────────────────────────────────────────


def test_a_preset_is_chosen_and_then_changed():
    policy = loaded(SOJOURN_POLICY="bank", SOJOURN_MAX_SESSIONS="2").settings.policy()
    assert policy == Policy.bank(max_sessions=2)


def test_a_small_idle_timeout_alone_makes_room_for_itself():
    policy = loaded(INACTIVITY_TIMEOUT_MINUTES="2").settings.policy()
    assert policy.idle_timeout == 2 * MINUTE
    assert policy.activity_every == MINUTE
    assert policy.touch_every == MINUTE / 2


def test_what_was_set_does_not_give_way():
    assert "activity_every" in refused(INACTIVITY_TIMEOUT_MINUTES="5", ACTIVITY_CHECK_INTERVAL_MINUTES="5")


@pytest.mark.parametrize("lifetime", ["1m", "10m", "12h", "1d", "7d", "400d"])
def test_any_lifetime_alone_works(lifetime):
    policy = loaded(SOJOURN_LIFETIME=lifetime).settings.policy()
    assert policy.lifetime == span(lifetime)


@pytest.mark.parametrize("preset", ["workforce", "high", "bank"])
def test_a_short_lifetime_works_with_every_preset(preset):
    assert loaded(SOJOURN_POLICY=preset, SOJOURN_LIFETIME="2m").settings.policy().lifetime == 2 * MINUTE


def test_none_and_zero_are_values():
    policy = loaded(
        SOJOURN_IDLE_TIMEOUT="none", SOJOURN_MAX_SESSIONS="none", SOJOURN_TOUCH_EVERY="0"
    ).settings.policy()
    assert (policy.idle_timeout, policy.max_sessions, policy.touch_every) == (None, None, timedelta(0))


def test_the_rules_of_snapshots_and_of_the_feed_are_settings():
    policy = loaded(
        SOJOURN_CACHE_FOR="2m",
        SOJOURN_COOKIE_CACHE="5m",
        SOJOURN_COOKIE_CACHE_FORM="signed",
        SOJOURN_CACHED_DATA="theme, language",
        SOJOURN_MAX_STALENESS="500ms",
        SOJOURN_POLL_EVERY="100ms",
        SOJOURN_FLUSH_EVERY="2s",
        SOJOURN_WHEN_AWAY="go_on",
    ).settings.policy()
    assert policy == Policy(
        cache_for=2 * MINUTE,
        cookie_cache=5 * MINUTE,
        cookie_cache_form="signed",
        cached_data=("theme", "language"),
        max_staleness=timedelta(milliseconds=500),
        poll_every=timedelta(milliseconds=100),
        flush_every=timedelta(seconds=2),
        when_away="go_on",
    )


@pytest.mark.parametrize("off", ["0", "0s", "none", ""])
def test_a_cookie_cache_that_lasts_for_no_time_is_switched_off(off):
    assert loaded(SOJOURN_COOKIE_CACHE=off).settings.policy().cookie_cache is None


def test_the_near_cache_can_be_switched_off_and_uses_written_at_once():
    policy = loaded(SOJOURN_CACHE_FOR="0", SOJOURN_FLUSH_EVERY="0", SOJOURN_CACHED_DATA="none")
    assert policy.settings.policy() == Policy(cache_for=timedelta(0), flush_every=timedelta(0))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SOJOURN_CACHE_FOR", "2d", "cache_for must be at most 1 day"),
        ("SOJOURN_COOKIE_CACHE", "2d", "cookie_cache must be positive and at most 1 day"),
        ("SOJOURN_MAX_STALENESS", "6m", "max_staleness must be at most 5 minutes"),
        ("SOJOURN_MAX_STALENESS", "0", "max_staleness must be at least twice poll_every"),
        ("SOJOURN_POLL_EVERY", "0", "poll_every must be positive"),
        ("SOJOURN_POLL_EVERY", "900ms", "max_staleness must be at least twice poll_every"),
        ("SOJOURN_FLUSH_EVERY", "2m", "flush_every must be at most 1 minute"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_in_the_words_of_the_policy(name, value, sentence):
    message = refused(**{name: value})
    assert message.startswith(sentence)
    assert message.endswith(f"by {name})")


def test_a_smaller_staleness_alone_polls_more_often():
    policy = loaded(SOJOURN_MAX_STALENESS="200ms").settings.policy()
    assert policy.poll_every == timedelta(milliseconds=100)


def test_what_no_preset_changes_is_documented_with_its_value():
    defaults = {field.name: field.default for field in FIELDS}
    for preset in (Policy(), Policy.workforce(), Policy.high(), Policy.bank()):
        for name in ("cache_for", "cookie_cache", "max_staleness", "poll_every", "when_away"):
            assert spelled(getattr(preset, name)) == defaults[name]


# ── showing ───────────────────────────────────────────────────────────────────────────────────


def test_secrets_are_never_shown():
    found = loaded(
        IP_GEOLOCATION_API_KEY="hush-1", SOJOURN_KEYS="hush-2", REDIS_URL="redis://me:hush-3@cache/0"
    )
    assert found.settings.store == "redis://me:hush-3@cache/0"
    shown = repr(found) + repr(found.settings) + "".join(row.value for row in found.rows())
    assert "hush" not in shown
    assert "redis://***@cache/0" in shown


PROVIDERS = '{"work": {"issuer": "https://id.example", "client_id": "us", "client_secret": "hush"}}'


def test_providers_are_json_or_a_file_with_it(tmp_path: Path):
    file = tmp_path / "providers.json"
    file.write_text(PROVIDERS)
    for given in (PROVIDERS, str(file)):
        found = loaded(SOJOURN_PROVIDERS=given)
        assert found.settings.providers["work"].client_secret == "hush"
        [row] = [row for row in found.rows() if row.field.name == "providers"]
        assert row.value == "set, not shown"
        assert "hush" not in repr(found) + repr(found.settings) + repr(found.settings.providers)


def test_no_providers_are_none_to_show():
    for found in (loaded(), loaded(SOJOURN_PROVIDERS="none")):
        [row] = [row for row in found.rows() if row.field.name == "providers"]
        assert (found.settings.providers, row.value) == ({}, "none")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("nothing/like/that.json", "the path of a file"),
        ('{"work": hush}', "not JSON"),
        ("{" * 100_000, "not JSON"),
        ('{"work": {"client_secret": 7}}', "Expected `str`"),
        (PROVIDERS.replace("https", "http"), "use https://"),
    ],
)
def test_providers_that_cannot_be_are_refused_without_their_secrets(given: str, why: str):
    with pytest.raises(SettingsError, match=why) as refused:
        loaded(SOJOURN_PROVIDERS=given)
    assert "SOJOURN_PROVIDERS" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_provider_on_this_machine_or_in_development_may_be_plain():
    plain = PROVIDERS.replace("https", "http")
    assert loaded(SOJOURN_PROVIDERS=plain.replace("id.example", "127.0.0.1:9")).settings.providers
    assert loaded(SOJOURN_PROVIDERS=plain, SOJOURN_DEVELOPMENT="1").settings.providers


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:hush@db/app", "postgresql://***@db/app"),
        ("postgresql://ada:hush@hush@db:5432/app", "postgresql://***@db:5432/app"),
        ("postgresql://ada:hu/hush@db/app", "postgresql://***@db/app"),
        ("postgresql://ada:hush hush@db/app", "postgresql://***@db/app"),
        ("redis://:hush@cache:6379/0", "redis://***@cache:6379/0"),
        ("rediss+cluster://me:hush@a:1,b:2", "rediss+cluster://***@a:1,b:2"),
        (
            "postgresql:///app?user=ada&password=hush&host=db",
            "postgresql:///app?user=ada&password=***&host=db",
        ),
        ("redis://cache/0?PassWord=hush", "redis://cache/0?PassWord=***"),
        ("host=db user=ada password=hush", "host=db user=ada password=***"),
        ("cannot reach redis://me:hush@cache/0: refused", "cannot reach redis://***@cache/0: refused"),
        ("sqlite:///mail@example.org/sessions.db", "sqlite:///mail@example.org/sessions.db"),
        ("sqlite:///sojourn.db", "sqlite:///sojourn.db"),
        ("https://accounts.example.org", "https://accounts.example.org"),
    ],
)
def test_an_address_is_shown_without_its_password(address, shown):
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:hu/sh@db/app",
        "postgresql://ada:hu@sh@db/app",
        "postgresql://ada:hu?sh@db/app",
        "postgresql://ada:hu sh@db/app",
        "postgresql://db:sh/app",
        "redis://[sh/0",
        "redis+cluster://a:1,b:sh",
    ],
)
def test_an_address_that_a_driver_would_stumble_over_is_refused_first(address):
    with pytest.raises(SettingsError, match="write it like") as caught:
        open_store(address)
    assert "sh@" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db/app",
        "postgresql://ada:hu%2Fsh@db:5432/app?sslmode=require",
        "postgresql:///app?host=/run/postgresql",
        "postgresql://ada@a:1,b:2/app",
        "postgres://[::1]:5432/app",
    ],
)
def test_an_address_that_can_be_read_is_taken(address):
    assert open_store(address) is not None


@pytest.mark.parametrize(
    "address", ["user:hush@db", "//ada:hush@db", "mysql://ada:hush@db", "x://[ada:hush@db"]
)
@pytest.mark.parametrize("opening", [open_store, open_accounts])
def test_an_address_that_cannot_be_used_is_refused_without_its_password(opening, address):
    with pytest.raises(SettingsError) as caught:
        opening(address)
    assert "hush" not in str(caught.value)


def test_rows_show_every_value_that_holds_with_its_source():
    rows = {row.field.name: row for row in loaded(INACTIVITY_TIMEOUT_MINUTES="15").rows()}
    assert len(rows) == len(FIELDS)
    assert (rows["idle_timeout"].value, rows["idle_timeout"].source) == ("15m", "INACTIVITY_TIMEOUT_MINUTES")
    assert (rows["lifetime"].value, rows["lifetime"].source) == ("30d", "default")


@pytest.mark.parametrize("text", ["0", "250ms", "10s", "90s", "15m", "12h", "30d"])
def test_spans_are_spelled_as_they_are_read(text):
    assert spelled(span(text)) == text


def test_options_follow_from_the_variables():
    options = {field.name: field.option for field in FIELDS}
    assert options["keys_file"] == "--keys-file"
    assert options["preset"] == "--policy"


def test_the_key_file_is_a_path():
    assert loaded(SOJOURN_KEYS_FILE="/etc/sojourn.keys").settings.keys_file == Path("/etc/sojourn.keys")


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [
        ({"origin": "https://accounts.example.org"}, 30),
        ({"origin": "http://127.0.0.1:8000"}, 1_000),
        ({"origin": "https://accounts.example.org", "attempts_per_address": 7}, 7),
        ({"origin": "http://localhost:8000", "attempts_per_address": 7}, 7),
    ],
)
def test_an_address_may_try_as_often_as_is_set(settings, at_once):
    assert Settings(store="memory://", **settings).rates().address.burst == at_once
