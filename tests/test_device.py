"""What people read about their devices, and what no header can do to it."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json as msgspec_json

from sojourn import device
from sojourn.device import clean, describe, same_family
from sojourn.session import Device

AGENTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "user_agents.json").read_text())

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36{}"
)
CHROME = WINDOWS.format("Chrome/143.0.0.0", "")
EDGE = WINDOWS.format("Chrome/143.0.0.0", " Edg/143.0.0.0")
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Safari/537.36"
)
LINUX = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/143.0.0.0 Mobile Safari/537.36"
)
IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.7 Mobile/15E148 Safari/604.1"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.7 Safari/605.1.15"
)


def seen(agent: str = "", **hints: str) -> Device:
    """What is made of *agent* and hints: `platform` stands for `sec-ch-ua-platform`, `ua` for `sec-ch-ua`."""
    names = {key: "sec-ch-ua" if key == "ua" else f"sec-ch-ua-{key.replace('_', '-')}" for key in hints}
    return describe({"user-agent": agent} | {names[key]: value for key, value in hints.items()})


def brands(**versions: str) -> str:
    """A brand list as Chromium sends it, with its nonsense brand."""
    named = {"Not?A_Brand": "99", "Chromium": "143"} | {k.replace("_", " "): v for k, v in versions.items()}
    return ", ".join(f'"{name}";v="{version}"' for name, version in named.items())


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which the extra `devices` is not installed."""
    monkeypatch.setitem(sys.modules, "ua_parser", None)
    device._rules.cache_clear()
    device._described.cache_clear()
    yield
    device._rules.cache_clear()
    device._described.cache_clear()


# -- the user agent


@pytest.mark.parametrize("row", AGENTS, ids=[f"{n}: {row['name']}" for n, row in enumerate(AGENTS)])
def test_a_device_is_named_for_people(row):
    found = seen(row["agent"])
    assert (found.name, found.kind) == (row["name"], row["kind"])
    assert (found.model, found.os_version) == (row.get("model"), row.get("os_version"))


def test_the_parts_make_up_the_name():
    assert seen(MAC) == Device(
        kind="desktop",
        name="Chrome 143 on macOS",
        model="Mac",
        browser="Chrome",
        browser_version="143",
        os="macOS",
        user_agent=MAC,
    )


def test_the_device_id_is_the_caller_s():
    assert describe({}, id="abc").id == "abc"
    assert describe({}).id is None


@pytest.mark.parametrize(
    "headers", [{}, {"user-agent": ""}, {"user-agent": " \t"}, {"user-agent": "Mozilla/5.0"}]
)
def test_who_says_nothing_is_unknown(headers):
    found = describe(headers)
    assert (found.name, found.kind, found.browser, found.os) == ("Unknown device", "unknown", None, None)


@pytest.mark.parametrize("agent", [CHROME, MAC, SAFARI, ANDROID, FIREFOX, LINUX])
def test_a_frozen_version_is_not_shown(agent):
    assert seen(agent).os_version is None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("My%20Bank/3.2 CFNetwork/3826.400.120 Darwin/24.3.0", "My Bank 3.2"),
        ("My%0d%0aBank%1b%5b31m/3.2 CFNetwork/3826.400.120 Darwin/24.3.0", "My Bank 3.2"),
        ("Python/3.12 aiohttp/3.13.2", "aiohttp 3.13"),
        ("Python/3.12", "Python 3.12"),
        ("kube-probe", "kube-probe"),
    ],
)
def test_a_program_is_called_what_it_calls_itself(agent, name):
    found = seen(agent)
    assert (found.name, found.kind) == (name, "api")


def test_an_application_on_a_phone_is_a_phone():
    found = seen("AcmeBank/5.3 (Android 15; Pixel 9) okhttp/4.12.0")
    assert (found.name, found.kind, found.model) == ("AcmeBank 5.3 on Android", "mobile", "Pixel 9")


def test_an_electron_application_without_a_name_is_electron():
    agent = WINDOWS.format("Chrome/138.0.7204.251 Electron/37.6.0", "")
    assert seen(agent).name == "Electron 37 on Windows"


def test_a_bot_without_a_name_is_a_bot(monkeypatch):
    monkeypatch.setattr(device, "_said", lambda agent: Device(kind="bot"))
    assert seen("Mozilla/5.0 (x)").name == "Bot"


