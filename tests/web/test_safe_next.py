"""The open redirects that people have found elsewhere, and the paths that must still work."""

from __future__ import annotations

import pytest

from sojourn.api.redirects import HOME
from sojourn.web.pages import safe_next

AWAY = (
    "",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "//\\evil.example",
    "/%2fevil.example",
    "/%2Fevil.example",
    "/%2f%2fevil.example",
    "%2f%2fevil.example",
    "/%252fevil.example",
    "/%25252fevil.example",
    "/%5cevil.example",
    "/%5Cevil.example",
    "/%255cevil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example",
    "/\x0b/evil.example",
    "/a\r\nLocation: https://evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "http://evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "HTTPS://evil.example",
    "ftp://evil.example",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "blob:https://evil.example/x",
    "evil.example",
    "evil.example/path",
    "@evil.example",
    "user@evil.example",
    "?next=//evil.example",
    "#//evil.example",
    ".evil.example",
    "./account",
    "../account",
    "/.//evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "/../evil",
    "/%2e%2e//evil.example",
    "/account/../../evil",
    "/account//evil.example",
    "/https://evil.example",
    "\u3002\u3002/evil.example",
    "/\uff0fevil.example",
    "\uff0f\uff0fevil.example",
    "/\u2044evil.example",
    "/\u3002evil.example",
    "/%ef%bc%8fevil.example",
    "/\u202e//evil.example",
    "/evil\ud83d\ude00",
    "/\U0001f600",
    "/%f0%9f%98%80",
    "//evil%00.example",
    "//[::1]/",
    "//127.1/",
    "/sign-in",
    "/sign-in/?next=/sign-in",
    "/sign-out",
    "/" + "a" * 3000,
)


@pytest.mark.req("TH-17")
@pytest.mark.parametrize("text", AWAY)
def test_nothing_leads_away(text: str):
    assert safe_next(text) == HOME


@pytest.mark.parametrize(
    "text",
    ["/", "/account/security", "/admin?search=a%2fb", "/a?next=//b", "/a#b", "/a:b", "/a@b", "/a?b=%5c%0a"],
)
def test_a_path_of_ours_is_kept(text: str):
    assert safe_next(text) == text
