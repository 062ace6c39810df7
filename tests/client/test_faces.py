"""Two clients with the same verbs: one blocks, one suspends; either is light to import and safe to fork."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx2
import pytest

from sojourn.client import (
    connect,
    connect_async,
)
from tests.client.kit import ACCESS, LIST, Script


def test_the_blocking_client_does_not_stop_an_event_loop():
    client = connect("https://good.test", transport=httpx2.MockTransport(Script(LIST)))

    async def main() -> None:
        client.sessions.list(ACCESS)

    with pytest.raises(RuntimeError, match="connect_async"):
        asyncio.run(main())


@pytest.mark.parametrize("namespace", ["sessions", "auth", "admin", "tokens"])
def test_both_faces_have_the_same_verbs_and_say_their_request(namespace):
    blocking = type(getattr(connect("https://good.test"), namespace))
    suspending = type(getattr(connect_async("https://good.test"), namespace))
    verbs = {name for name in dir(suspending) if not name.startswith("_")}
    assert verbs == {name for name in dir(blocking) if not name.startswith("_")}
    for name in verbs:
        for face in (blocking, suspending):
            assert (getattr(face, name).__doc__ or "").startswith(
                ("`GET /", "`POST /", "`PATCH /", "`DELETE /")
            ), name


FORKED = """
import os
from sojourn.client import connect
client = connect("https://good.test", application="a", secret="b")
own, mine = client.wire.seam._own, object()
assert own.get(lambda: mine) is mine is own.get(object)
lock = client.tokens._verbs._lock._lock
lock.acquire()
child = os.fork()
if child == 0:
    free = client.tokens._verbs._lock._lock.acquire(blocking=False)
    os._exit(0 if free and own.get(object) is not mine else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_connections_and_locks_of_its_own():
    ran = subprocess.run([sys.executable, "-c", FORKED], check=True, capture_output=True, text=True)
    assert ran.stdout == "0\n"


@pytest.mark.parametrize("module", ["sojourn.client", "sojourn.client.remote", "sojourn.client.middleware"])
def test_importing_it_loads_no_framework_and_no_driver(module):
    program = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    heavy = {"httpx2", "starlette", "jinja2", "cyclopts", "sqlite3", "joserfc", "ua_parser"}
    heavy |= {"asyncio", "ssl"} if not module.endswith("middleware") else set()
    assert module in ran.stdout.split()
    assert heavy & set(ran.stdout.split()) == set()