# -- Client Hints


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("15.0.0", "Edge 143 on Windows 11"),
        ("13.0.0", "Edge 143 on Windows 11"),
        ("11.0.0", "Edge 143 on Windows"),
        ("10.0.0", "Edge 143 on Windows 10"),
        ("0.3.0", "Edge 143 on Windows"),
        ("", "Edge 143 on Windows"),
        ("eleven", "Edge 143 on Windows"),
    ],
)
def test_only_the_hint_tells_windows_11(version, name):
    found = seen(EDGE, platform='"Windows"', platform_version=f'"{version}"', ua=brands(Microsoft_Edge="143"))
    assert (found.name, found.os) == (name, "Windows")


@pytest.mark.parametrize(
    ("platform", "version", "os", "os_version"),
    [
        ("macOS", "15.6.1", "macOS", "15.6"),
        ("macOS", "26.0.0", "macOS", "26"),
        ("Linux", "6.8.0", "Linux", None),
        ("Chrome OS", "16033.58.0", "ChromeOS", None),
        ("Chromium OS", "", "ChromeOS", None),
        ("Fuchsia", "", "Fuchsia", None),
        ("Unknown", "", None, None),
    ],
)
def test_the_system_comes_from_the_hint(platform, version, os, os_version):
    found = seen(platform=f'"{platform}"', platform_version=f'"{version}"')
    assert (found.os, found.os_version) == (os, os_version)


def test_a_version_of_another_system_is_not_borrowed():
    old = "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.0"
    assert seen(old, platform='"Linux"').os_version is None
    assert seen(old).os_version == "7"


def test_the_model_comes_from_the_hint():
    found = seen(ANDROID, model='"Pixel 9"', platform='"Android"', platform_version='"16.0.0"', mobile="?1")
    assert (found.model, found.os_version, found.kind) == ("Pixel 9", "16", "mobile")
    assert seen(ANDROID, model='""').model is None
    assert seen(MAC, model='"MacBook Pro"').model == "MacBook Pro"


@pytest.mark.parametrize(
    ("mobile", "platform", "kind"),
    [
        ("?1", "Android", "mobile"),
        ("?0", "Android", "tablet"),
        ("?0", "Windows", "desktop"),
        ("?1", "Fuchsia", "mobile"),
        ("?0", "Fuchsia", "unknown"),
        ("yes", "Windows", "desktop"),
    ],
)
def test_the_kind_needs_no_user_agent(mobile, platform, kind):
    assert seen(mobile=mobile, platform=f'"{platform}"').kind == kind


@pytest.mark.parametrize(
    ("agent", "listed", "name"),
    [
        (CHROME, brands(Google_Chrome="143"), "Chrome 143 on Windows"),
        (CHROME, brands(), "Chrome 143 on Windows"),
        (CHROME, brands(Brave="143"), "Brave 143 on Windows"),
        (EDGE, brands(Microsoft_Edge="143"), "Edge 143 on Windows"),
        (EDGE, brands(Microsoft_Edge_WebView2="143", Microsoft_Edge="143"), "Edge 143 on Windows"),
        (CHROME, brands(Opera="125"), "Opera 125 on Windows"),
        (CHROME, brands(Yowser="2.5", YaBrowser="25.10"), "Yandex Browser 25 on Windows"),
        (CHROME, brands(HeadlessChrome="143"), "Headless Chrome 143 on Windows"),
        (ANDROID, brands(Samsung_Internet="29.0"), "Samsung Internet 29 on Android"),
        ("", brands(Google_Chrome="143"), "Chrome 143"),
        ("", brands(Android_WebView="143"), "In-app browser 143"),
        ("", brands(), "Chromium 143"),
        ("", brands(Brave=""), "Brave"),
        ("", '"Not A;Brand";v="99"', "Unknown device"),
        ("", r'"Not\\A\"Brand";v="99", "A \"good\" one";v="2"', 'A "good" one 2'),
        ("", r'"(Not(A:Brand";v="8" , "Acme" ; v = "7.1"', "Acme 7"),
        ("", '"";v="1"', "Unknown device"),
        ("", '"Acme;v="7", "Brave";v="143"', "Brave 143"),
        ("", 'Brave;v=143, "', "Unknown device"),
        ("", ";;,,==", "Unknown device"),
    ],
)
def test_the_most_specific_brand_names_the_browser(agent, listed, name):
    assert seen(agent, ua=listed).name == name
    assert (
        seen(agent, full_version_list=listed, ua='"Other";v="1"' if name != "Unknown device" else "").name
        == name
    )


def test_an_application_s_own_name_beats_its_engine_s_brand():
    agent = WINDOWS.format("Code/1.106.2 Chrome/138.0.7204.251 Electron/37.6.0", "")
    assert seen(agent, ua=brands()).name == "Code 1 on Windows"


