"""What commands print on a terminal, and what elsewhere."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from sojourn.cli.output import ago, ask, print_table, progress
from sojourn.testing import MORNING


@pytest.fixture
def terminal(monkeypatch):
    """Standard streams that say they are a terminal."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    streams = {name: Terminal() for name in ("stdin", "stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(f"sys.{name}", stream)
    return streams


def test_a_pipe_gets_plain_columns(capsys):
    print_table(("a", "long"), [("wide cell", "x"), ("y", "")])
    assert capsys.readouterr().out == "a          long\nwide cell  x\ny\n"


def test_a_terminal_gets_a_table_that_obeys_no_markup(terminal):
    print_table(("device",), [("[bold]Chrome[/bold]",)])
    assert "[bold]Chrome[/bold]" in terminal["stdout"].getvalue()
    assert "─" in terminal["stdout"].getvalue()


def test_progress_is_told_on_a_terminal_only(capsys):
    with progress("Purging …") as tell:
        tell("1000 sessions")
    assert capsys.readouterr() == ("", "")


def test_progress_leaves_the_output_alone(terminal):
    with progress("Purging …") as tell:
        tell("1000 sessions")
    assert terminal["stdout"].getvalue() == ""


@pytest.mark.parametrize(("typed", "said"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_a_question_is_answered_by_whoever_is_there(terminal, typed, said):
    terminal["stdin"].write(typed)
    terminal["stdin"].seek(0)
    assert ask("End 3 sessions?") is said
    assert terminal["stderr"].getvalue() == "End 3 sessions? [y/N] "


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "now"),
        (timedelta(minutes=-5), "5 minutes ago"),
        (timedelta(days=14), "in 14 days"),
        (timedelta(seconds=-1), "1 second ago"),
    ],
)
def test_times_are_told_from_now(span, said):
    assert ago(MORNING + span, MORNING) == said
