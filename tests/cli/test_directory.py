"""`sojourn applications` and `sojourn tenants`."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from sojourn import AsyncSessions, Reason, open_store
from sojourn.directory import Directory, open_directory
from sojourn.directory.codes import Code
from sojourn.session import Session
from sojourn.sessions import utc_now
from sojourn.stores.protocol import Query
from sojourn.testing import make_keys
from tests.cli.conftest import Shell

URL = "sqlite:///sojourn.db"


def in_the_directory(act):
    """What `act(directory)` answers, asked by another process of the same installation."""

    async def ask():
        sessions = AsyncSessions(open_store(URL), keys=make_keys())
        directory = Directory(open_directory(URL), sessions)
        try:
            return await act(directory)
        finally:
            await directory.close()
            await sessions.close()

    return asyncio.run(ask())


def signed_in(**fields) -> Session:
    return in_the_directory(lambda directory: directory.sessions.start("ada", **fields)).session


def reason(session: Session) -> Reason | None:
    return in_the_directory(lambda directory: directory.sessions.store.get(session.id)).reason


def created(shell: Shell, *arguments: str) -> dict:
    ran = shell("applications", "create", *arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


# ── applications ──────────────────────────────────────────────────────────────────────────────


def test_an_application_is_created_as_described(installed):
    shown = created(
        installed,
        *("Shop", "--id", "shop", "--algorithm", "ES256", "--access-ttl", "60"),
        *("--redirect-uri", "https://a.example.org/cb", "--redirect-uri", "http://127.0.0.1:9/cb"),
        *("--logout-uri", "https://a.example.org/", "--back-channel-session-required"),
        *("--back-channel-logout-uri", "https://a.example.org/logout", "--grant", "authorization_code"),
        *("--scope", "openid", "--scope", "orders", "--rule", "max-sessions=3", "--rule", "lifetime=24h"),
    )
    found = in_the_directory(lambda directory: directory.application("shop"))
    assert (found.name, found.algorithm, found.access_ttl) == ("Shop", "ES256", timedelta(minutes=1))
    assert found.redirect_uris == ("https://a.example.org/cb", "http://127.0.0.1:9/cb")
    assert found.post_logout_redirect_uris == ("https://a.example.org/",)
    assert found.back_channel_logout_uri == "https://a.example.org/logout"
    assert found.back_channel_session_required
    assert (found.grants, found.scopes) == (("authorization_code",), ("openid", "orders"))
    assert found.rules == {"lifetime": "1d", "max_sessions": "3"}
    assert (shown["id"], shown["access_ttl"], shown["public"]) == ("shop", 60, False)
    assert "secret_hash" not in shown


def test_its_secret_is_printed_once_and_is_good(installed):
    secret = created(installed, "Shop", "--id", "shop")["secret"]
    assert in_the_directory(lambda directory: directory.authenticate("shop", secret))
    printed = installed("applications", "list").out + installed("applications", "list", "--json").out
    assert "shop" in printed
    assert secret not in printed


def test_for_people_it_is_said_that_it_is_shown_once(installed):
    out = installed("applications", "create", "Shop").out
    assert "Added Shop, a confidential application.\nId:     app_" in out
    assert "\nSecret: sjs_" in out
    assert "cannot be shown again" in out


def test_a_public_application_has_none(installed):
    assert created(installed, "App", "--public")["secret"] is None
    out = installed("applications", "create", "Two", "--public").out
    assert "a public application" in out
    assert "Secret" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["Shop", "--redirect-uri", "http://a.example.org/"], 1, "is https"),
        (["Shop", "--id", "a b"], 1, "1 to 64"),
        (["Shop", "--rule", "colour=red"], 1, "There is no rule 'colour'"),
        (["Shop", "--rule", "lifetime"], 2, "give a name and a value, such as lifetime=12h"),
        (["Shop", "--access-ttl", "soon"], 2, "--access-ttl is 'soon'; give a number with a unit"),
        (["Shop", "--access-ttl", "2h"], 1, "1 second to 1 hour"),
        (["Shop", "--grant", "password"], 2, "--grant"),
        (["Shop", "--algorithm", "none"], 2, "--algorithm"),
        (["Shop", "--id", "taken"], 1, "taken already"),
        ([], 2, "requires an argument"),
    ],
)
def test_which_application_is_not_created_and_why(installed, arguments, code, said):
    created(installed, "First", "--id", "taken")
    ran = installed("applications", "create", *arguments)
    assert ran.code == code
    assert said in ran.out + ran.err
    assert len(json.loads(installed("applications", "list", "--json").out)) == 1


def test_a_secret_is_rotated_and_the_one_before_is_good_for_a_while(installed):
    first = created(installed, "Shop", "--id", "shop")["secret"]
    second = json.loads(installed("applications", "rotate-secret", "shop", "--json").out)["secret"]
    for secret in (first, second):
        assert in_the_directory(lambda directory, s=secret: directory.authenticate("shop", s))
    later = utc_now() + timedelta(hours=25)
    assert not in_the_directory(lambda directory: directory.authenticate("shop", first, later))
    out = installed("applications", "rotate-secret", "shop", "--overlap", "2h").out
    assert "the one before is good for 2 hours more" in out


def test_a_secret_that_leaked_is_good_no_longer(installed):
    first = created(installed, "Shop", "--id", "shop")["secret"]
    ran = installed("applications", "rotate-secret", "shop", "--now")
    assert "the one before is good no longer" in ran.out
    second = ran.out.split("Secret: ")[1].split()[0]
    assert not in_the_directory(lambda directory: directory.authenticate("shop", first))
    assert in_the_directory(lambda directory: directory.authenticate("shop", second))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody"], 1, "There is no such application."),
        (["app"], 1, "has no secret; create a confidential one"),
        (["shop", "--now", "--overlap", "1h"], 2, "give one of --now and --overlap"),
        (["shop", "--overlap", "long"], 2, "--overlap is 'long'"),
    ],
)
def test_which_secret_is_not_rotated_and_why(installed, arguments, code, said):
    created(installed, "App", "--id", "app", "--public")
    ran = installed("applications", "rotate-secret", *arguments)
    assert (ran.code, said in ran.err) == (code, True)


def test_disabling_ends_the_sessions_of_an_application(installed):
    secret = created(installed, "Shop", "--id", "shop")["secret"]
    session, other = signed_in(application_id="shop"), signed_in()
    assert installed("applications", "disable", "shop").out == "Disabled shop. Ended 1 session.\n"
    assert (reason(session), reason(other)) == (Reason.ADMIN, None)
    assert not in_the_directory(lambda directory: directory.authenticate("shop", secret))
    assert "confidential, disabled" in installed("applications", "list").out
    again = json.loads(installed("applications", "disable", "shop", "--json").out)
    assert again == {"id": "shop", "enabled": False, "ended": 0}
    assert installed("applications", "enable", "shop").out == "Enabled shop.\n"
    assert json.loads(installed("applications", "enable", "shop", "--json").out)["enabled"]
    assert in_the_directory(lambda directory: directory.authenticate("shop", secret))


# ── tenants ───────────────────────────────────────────────────────────────────────────────────


def test_a_tenant_is_created_and_listed(installed):
    shown = json.loads(
        installed("tenants", "create", "acme", "--name", "Acme Corp", "--rule", "lifetime=60m", "--json").out
    )
    assert (shown["slug"], shown["name"], shown["status"]) == ("acme", "Acme Corp", "active")
    assert shown["rules"] == {"lifetime": "1h"}
    assert json.loads(installed("tenants", "list", "--json").out) == [shown]
    assert installed("tenants", "create", "two").out.startswith("Added two.\nId:   ten_")
    assert "lifetime=1h" in installed("tenants", "list").out


def test_suspending_ends_the_sessions_of_a_tenant(installed):
    tenant = json.loads(installed("tenants", "create", "acme", "--json").out)
    sessions = [signed_in(tenant_id=tenant["id"]) for _ in range(2)]
    other = signed_in()
    assert installed("tenants", "suspend", "acme").out == "Suspended acme. Ended 2 sessions.\n"
    assert [reason(session) for session in [*sessions, other]] == [Reason.ADMIN, Reason.ADMIN, None]
    assert "suspended" in installed("tenants", "list").out
    again = json.loads(installed("tenants", "suspend", tenant["id"], "--json").out)
    assert again == {"tenant": tenant["id"], "status": "suspended", "ended": 0}
    assert installed("tenants", "resume", "acme").out == "Resumed acme.\n"
    assert json.loads(installed("tenants", "resume", "acme", "--json").out)["status"] == "active"
    assert in_the_directory(lambda directory: directory.sessions.count(Query(live_at=utc_now()))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "Acme"], 1, "such as acme-corp"),
        (["create", "taken"], 1, "taken already"),
        (["create", "acme", "--rule", "lifetime=1"], 1, "give a number with a unit"),
        (["suspend", "nobody"], 1, "There is no such tenant."),
        (["resume", "nobody"], 1, "There is no such tenant."),
    ],
)
def test_what_is_refused_and_why(installed, arguments, code, said):
    installed("tenants", "create", "taken")
    ran = installed("tenants", *arguments)
    assert (ran.code, said in ran.err) == (code, True)


# ── where it is kept ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("arguments", [["applications", "list"], ["tenants", "create", "acme"]])
def test_no_command_but_migrate_makes_a_database(shell, tmp_path, arguments):
    ran = shell(*arguments)
    assert (ran.code, "sojourn migrate" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_it_is_kept_where_the_accounts_are(shell, tmp_path):
    assert "directory in sqlite:///people.db: 0001_directory" in (
        shell("migrate", "--accounts", "sqlite:///people.db").out
    )
    assert shell("tenants", "create", "acme", "--accounts", "sqlite:///people.db").code == 0
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["people-journal.db", "people.db"]


def test_what_is_long_over_is_purged_with_the_rest(installed):
    ago = utc_now() - timedelta(days=3)
    code = Code(application_id="shop", payload="{}", expires_at=ago)
    assert in_the_directory(lambda directory: directory.store.put_code("digest", code))
    assert not in_the_directory(lambda directory: directory.store.put_code("digest", code))
    assert installed("purge").code == 0
    assert in_the_directory(lambda directory: directory.store.put_code("digest", code))


# ── sessions of an application, of a tenant ───────────────────────────────────────────────────


def test_sessions_are_listed_and_ended_by_application_and_tenant(installed):
    tenant = json.loads(installed("tenants", "create", "acme", "--json").out)["id"]
    other, shop, acme = signed_in(), signed_in(application_id="shop"), signed_in(tenant_id=tenant)
    for arguments, expected in (
        (["--application", "shop"], shop),
        (["--tenant", "acme"], acme),
        (["--user", "ada", "--tenant", tenant], None),
    ):
        expected = expected or signed_in(tenant_id=tenant)
        listed = json.loads(installed("sessions", "list", *arguments, "--json").out)
        assert [row["id"] for row in listed] == [str(expected.id)]
        done = installed("sessions", "revoke", "--all", *arguments, "--yes", "--note", "moved out")
        assert (done.code, reason(expected)) in ((0, Reason.ADMIN),)
    assert reason(other) is None
    assert installed("sessions", "revoke", "--all", "--tenant", "nowhere", "--yes").code == 1
    assert installed("sessions", "revoke", str(other.id), "--application", "shop").code == 2


def test_a_session_is_started_for_a_script_with_tokens_that_are_its_own(installed):
    installed("tenants", "create", "acme")
    created(installed, "Shop", "--id", "shop")
    arguments = ("--user", "ada", "--application", "shop", "--tenant", "acme", "--ip", "192.0.2.7")
    ran = installed("sessions", "start", *arguments, "--access-ttl", "60", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told.keys() == {"access_token", "refresh_token", "session_id", "expires_in"}
    assert 50 <= told["expires_in"] <= 60
    assert told["refresh_token"].startswith("sjr_")
    (row,) = json.loads(installed("sessions", "list", "--application", "shop", "--json").out)
    assert (row["id"], row["ip"]) == (told["session_id"], "192.0.2.7")
    assert "session_id:" in installed("sessions", "start", "--user", "ada").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--application", "nobody"],
        ["--tenant", "nowhere"],
        ["--access-ttl", "soon"],
    ],
)
def test_a_session_for_nobody_is_not_started(installed, arguments):
    ran = installed("sessions", "start", "--user", "ada", *arguments)
    assert ran.code in (1, 2)
    assert ran.err.startswith("sojourn: ")
    assert json.loads(installed("sessions", "list", "--json").out) == []