def test_hints_do_not_turn_a_tool_into_a_browser():
    assert seen("curl/8.5.0", ua=brands(Google_Chrome="143"), platform='"macOS"').name == "curl 8.5"


def test_headless_chrome_is_a_bot_whatever_its_user_agent_says():
    assert seen(CHROME, ua=brands(HeadlessChrome="143")).kind == "bot"


@pytest.mark.parametrize("platform", ['"macOS"', "macOS", '  "macOS"  ', r'"mac\OS"'])
def test_a_hint_without_its_quotes_is_understood(platform):
    assert seen(platform=platform).os == "macOS"


# -- hostile headers (TH-13)

HOSTILE = {
    "line breaks": "Mozilla/5.0 (X11; Linux)\r\nSet-Cookie: a=b\r\n\r\n2026-01-01 INFO all is well",
    "nul": "cu\x00rl/8.5.0\x00",
    "colour": "\x1b[31mcurl\x1b[0m/8.5.0",
    "window title": "\x1b]0;owned\x07curl/8.5.0",
    "unfinished escape": "\x1b]0;curl/8.5.0",
    "eight-bit controls": "\x9b31mcurl/8.5.0\x85",
    "right-to-left override": "\u202egnp.exe\u202c curl/8.5.0",
    "isolates": "\u2066curl\u2069/8.5.0",
    "zero width": "c\u200bu\u200dr\ufeffl/8.5.0",
    "invisible letters": "\u3164\u2800cu\ufe0frl/8.5.0",
    "line separators": "curl/8.5.0\u2028x\u2029y",
    "tags": "curl/8.5.0\U000e0041\U000e0042",
    "lone surrogate": "curl/8.5.0 \udc80\ud800",
    "utf-8 read as latin-1": "Mozilla/5.0 (Linux; Android 14; Téléphone)".encode().decode("latin-1"),
    "every byte": bytes(range(256)).decode("latin-1"),
    "64 kB": "A" * 65_536,
    "64 kB of brackets": "Mozilla/5.0 (Linux; Android 14; " + "(" * 65_536,
    "64 kB of escapes": "\x1b[" * 32_768,
    "64 kB of nothing": "\u200b" * 65_536,
    "formula": '=HYPERLINK("https://example.org";"Click")',
    "markup": "<script>alert(1)</script>",
    "a long version": "curl/" + "9" * 400,
    "a long model": "Mozilla/5.0 (Linux; Android 14; " + "M" * 400 + ") Mobile",
}


def assert_harmless(found: Device) -> None:
    """Every text is one printable line of bounded length that any log and any database takes."""
    labels = (found.name, found.model, found.browser, found.browser_version, found.os, found.os_version)
    assert len(found.user_agent) <= 512
    assert all(len(text) <= 64 for text in labels if text is not None)
    for text in filter(None, (*labels, found.user_agent)):
        assert text.isprintable()
        assert text == clean(text)
        assert text.encode()
    assert found.name
    assert msgspec_json.decode(msgspec_json.encode(found), type=Device) == found


@pytest.mark.req("TH-13")
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_becomes_a_harmless_line(hostile):
    assert_harmless(seen(hostile))
    assert_harmless(seen(CHROME, ua=hostile, full_version_list=hostile, platform=hostile, model=hostile))
    assert_harmless(seen("", ua=f'"{hostile}";v="{hostile}"', mobile=hostile, platform_version=hostile))


@pytest.mark.req("TH-13")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\r\ntwo\x00\tthree", "one two three"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1b]unfinished", "]unfinished"),
        ("abc\u202edef\u2066\u2069", "abcdef"),
        ("a\u200b\u00adb\u00a0\u3000c", "ab c"),
        ("Zoë's Mac 日本", "Zoë's Mac 日本"),
        ("\udc80ok", "ok"),
        ("=1+1", "=1+1"),
    ],
)
def test_clean_keeps_what_is_visible(text, line):
    assert clean(text) == line


def test_clean_cuts_to_the_limit():
    assert clean("ab cd", 3) == "ab"
    assert len(clean("x" * 10_000)) == 512


@pytest.mark.req("TH-13")
@given(text=st.text(st.characters()), limit=st.integers(0, 80))
def test_cleaning_twice_changes_nothing(text, limit):
    once = clean(text, limit)
    assert len(once) <= limit
    assert clean(once, limit) == once


