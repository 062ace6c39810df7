"""What commands print on a terminal, and what elsewhere."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from sojourn.cli.output import ago, ask, print_table, progress
from sojourn.testing import MORNING


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Call it in the test: from then on the standard streams say that they are a terminal."""

    def begin():
        streams = Terminal(), Terminal()
        monkeypatch.setattr("sys.stdout", streams[0])
        monkeypatch.setattr("sys.stderr", streams[1])
        return streams

    return begin


def test_a_pipe_gets_plain_columns(capsys):
    print_table(("a", "long"), [("wide cell", "x"), ("y", "")])
    assert capsys.readouterr().out == "a          long\nwide cell  x\ny\n"


def test_a_terminal_gets_a_table_that_obeys_no_markup(terminal):
    out, _ = terminal()
    print_table(("device",), [("[bold]Chrome[/bold]",)])
    printed = out.getvalue()
    assert "[bold]Chrome[/bold]" in printed
    assert "─" in printed


def test_progress_is_told_on_a_terminal_only(capsys):
    with progress("Purging …") as tell:
        tell("1000 sessions")
    assert capsys.readouterr() == ("", "")


def test_progress_leaves_the_output_alone(terminal):
    out, err = terminal()
    with progress("Purging …") as tell:
        tell("1000 sessions")
    assert "Purging" in err.getvalue()
    assert out.getvalue() == ""


@pytest.mark.parametrize(("typed", "said"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_a_question_is_answered_by_whoever_is_there(terminal, monkeypatch, typed, said):
    _, err = terminal()
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert ask("End 3 sessions?") is said
    assert err.getvalue() == "End 3 sessions? [y/N] "


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
