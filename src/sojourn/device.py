"""Request headers to Device: what the software at the other end says about itself.

A label for people, never a proof: every header here can be forged, and browsers themselves pose as
others and freeze what they say. So the rule throughout is to name less rather than something wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec.structs import replace

from sojourn.session import Device, DeviceKind

if TYPE_CHECKING:
    from ua_parser import Result

__all__ = ["available", "clean", "describe", "same_family", "warm"]

# The headers that tell something of a device; a sign-in by the same browser as one before costs a lookup.
_READ = (
    "user-agent",
    "sec-ch-ua",
    "sec-ch-ua-full-version-list",
    "sec-ch-ua-mobile",
    "sec-ch-ua-model",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
)
_USUAL = 2_048  # characters of all of them together
_LABEL = 64
_LABELS = ("model", "browser", "browser_version", "os", "os_version")


def describe(headers: Mapping[str, str], *, id: str | None = None) -> Device:
    """The device that sent *headers*, whose names are in lower case.

    An iPad whose Safari asks for desktop pages, as it does by default, cannot be told from a Mac.
    """
    said = tuple(headers.get(name, "") for name in _READ)
    usual = sum(map(len, said)) <= _USUAL  # else it is no browser, and not worth keeping
    return replace((_described if usual else _described.__wrapped__)(said), id=id)


@lru_cache(maxsize=1024)
def _described(said: tuple[str, ...]) -> Device:
    headers = dict(zip(_READ, said, strict=True))
    agent = clean(headers["user-agent"])
    device = _device(agent, headers)
    labels = {field: clean(getattr(device, field) or "", _LABEL) or None for field in _LABELS}
    device = replace(device, user_agent=agent, **labels)
    return replace(device, name=clean(_name(device), _LABEL))


def same_family(a: Device, b: Device) -> bool:
    """Whether *a* and *b* may be one browser on one system, seen twice.

    Versions may differ, because software updates itself within a session, and what one of them does
    not know is no change. Models are not compared: an application's data moves to a new phone.
    """
    return _agree(a.browser, b.browser) and _agree(a.os, b.os)


def clean(text: str, limit: int = 512) -> str:
    """*text* as one printable line of at most *limit* characters: safe in a log, a terminal, a database.

    Markup is left alone: that is for whoever puts the text into a page or a CSV file.
    """
    text = text[: 4 * limit]  # first, so that the work is bounded whatever the header's length
    if not text.isprintable():
        text = _ESCAPE.sub("", text)
        text = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())[:limit].rstrip()


def available() -> bool:
    """Whether the extra `devices` is installed.

    Without it there are the Client Hints and the programs that begin with their own name; every other
    browser is an unknown device.
    """
    return _rules() is not None


def warm() -> None:
    """Build the parser now: some 0.3 s of CPU, once per process, that the first sign-in need not wait for."""
    _said("-")


# What a terminal obeys: colours and cursor (CSI), window titles (OSC).
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
# Printable by Unicode's categories, and yet nothing to see: fillers, joiners, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


# -- from agent and hints to a device ----------------------------------------------------------------


def _device(agent: str, headers: Mapping[str, str]) -> Device:
    said = _said(agent)
    product = _product(agent)
    if said.kind == "bot" and (product is None or product[0].lower() not in _TOOLS):
        # Nothing but the name: a crawler's phone or Mac is only the disguise in which it fetches.
        return Device(kind="bot", browser=said.browser or "Bot")
    return _browser(agent, said, headers) if product is None else _program(agent, said, *product)


def _program(agent: str, said: Device, name: str, version: str | None) -> Device:
    """A library, a tool, or an application; of the latter only those on phones are known to have a person."""
    phone = said.os in ("Android", "iOS", "iPadOS")
    return Device(
        kind=_kind(agent, said.os, "") if phone else "api",
        model=_model(agent, said) if phone else None,
        browser=name,
        browser_version=version,
        os=said.os,
        os_version=said.os_version,
    )


def _browser(agent: str, said: Device, headers: Mapping[str, str]) -> Device:
    """The hints over the user agent, which browsers have frozen; of two names the more specific one."""
    brand, brand_version = _brand(headers)
    system = _text(headers, "sec-ch-ua-platform")
    os = _SYSTEMS.get(system, system) or said.os
    version = _os_version(os, _text(headers, "sec-ch-ua-platform-version"))
    if brand is None or (brand in _PLAIN and said.browser):
        brand, brand_version = said.browser, said.browser_version
    headless = brand == "Headless Chrome"
    return Device(
        kind="bot" if headless else _kind(agent, os, headers.get("sec-ch-ua-mobile", "").strip()),
        model=_text(headers, "sec-ch-ua-model") or _model(agent, said),
        browser=brand,
        browser_version=brand_version,
        os=os,
        os_version=version or (said.os_version if said.os == os else None),
    )


def _name(device: Device) -> str:
    software = " ".join(filter(None, (device.browser, device.browser_version)))
    place = device.os or device.model
    if device.os == "Windows" and device.os_version:
        place = f"Windows {device.os_version}"  # the one system whose versions are names
    if not software:
        return device.model or (f"{place} device" if place else "Unknown device")
    return f"{software} on {place}" if place and device.kind != "api" else software


def _kind(agent: str, os: str | None, mobile: str) -> DeviceKind:
    """What it is for its user. *mobile* is the hint: "?1", "?0" or nothing."""
    if any(word in agent for word in _SCREENS):
        return "unknown"  # a television, console or headset: none of our kinds
    phone = mobile == "?1" or "Mobile" in agent
    if os == "Android":
        # Browsers on tablets leave out "Mobile"; applications never say it.
        tablet = mobile == "?0" or (not phone and agent.startswith("Mozilla/"))
        return "tablet" if tablet else "mobile"
    return _KINDS.get(os or "", "mobile" if phone else "unknown")


def _model(agent: str, said: Device) -> str | None:
    """The model as far as the user agent tells it: "Pixel 9", but only "iPhone" and "Mac"."""
    if said.os == "iPadOS":
        return "iPad"  # also where it poses as a Mac
    if said.os == "Android":
        found = _ANDROID.search(agent)
        model = found[1].partition(" Build/")[0].strip() if found else ""
        return None if model in _NO_MODEL else model.removeprefix("SAMSUNG ").removeprefix("HUAWEI ")
    return next((model for word, model in _APPLE if word in agent), said.model)


def _agree(a: str | None, b: str | None) -> bool:
    return a is None or b is None or _POSES_AS.get(a, a) == _POSES_AS.get(b, b)


_KINDS: Mapping[str, DeviceKind] = {
    "iOS": "mobile",
    "iPadOS": "tablet",
    "macOS": "desktop",
    "Windows": "desktop",
    "Linux": "desktop",
    "ChromeOS": "desktop",
    "FreeBSD": "desktop",
    "OpenBSD": "desktop",
    "NetBSD": "desktop",
}
_SCREENS = (
    " TV",
    "SmartTV",
    "SMART-TV",
    "GoogleTV",
    "AppleTV",
    "BRAVIA",
    "; AFT",  # Fire TV
    "Web0S",
    "CrKey",  # Chromecast
    "Roku",
    "PlayStation",
    "Xbox",
    "Nintendo",
    " VR ",
)
_APPLE = (("iPod", "iPod touch"), ("iPhone", "iPhone"), ("Macintosh", "Mac"))
_ANDROID = re.compile(
    r"\bAndroid [0-9.]+; (?:[a-z]{2}[-_][A-Za-z]{2}; )?(?:HarmonyOS; )?((?:[^();]|\([^();]*\))+)"
)
_NO_MODEL = frozenset(["", "K", "Mobile", "Tablet", "wv"])  # "K" is what Chromium says instead

# What one and the same device calls itself, depending on things that change within a session: the
# width of a window (tablets ask for desktop pages in a wide one), and whether hints came along (not
# every request has them, and these browsers show their names in hints only).
_POSES_AS = {
    "iPadOS": "macOS",
    "Android": "Linux",
    "Brave": "Chrome",
    "Chromium": "Chrome",
    "Vivaldi": "Chrome",
    "Opera GX": "Opera",
}


# -- the user agent ----------------------------------------------------------------------------------


@cache
def _rules() -> Callable[[str], Result] | None:
    try:
        from ua_parser import parse
    except ImportError:
        return None
    return parse


def _said(agent: str) -> Device:
    """What ua-parser makes of *agent*, in our words."""
    rules = _rules()
    if rules is None or not agent:
        return Device()
    said = rules(agent)
    browser, version = _software(agent, said)
    os, os_version = _system(agent, said)
    thing = said.device
    return Device(
        kind="bot" if thing is not None and thing.family == "Spider" else "unknown",
        model=thing.family if thing is not None and thing.brand in _MAKERS else None,
        browser=browser,
        browser_version=version,
        os=os,
        os_version=os_version,
    )


def _software(agent: str, said: Result) -> tuple[str | None, str | None]:
    if said.user_agent is None or agent.startswith("Dalvik/"):
        return None, None  # Android's own HTTP client: an application that does not say its name
    name = said.user_agent.family
    if name == "Electron" and (app := _ELECTRON.search(agent)):
        return app[1], app[2]
    return _family(name), said.user_agent.major


def _family(name: str) -> str:
    """What *name* is without its system: Chrome for "Chrome Mobile iOS"."""
    name = _NOISE.sub("", name.rpartition("; ")[2]).strip()
    return _BROWSERS.get(name, name)


def _system(agent: str, said: Result) -> tuple[str | None, str | None]:
    if said.os is None or "CFNetwork/" in agent:
        return None, None  # Darwin's number is the same on a Mac and on an iPhone
    os = _SYSTEMS.get(said.os.family, said.os.family)
    if "(iPad;" in agent or ("Macintosh" in agent and "iOS/" in agent):
        os = "iPadOS"  # also where Chrome ("CriOS/143") and its like ask for desktop pages
    version = _dotted(said.os.major, said.os.minor)
    frozen = (
        os in ("Linux", "ChromeOS") or (os, version) in _FROZEN or (os == "iPadOS" and "Macintosh" in agent)
    )
    return os, None if frozen else version


def _product(agent: str) -> tuple[str, str | None] | None:
    """Name and version, if *agent* begins with its own name instead of posing as Mozilla."""
    found = _PRODUCT.match(agent) or _WORD.match(agent)
    if "PowerShell/" in agent:
        found = _POWERSHELL.search(agent)  # a tool, and poses all the same
    if found is None or found[1].lower() in ("mozilla", "opera", "dalvik"):
        return None
    return clean(unquote(found[1]), _LABEL), _version(found[2])


def _version(text: str | None) -> str | None:
    """The first two numbers of *text*: "15.6" of "15.6.1", "16" of "16.0.0"."""
    found = _NUMBERS.match(text or "")
    return _dotted(found[1], found[2]) if found else None


def _dotted(major: str | None, minor: str | None) -> str | None:
    return f"{major}.{minor}" if major and minor and minor != "0" else major


_NUMBERS = re.compile(r"\s*([0-9]{1,8})(?:\.([0-9]{1,8}))?")
_NOISE = re.compile(r"\b(?:Mobile|iOS)\b ?")
_ELECTRON = re.compile(r"Gecko\) (?!Chrome/)([^\s/]+)/([0-9]+)")
_PRODUCT = re.compile(r"(?:Python/\S+ (?=[a-z]))?([A-Za-z][^/();,\[\]{}<>\"]{0,63})/v?([0-9]+(?:\.[0-9]+)?)?")
_WORD = re.compile(r"([A-Za-z][\w.+-]{0,63})(?: v?([0-9]+(?:\.[0-9]+)?))?")
_POWERSHELL = re.compile(r"(PowerShell)/([0-9.]*)")

# Libraries and command-line programs that ua-parser takes for crawlers.
_TOOLS = frozenset(["java", "perl", "python", "python-urllib", "python-urllib3", "ruby"])

# Versions that some browsers state whatever the truth is. Windows 11 says 10, every macOS since Catalina
# 10.15, iOS 26 the last 18 (https://webkit.org/blog/17333/webkit-features-in-safari-26-0/), Android 10
# (https://www.chromium.org/updates/ua-reduction/). What the true owners of these numbers lose is little.
_FROZEN = frozenset(
    [("Windows", "10"), ("macOS", "10.15"), ("Android", "10")]
    + [(os, version) for os in ("iOS", "iPadOS") for version in ("18.6", "18.7")]
)

_MAKERS = frozenset(["LG", "Meta", "Microsoft", "Nintendo", "Nokia", "Samsung", "Sony"])

# ua-parser's families and the brands of the hints, where we call them something else.
_BROWSERS = {
    "Google Chrome": "Chrome",
    "Microsoft Edge": "Edge",
    "IE": "Internet Explorer",
    "HeadlessChrome": "Headless Chrome",
    "Safari UI/WKWebView": "In-app browser",
    "Chrome WebView": "In-app browser",
    "Android WebView": "In-app browser",
    "Microsoft Edge WebView2": "In-app browser",
    "MiuiBrowser": "Mi Browser",
    "Oculus Browser": "Meta Quest Browser",
    "YaBrowser": "Yandex Browser",
    "Slack Desktop Client": "Slack",
    "Google": "Google app",
    "Android": "Android Browser",
}
# A distribution names itself in some of its browsers only, so the name would come and go.
_DISTRIBUTIONS = (
    "Arch Linux",
    "CentOS",
    "Debian",
    "Fedora",
    "Gentoo",
    "Kubuntu",
    "Linux Mint",
    "Mageia",
    "Mandriva",
    "PCLinuxOS",
    "Red Hat",
    "SUSE",
    "Slackware",
    "Ubuntu",
)
_SYSTEMS: Mapping[str, str | None] = {
    "": None,
    "Unknown": None,
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
    "Chromium OS": "ChromeOS",
    "Chromecast Linux": "Linux",
    "ATV OS X": "tvOS",
    "Web0S": "webOS",
    **dict.fromkeys(_DISTRIBUTIONS, "Linux"),
}


# -- Client Hints (https://wicg.github.io/ua-client-hints/) -------------------------------------------


def _brand(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The most specific brand and its major version, without the nonsense brands that keep readers honest."""
    for name in ("sec-ch-ua-full-version-list", "sec-ch-ua"):
        found = _BRAND.findall(clean(headers.get(name, "")))
        brands = [(_unescape(brand).strip(), version) for brand, version in found]
        brands = [(brand, version) for brand, version in brands if brand and not _grease(brand)]
        if brands:
            brand, version = min(brands, key=lambda pair: _GENERIC.get(pair[0], 0))
            return _BROWSERS.get(brand, brand), (_version(version) or "").partition(".")[0] or None
    return None, None


