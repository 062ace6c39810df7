"""The command as a whole: help, errors, exit codes, and the pages of the reference."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection

import pytest

from sojourn.cli import run
from sojourn.cli.listening import bind
from sojourn.cli.tree import app, known
from sojourn.demo import ADMIN, USER
from sojourn.errors import SettingsError
from sojourn.settings import FIELDS
from tests.cli.reference import FOLDER, PAGES

SOJOURN = [sys.executable, "-m", "sojourn"]


def test_the_version_is_printed(shell):
    import sojourn

    assert shell("--version").out.strip() == sojourn.__version__


def test_without_a_command_all_are_listed_with_what_they_do(shell):
    printed = shell().out
    for name in (
        *("serve", "demo", "sessions", "users", "applications", "tenants"),
        *("purge", "worker", "keys", "migrate", "doctor"),
    ):
        assert f"\n│ {name} " in printed
    assert "Delete the records" in printed


@pytest.mark.parametrize("words", [words for words, _ in known()])
def test_every_help_says_what_it_does_and_names_the_variables_of_its_options(shell, words):
    ran = shell(*words.split(), "--help")
    text = " ".join(ran.out.replace("│", " ").split())
    assert ran.code == 0
    for field in FIELDS:
        if f" {field.option} " in text and not field.secret:
            assert f"env: {field.env}" in text, field.option


def test_serve_has_every_setting_that_is_no_secret_and_of_use(shell):
    text = shell("serve", "--help").out
    left_out = {field.name for field in FIELDS if field.secret} | {"places_from", "places_redirects"}
    assert [f.name for f in FIELDS if f"{f.option} " not in text] == [
        f.name for f in FIELDS if f.name in left_out
    ]


@pytest.mark.parametrize("arguments", [["sesions"], ["purge", "--stor", "x"], ["sessions", "revoke", "7"]])
def test_a_line_that_cannot_be_read_is_explained(shell, arguments):
    ran = shell(*arguments)
    assert ran.code == 2
    assert "Error" in ran.out + ran.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (SettingsError("a is b; c"), 2, "sojourn: a is b; c\n"),
        (OSError(errno.ENOSPC, "No space left"), 1, "sojourn: [Errno 28] No space left\n"),
        (sqlite3.OperationalError("disk I/O error"), 1, "sojourn: disk I/O error\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line(shell, monkeypatch, error, code, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("sojourn.cli.keys.generate.generate", fail)
    monkeypatch.setattr("sojourn.keyring.write", fail)
    ran = shell("keys", "generate")
    assert (ran.code, ran.err) == (code, said)


def test_the_remedy_of_a_fault_is_told(shell, tmp_path):
    (tmp_path / "sojourn.db").write_text("not a database, but long enough to look like one " * 20)
    ran = shell("purge")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "is not an SQLite database. Correct the path" in ran.err


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("sojourn.keyring.write", fail)
    with pytest.raises(ZeroDivisionError):
        run(["keys", "generate"])


def test_a_port_that_is_taken_is_named_with_the_way_out():
    with bind("127.0.0.1", 0, other="") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} is taken; .* PORT=8080"):
            bind("127.0.0.1", port, other="choose PORT=8080")


def test_a_host_that_is_not_here_is_said():
    with pytest.raises(SettingsError, match="SOJOURN_HOST"):
        bind("203.0.113.1", 0, other="")


def test_an_early_end_of_the_reader_is_no_error():
    read, write = os.pipe()
    os.close(read)
    try:
        ran = subprocess.run([*SOJOURN, "--help"], stdout=write, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(write)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_a_process_without_settings_fails_without_a_traceback(tmp_path):
    ran = subprocess.run([*SOJOURN, "purge"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr.startswith("sojourn: there is no database at ")
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a signal that Windows does not have")
def test_the_demo_answers_and_ends_with_the_interrupt_key(tmp_path):
    with bind("127.0.0.1", 0, other="") as listener:
        port = listener.getsockname()[1]
    command = [*SOJOURN, "demo", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = _until(demo.stdout)
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
    for what in ("demo", f"http://127.0.0.1:{port}/account/security", USER.email, ADMIN.password, "Ctrl-C"):
        assert what in said
    assert [path.name for path in tmp_path.iterdir()] == [".sojourn-demo"]


def _until(lines, last="Ctrl-C"):
    """What was printed up to the line that says how to stop; from then on the port answers."""
    said = ""
    while last not in said:
        line = lines.readline()
        assert line, said
        said += line
    return said


def test_keys_are_made_without_loading_a_server(tmp_path):
    code = (
        "import sys; from sojourn.cli import run; run(['keys', 'generate']); "
        "print([m for m in ('uvicorn', 'starlette', 'sqlite3', 'ua_parser') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_as_the_code_has_it(name):
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run `python -m tests.cli.reference`"


def test_the_tree_names_each_command_once():
    words = [words for words, _ in known(app)]
    assert len(words) == len(set(words)) == 44
