"""Settings of alerts, mail and webhooks: what is refused, and that no secret is shown."""

from __future__ import annotations

import base64
import json
import logging
from datetime import timedelta

import pytest

from sojourn.cli.listening import Unlinked
from sojourn.errors import SettingsError
from sojourn.observe.alerts.rules import RULES
from sojourn.settings import Settings, load

SECRET = "whsec_" + base64.b64encode(b"canary " * 5).decode()
HOOKS = json.dumps({"ops": {"url": "https://ops.test/canary", "secrets": [SECRET]}})


def refused(**environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load({}, environment)
    return str(caught.value)


def test_nothing_goes_out_unless_somebody_says_where_to():
    settings = Settings()
    assert (settings.smtp, settings.webhooks, settings.alerts_to) == (None, {}, ())


def test_all_of_it_is_read():
    settings = load(
        {},
        {
            "SOJOURN_SMTP": "smtps://u:p@mail.test",
            "SOJOURN_ALERTS_TO": "a@x.org, b@x.org",
            "SOJOURN_ALERTS_OFF": ",".join(RULES),
            "SOJOURN_ALERTS_NETWORKS": "10.0.0.0/8",
            "SOJOURN_ALERTS_RULES": "quiet=12h",
            "SOJOURN_WEBHOOKS": HOOKS,
            "SOJOURN_WEBHOOK_EVENTS": "session-revoked, token-reused",
        },
    ).settings
    assert settings.alerts_to == ("a@x.org", "b@x.org")
    assert settings.webhook_events == ("session-revoked", "token-reused")
    rules = settings.alert_rules()
    assert (rules.off, rules.quiet) == (tuple(RULES), timedelta(hours=12))
    assert rules.knows("10.1.2.3")
    assert list(settings.webhooks) == ["ops"]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("SOJOURN_SMTP", "smtp://u:canary@h/x", "smtp://user:password@host:587"),
        ("SOJOURN_WEBHOOKS", HOOKS.replace("https", "ftp"), "https://"),
        ("SOJOURN_WEBHOOKS", '{"ops": {"url": "https://x", "secrets": ["canary"]}}', "openssl"),
        ("SOJOURN_WEBHOOK_EVENTS", "session-killed", "session-revoked"),
        ("SOJOURN_ALERTS_OFF", "weather", "creation-rate"),
        ("SOJOURN_ALERTS_RULES", "speed=1", "travel_speed"),
        ("SOJOURN_ALERTS_LEAST", "none", "high, medium, low"),
        ("SOJOURN_ALERTS_TO", "ops", "e-mail address"),
        ("SOJOURN_MAIL_FROM", "me", "e-mail address"),
        ("SOJOURN_MAIL_LANGUAGE", "tlh", "en, de"),
        ("SOJOURN_ALERTS_NETWORKS", "vpn", "10.0.0.0/8"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy_and_without_secrets(name, value, remedy):
    said = refused(**{name: value})
    assert said.startswith(name)
    assert remedy in said
    assert "canary" not in said


def test_recipients_need_a_server_that_takes_mail():
    assert "SOJOURN_SMTP" in refused(SOJOURN_ALERTS_TO="ops@x.org")


def test_no_secret_is_shown():
    loaded = load({}, {"SOJOURN_WEBHOOKS": HOOKS, "SOJOURN_SMTP": "smtp://u:canary@mail.test"})
    shown = "".join(f"{row.value} {row.source}" for row in loaded.rows())
    for text in (repr(loaded), repr(loaded.settings), shown, repr(loaded.settings.webhooks)):
        assert "canary" not in text
        assert SECRET not in text


def test_the_access_log_says_who_came_and_not_by_which_link():
    args = ("127.0.0.1:5", "GET", "/not-me?link=canary", "1.1", 200)
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', args, None)
    assert Unlinked().filter(record)
    assert record.getMessage() == '127.0.0.1:5 - "GET /not-me?... HTTP/1.1" 200'
