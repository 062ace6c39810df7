"""The account page in the reader's language."""

from __future__ import annotations

import re

import pytest

from sojourn.web.headers import Headers
from sojourn.web.pages.language import ENGLISH, LANGUAGES, Words, spoken, words

PAGE = "/account/security"


def asked(header: str | None) -> str:
    raw = {} if header is None else {b"accept-language": header.encode()}
    return spoken(Headers(raw)).code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("en;q=0.5, fr;q=0.9", "fr"),
        ("ja,es;q=0.4", "es"),
        ("ja", "en"),
        ("ar;q=0, zh-Hans;q=0.1", "zh"),
        ("de;q=banana", "en"),
        ("*", "en"),
        (";;;,,,;q=", "en"),
        ("x" * 10_000, "en"),
        (",".join(["ja"] * 5000) + ",de", "en"),
    ],
)
def test_the_reader_s_browser_chooses(header, code):
    assert asked(header) == code


@pytest.mark.parametrize(
    ("code", "count", "form"),
    [
        ("en", 0, "other"), ("en", 1, "one"), ("fr", 0, "one"), ("fr", 2, "other"), ("zh", 1, "other"),
        ("ar", 0, "zero"), ("ar", 1, "one"), ("ar", 2, "two"), ("ar", 3, "few"), ("ar", 11, "many"),
        ("ar", 100, "other"), ("ar", 103, "few"), ("ar", 102, "other"), ("de", 1, "one"), ("es", 0, "other"),
    ],
)  # fmt: skip
def test_each_language_has_its_plural_forms(code, count, form):
    """As Unicode CLDR has them."""
    assert words(code)._form(count) == form


def test_what_is_put_in_is_escaped():
    said = ENGLISH("row.signOutOf", device="<img onerror=alert(1)>")
    assert said == "Sign out of &lt;img onerror=alert(1)&gt;"


def test_a_sentence_with_a_brace_in_a_value_stays_a_sentence():
    assert ENGLISH("row.signOutOf", device="{0.__class__}") == "Sign out of {0.__class__}"


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_is_in_that_language_and_direction(ada, code):
    page = ada.get(PAGE, headers={"accept-language": code}).text
    say: Words = words(code)
    assert re.search(rf'<html lang="{code}" dir="{say.direction}">', page)
    for key in ("sessions.title", "page.lead", "tips.review", "history.title"):
        assert say(key) in page


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_key_and_no_placeholder_is_left(ada, code, server):
    server.browser().sign_in()
    for path in (PAGE, f"{PAGE}/sign-out-others", f"{PAGE}/sign-out/{ada.rows()[1]['id']}"):
        page = re.sub(r"<script.*?</script>", "", ada.get(path, headers={"accept-language": code}).text)
        text = re.sub(r"<[^>]+>", " ", page)
        assert not re.search(r"\{\w*\}", text)
        assert not re.search(r"\b(row|sessions|page|tips|time|ago|ended|others)\.[a-z]\w+", text)


def test_caches_know_that_it_depends_on_the_language(ada):
    assert "Accept-Language" in ada.get(PAGE).headers["vary"]


def test_the_script_finds_the_same_facts_in_the_page(ada):
    page = ada.get(PAGE, headers={"accept-language": "de"}).text
    (boot,) = re.findall(r'<script type="application/json" id="sojourn-boot">(.*?)</script>', page)
    assert "<" not in boot
    assert '"locale":"de"' in boot
    listed = ada.get("/api/auth/sessions").json()["sessions"]
    assert all(row["id"] in boot for row in listed)


@pytest.mark.parametrize("agent", ["</script><script>alert(1)</script>", "<!--<script>"])
def test_a_hostile_device_closes_no_element(server, agent):
    server.browser().sign_up()
    thief = server.browser(agent.encode("utf-8").decode("latin-1"))
    thief.sign_in()
    page = thief.get(PAGE).text
    assert page.count("</script>") == 2
    assert "alert(1)</script>" not in page


@pytest.mark.req("E-05")
def test_law_06_the_page_s_facts_hold_no_token(ada):
    assert ada.token is not None
    assert ada.token not in ada.get(PAGE).text