WORDS = (
    "Mozilla/5.0 (",
    "Linux; Android 14; ",
    "Macintosh; ",
    "iPad; ",
    "CriOS/",
    "Electron/3",
    "PowerShell/",
)
SIGNS = ("Chrome/143.0", "Mobile ", "Not", "Brand", ")", " ", '"', "\\", '";v="', "%0a", "%1b", "\x1b[")
FRAGMENTS = st.sampled_from(WORDS + SIGNS)
TEXT = st.text(st.characters(), max_size=8)  # lone surrogates included
HEADER = st.lists(FRAGMENTS | TEXT, max_size=20).map("".join)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "user-agent": HEADER,
        "sec-ch-ua": HEADER,
        "sec-ch-ua-full-version-list": HEADER,
        "sec-ch-ua-mobile": HEADER,
        "sec-ch-ua-platform": HEADER,
        "sec-ch-ua-platform-version": HEADER | st.from_regex(r'"[0-9.]*"', fullmatch=True),
        "sec-ch-ua-model": HEADER,
    },
)


@pytest.mark.req("TH-13")
@given(headers=HEADERS)
def test_any_header_becomes_a_harmless_line(headers):
    found = describe(headers)
    assert_harmless(found)
    assert describe(headers) == found


@pytest.mark.req("TH-13")
def test_a_megabyte_costs_no_more_than_a_line():
    device.warm()
    began = time.process_time()
    for text in ('\\"' * 500_000, "Android 1; (" * 80_000, "\x1b]" * 500_000, "Macintosh; " * 90_000):
        seen(text, ua=text, full_version_list=text, platform=text, model=text)
    assert time.process_time() - began < 1


# -- the same device again (CT-02)

SAME = [
    (CHROME, CHROME.replace("143", "144")),
    (FIREFOX, FIREFOX.replace("145", "152")),
    (IPAD, IPAD.replace("17_7", "18_1").replace("17.7", "18.1")),
    (IPAD, SAFARI),  # its window was made wider
    (ANDROID, LINUX),  # "Desktop site"
    ("curl/8.5.0", "curl/8.9.1"),
    (CHROME, ""),
    ("", ""),
]
OTHER = [
    (CHROME, LINUX),
    (CHROME, MAC),
    (CHROME, FIREFOX),
    (CHROME, EDGE),
    (CHROME, "curl/8.5.0"),
    (SAFARI, MAC),
    (IPAD, IPAD.replace("iPad; CPU OS", "iPhone; CPU iPhone OS")),
    (ANDROID, CHROME),
]


@pytest.mark.req("CT-02")
@pytest.mark.parametrize(("before", "after"), SAME)
def test_an_update_is_no_other_device(before, after):
    assert same_family(seen(before), seen(after))
    assert same_family(seen(after), seen(before))


@pytest.mark.req("CT-02")
@pytest.mark.req("OS-18")
@pytest.mark.parametrize(("before", "after"), OTHER)
def test_another_browser_or_system_is_another_device(before, after):
    assert not same_family(seen(before), seen(after))
    assert not same_family(seen(after), seen(before))


@pytest.mark.req("CT-02")
def test_a_request_without_hints_is_no_other_device():
    brave = seen(CHROME, ua=brands(Brave="143"), platform='"Windows"', platform_version='"15.0.0"')
    assert same_family(brave, seen(CHROME))
    assert not same_family(brave, seen(EDGE))


# -- known by its headers


def test_a_browser_seen_before_is_the_same_device_with_the_name_of_its_own_cookie():
    first, again = (device.describe({"user-agent": CHROME}, id=id) for id in ("one", "two"))
    assert (first.id, again.id) == ("one", "two")
    assert msgspec.structs.replace(first, id="two") == again


def test_what_no_browser_sends_is_not_kept():
    device._described.cache_clear()
    assert device.describe({"user-agent": CHROME + " x" * 1_000}).browser == "Chrome"
    assert device._described.cache_info().currsize == 0


# -- without the extra


def test_the_extra_is_available_here():
    device.warm()
    assert device.available()


@pytest.mark.usefixtures("bare")
def test_without_the_extra_a_browser_is_an_unknown_device():
    device.warm()
    assert not device.available()
    assert seen(SAFARI) == Device(kind="unknown", name="Mac", model="Mac", user_agent=SAFARI)
    assert seen(CHROME) == Device(user_agent=CHROME)


@pytest.mark.usefixtures("bare")
def test_without_the_extra_hints_and_programs_still_have_names():
    assert seen(CHROME, ua=brands(Google_Chrome="143"), platform='"macOS"').name == "Chrome 143 on macOS"
    assert seen("python-httpx/0.28.1").name == "python-httpx 0.28"
