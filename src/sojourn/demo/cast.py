"""Who is in the demo, with which software, and where: nobody, nothing and nowhere that is anybody's.

Names ending in example.org and addresses of the documentation ranges belong to no one (RFC 2606, 5737, 3849).
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from sojourn.session import Place

__all__ = ["ADMIN", "AGENTS", "FIRST_NAMES", "LAST_NAMES", "PLACES", "USER", "Person", "Software", "Where"]


class Person(Struct, frozen=True):
    """One of the two who can sign in. The password is printed, so it protects nothing."""

    email: str
    name: str
    password: str


class Where(Struct, frozen=True):
    """A place, and the beginning of the addresses there."""

    place: Place
    network: str


class Software(Struct, frozen=True):
    """What a browser says about itself. `weight`: how common it is among the other people."""

    headers: Mapping[str, str]
    weight: int = 0


USER = Person("ada@example.org", "Ada Lovelace", "analytical-engine-1843")
ADMIN = Person("grace@example.org", "Grace Hopper", "nanoseconds-of-wire-1906")

_MOZILLA = "Mozilla/5.0 "
_WINDOWS = _MOZILLA + "(Windows NT 10.0; Win64; x64) "
_MAC = _MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) "
_LINUX = _MOZILLA + "(X11; Linux x86_64) "
_ANDROID = _MOZILLA + "(Linux; Android 10; K) "
_IPHONE = _MOZILLA + "(iPhone; CPU iPhone OS 18_6 like Mac OS X) "
_IPAD = _MOZILLA + "(iPad; CPU OS 18_6 like Mac OS X) "
_KIT = "AppleWebKit/537.36 (KHTML, like Gecko) "
_APPLE_KIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) "


def _agent(text: str, weight: int = 0, **hints: str) -> Software:
    named = {f"sec-ch-ua-{name.replace('_', '-')}": f'"{value}"' for name, value in hints.items()}
    return Software({"user-agent": text} | named, weight)


AGENTS = {
    "Chrome on Windows": _agent(_WINDOWS + _KIT + "Chrome/143.0.0.0 Safari/537.36", 26),
    "Chrome on macOS": _agent(_MAC + _KIT + "Chrome/143.0.0.0 Safari/537.36", 9),
    "Chrome on Linux": _agent(_LINUX + _KIT + "Chrome/143.0.0.0 Safari/537.36", 3),
    "Edge on Windows": _agent(_WINDOWS + _KIT + "Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0", 9),
    "Firefox on Windows": _agent(
        _MOZILLA + "(Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", 5
    ),
    "Firefox on Linux": _agent(
        _MOZILLA + "(X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", 2
    ),
    "Safari on macOS": _agent(_MAC + _APPLE_KIT + "Version/26.1 Safari/605.1.15", 8),
    "Safari on iPhone": _agent(_IPHONE + _APPLE_KIT + "Version/26.0 Mobile/15E148 Safari/604.1", 18),
    "Chrome on iPhone": _agent(_IPHONE + _APPLE_KIT + "CriOS/143.0.7499.38 Mobile/15E148 Safari/604.1", 2),
    "Chrome on Android": _agent(_ANDROID + _KIT + "Chrome/143.0.0.0 Mobile Safari/537.36", 20),
    "Chrome on a Pixel 9": _agent(
        _ANDROID + _KIT + "Chrome/143.0.0.0 Mobile Safari/537.36",
        2,
        model="Pixel 9",
        platform="Android",
        platform_version="16.0.0",
    ),
    "Samsung Internet": _agent(
        _ANDROID + _KIT + "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36", 4
    ),
    "Safari on iPad": _agent(_IPAD + _APPLE_KIT + "Version/26.0 Mobile/15E148 Safari/604.1", 3),
    "a script": _agent("python-httpx/0.28.1", 1),
}

# The documentation ranges do not say where they are, so these places are as good as any.
PLACES = {
    "Lyon": Where(Place(city="Lyon", country="FR"), "203.0.113."),
    "Lyon, mobile": Where(Place(city="Lyon", country="FR"), "2001:db8:69::"),
    "Paris": Where(Place(city="Paris", country="FR"), "2001:db8:75::"),
    "New York": Where(Place(city="New York", country="US"), "198.51.100."),
    "San Francisco": Where(Place(city="San Francisco", country="US"), "2001:db8:415::"),
    "London": Where(Place(city="London", country="GB"), "192.0.2."),
    "Berlin": Where(Place(city="Berlin", country="DE"), "2001:db8:30::"),
    "Nairobi": Where(Place(city="Nairobi", country="KE"), "2001:db8:254::"),
    "São Paulo": Where(Place(city="São Paulo", country="BR"), "2001:db8:55::"),
    "Osaka": Where(Place(city="Osaka", country="JP"), "2001:db8:81::"),
    "Bengaluru": Where(Place(city="Bengaluru", country="IN"), "2001:db8:91::"),
}

FIRST_NAMES = """
    Aiko Alba Amara Anders Anouk Arjun Beatriz Bilal Chiara Daniel Diego Elif Emeka Eva Farid Femi Greta
    Hana Hugo Imani Ines Ivan Jonas Kavya Kofi Lars Leila Lin Luca Maja Malik Marta Mei Milan Nadia Noor
    Omar Paulo Priya Rafael Rosa Sami Sofia Tariq Tomas Uma Vera Wanjiru Yara Zofia
""".split()  # noqa: SIM905 - as a list it would be a page
LAST_NAMES = """
    Abadi Andersson Banerjee Bauer Costa Diallo Dubois Eriksen Farouk Fischer Garcia Haddad Horvat Ito
    Jansen Kamau Kowalski Laurent Lopez Mehta Moreau Mwangi Nakamura Novak Okafor Oliveira Petrov Rossi
    Santos Schmidt Silva Sato Tanaka Vargas Weber Yilmaz Zhang
""".split()  # noqa: SIM905 - as a list it would be a page