def _grease(brand: str) -> bool:
    """Whether it is nonsense on purpose: "Not)A;Brand", "Not?A_Brand" and so on."""
    letters = "".join(filter(str.isalpha, brand)).lower()
    return letters.startswith("not") and letters.endswith("brand")


def _text(headers: Mapping[str, str], name: str) -> str:
    """A hint that is one quoted string; quotes may be missing, as proxies and scripts leave them out."""
    value = clean(headers.get(name, ""))
    return clean(_unescape(value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value), _LABEL)


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _os_version(os: str | None, hint: str) -> str | None:
    """The version in people's words. For Windows the hint counts API contracts: 1-10 is 10, from 13 it is 11.

    (https://learn.microsoft.com/en-us/microsoft-edge/web-platform/how-to-detect-win11)
    """
    version = _version(hint)
    if version is None or os in ("Linux", "ChromeOS"):
        return None  # of the kernel, or of a platform that nobody knows by number
    if os == "Windows":
        contract = int(version.partition(".")[0])
        return "11" if contract >= 13 else "10" if 1 <= contract <= 10 else None
    return version


_BRAND = re.compile(r'"((?:[^"\\]|\\.){0,64}+)"\s{0,4};\s{0,4}v\s{0,4}=\s{0,4}"([^"]{0,64})"')
_ESCAPED = re.compile(r"\\(.)")
# Brands that say less than another in the list, or than the user agent; the higher, the less.
_GENERIC = {
    "Microsoft Edge WebView2": 1,
    "Android WebView": 1,
    "Google Chrome": 2,
    "Chromium": 3,
    "Yowser": 4,  # beside "YaBrowser", with a number of its own
}
_PLAIN = frozenset(["Chrome", "Chromium", "In-app browser", "Yowser"])
