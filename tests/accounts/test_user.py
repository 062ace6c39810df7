"""What may stand in a user, and what is shown of one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sojourn.accounts import Account, User
from sojourn.accounts.limits import Rate, network
from sojourn.accounts.store import Credentials
from sojourn.accounts.user import clean_email, clean_name
from sojourn.errors import EmailRejected, SettingsError
from sojourn.testing import MORNING


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Ada@Example.ORG\n", "ada@example.org"),
        ("ada+tag@mail.example.org", "ada+tag@mail.example.org"),
        ("ａｄａ@example.org", "ada@example.org"),
        ("STRASSE@example.org", "strasse@example.org"),
        ("straße@example.org", "strasse@example.org"),
        ("ада@пример.рф", "ада@пример.рф"),
        ("o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_an_address_has_one_spelling(given: str, kept: str) -> None:
    assert clean_email(given) == clean_email(kept) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@@example.org",
        "a da@example.org",
        "ada@exam ple.org",
        "ada@.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@example.org\x00",
        "a\u202eda@example.org",
        "a\u00a0da@example.org",
        "\ud800@example.org",
        "<ada@example.org>",
        "a,b@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 250 + ".org",
        "a" * 1_000_000,
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EmailRejected):
        clean_email(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Ada\r\n\tLovelace ", "Ada Lovelace"),
        ("A\x00d\x1ba\u202e", "Ada"),
        ("", "ada"),
        (" \u200d\x07", "ada"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\ud800", "ada"),
        ("x" * 1_000_000, "x" * 100),
        ("e\u0301", "é"),
    ],
)
def test_a_name_is_one_clean_line(given: str, kept: str) -> None:
    assert clean_name(given, email="ada@example.org") == kept


@pytest.mark.req("OS-04")
def test_no_secret_is_printed() -> None:
    user = User(id="1", email="ada@example.org", name="Ada", created_at=MORNING, disabled_at=MORNING)
    account = Account(
        user_id="1",
        type="oidc",
        provider="example",
        provider_account_id="sub",
        refresh_token="secret",
        access_token="secret",
        id_token="secret",
        password_hash="secret",
    )
    for value in (account, Credentials(user, "secret"), [account]):
        assert "secret" not in repr(value)
    assert repr(user) == "<User 1, user, disabled>"
    assert not user.enabled


@pytest.mark.parametrize(
    ("ip", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_home_count_together(ip: str, counted: str) -> None:
    assert network(ip) == counted


@pytest.mark.parametrize(("burst", "seconds"), [(0, 1), (1, 0)])
def test_a_rate_that_admits_nothing_is_refused(burst: int, seconds: int) -> None:
    with pytest.raises(SettingsError):
        Rate(burst, timedelta(seconds=seconds))
