"""Which scripts the browser was given: else a thing might be compared with itself, and nobody know."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.account.bundle import committed, stamp
from tests.browser.account.site import HOME, taken_over
from tests.web.test_bundle import sha256

pytestmark = [pytest.mark.browser, pytest.mark.runtime]

# React notes itself on the element into which it renders; Preact does the same under another name.
MARKS = "() => Object.keys(document.querySelector('#sojourn-account > div'))"


def test_the_page_runs_on_what_was_asked_for(person, static: Path):
    marks = person.on().evaluate(MARKS)
    on_react = any(name.startswith("__reactContainer$") for name in marks)
    assert on_react == (stamp(static)["runtime"] == "react")
    assert on_react or static == committed


def test_every_script_of_the_page_is_of_that_build(person, static: Path):
    page = person.on(path=None)
    answers = []
    page.on("response", lambda answer: answers.append(answer) if answer.url.endswith(".js") else None)
    page.goto(HOME)
    taken_over(page)
    given = {urlsplit(answer.url).path.rpartition("/")[2]: sha256(answer.body()) for answer in answers}
    assert {"account.js", "client.js", "shared.js"} <= given.keys()
    made = stamp(static)["outputs"]
    assert given == {name: made[name] for name in given}
