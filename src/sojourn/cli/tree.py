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
_users = App(name="users", help="Add and list the people who may sign in.")
_applications = App(name="applications", help="Add and list what may have people sign in here.")
_tenants = App(name="tenants", help="Add, list and suspend the organisations whose people sign in here.")
_keys = App(name="keys", help="Make and rotate the server keys.")

app.command("sojourn.cli.demo:demo", name="demo")
app.command("sojourn.cli.serve:serve", name="serve")
for branch in (_sessions, _users, _applications, _tenants, _keys):
    app.command(branch)
_sessions.command("sojourn.cli.sessions.list:list_sessions", name="list")
_sessions.command("sojourn.cli.sessions.start:start", name="start")
_sessions.command("sojourn.cli.sessions.revoke:revoke", name="revoke")
_users.command("sojourn.cli.users.create:create", name="create")
_users.command("sojourn.cli.users.list:list_users", name="list")
_applications.command("sojourn.cli.applications.create:create", name="create")
_applications.command("sojourn.cli.applications.list:list_applications", name="list")
_applications.command("sojourn.cli.applications.rotate_secret:rotate_secret", name="rotate-secret")
_applications.command("sojourn.cli.applications.disable:disable", name="disable")
_applications.command("sojourn.cli.applications.enable:enable", name="enable")
_tenants.command("sojourn.cli.tenants.create:create", name="create")
_tenants.command("sojourn.cli.tenants.list:list_tenants", name="list")
_tenants.command("sojourn.cli.tenants.suspend:suspend", name="suspend")
_tenants.command("sojourn.cli.tenants.resume:resume", name="resume")
_keys.command("sojourn.cli.keys.generate:generate", name="generate")
_keys.command("sojourn.cli.keys.rotate:rotate", name="rotate")
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
