"""The tree of commands. Each is imported when it is called, so `sojourn keys generate` loads no server."""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import App

import sojourn

__all__ = ["app", "known"]

app = App(
    name="sojourn",
    help="Sessions that people can see, revoke and trust.",
    version=sojourn.__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
_sessions = App(name="sessions", help="See who is signed in, and sign people out.")
_users = App(name="users", help="Add, list, export and erase the people who may sign in.")
_applications = App(name="applications", help="Add and list what may have people sign in here.")
_tenants = App(name="tenants", help="Add, list and suspend the organisations whose people sign in here.")
_places = App(name="places", help="Fetch the database that tells where an address is, and look one up.")
_journal = App(name="journal", help="What happened to sessions: read it, hand it on, check it.")
_alerts = App(name="alerts", help="What is unusual about sessions, and who looks after it.")
_policy = App(name="policy", help="Try out rules of sessions before they hold.")
_keys = App(name="keys", help="Make and rotate the server keys.")

app.command("sojourn.cli.demo:demo", name="demo")
app.command("sojourn.cli.serve:serve", name="serve")
for branch in (_sessions, _users, _applications, _tenants, _places, _journal, _alerts, _policy, _keys):
    app.command(branch)
_sessions.command("sojourn.cli.sessions.list:list_sessions", name="list")
_sessions.command("sojourn.cli.sessions.search:search_sessions", name="search")
_sessions.command("sojourn.cli.sessions.start:start", name="start")
_sessions.command("sojourn.cli.sessions.revoke:revoke", name="revoke")
_users.command("sojourn.cli.users.create:create", name="create")
_users.command("sojourn.cli.users.list:list_users", name="list")
_users.command("sojourn.cli.users.export:export", name="export")
_users.command("sojourn.cli.users.erase:erase", name="erase")
_applications.command("sojourn.cli.applications.create:create", name="create")
_applications.command("sojourn.cli.applications.list:list_applications", name="list")
_applications.command("sojourn.cli.applications.rotate_secret:rotate_secret", name="rotate-secret")
_applications.command("sojourn.cli.applications.disable:disable", name="disable")
_applications.command("sojourn.cli.applications.enable:enable", name="enable")
_tenants.command("sojourn.cli.tenants.create:create", name="create")
_tenants.command("sojourn.cli.tenants.list:list_tenants", name="list")
_tenants.command("sojourn.cli.tenants.suspend:suspend", name="suspend")
_tenants.command("sojourn.cli.tenants.resume:resume", name="resume")
_places.command("sojourn.cli.places.update:update", name="update")
_places.command("sojourn.cli.places.lookup:lookup", name="lookup")
_journal.command("sojourn.cli.journal.tail:tail", name="tail")
_journal.command("sojourn.cli.journal.export:export", name="export")
_journal.command("sojourn.cli.journal.verify:verify", name="verify")
_alerts.command("sojourn.cli.alerts.list:list_alerts", name="list")
_alerts.command("sojourn.cli.alerts.ack:acknowledge", name="ack")
_alerts.command("sojourn.cli.alerts.resolve:resolve", name="resolve")
_policy.command("sojourn.cli.policy.simulate:simulate", name="simulate")
_keys.command("sojourn.cli.keys.generate:generate", name="generate")
_keys.command("sojourn.cli.keys.rotate:rotate", name="rotate")
app.command("sojourn.cli.stats:stats", name="stats")
app.command("sojourn.cli.migrate:migrate", name="migrate")
app.command("sojourn.cli.worker:worker", name="worker")
app.command("sojourn.cli.purge:purge", name="purge")
app.command("sojourn.cli.doctor:doctor", name="doctor")


def known(tree: App = app) -> Iterator[tuple[str, App]]:
    """Every command below *tree* with its words, such as "keys rotate"; this imports them all."""
    for name in sorted(set(tree) - {*tree.help_flags, *tree.version_flags}):
        yield name, tree[name]
        for words, command in known(tree[name]):
            yield f"{name} {words}", command
