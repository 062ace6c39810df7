"""`/metrics`: what this server counts, as Prometheus scrapes it."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING

from sojourn.api.routes import Call, Route
from sojourn.errors import NothingHere
from sojourn.session import Discreet
from sojourn.web.reply import Answer
from sojourn.web.visit import Visit

if TYPE_CHECKING:
    from sojourn.observe.metrics.scrape import Metrics

__all__ = ["ROUTES", "Exposed", "metrics"]

_TOKEN = "token:"
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


class Exposed(Discreet, frozen=True):
    """What is told, and to whom: `open`, `local`, or `token:` with what a scraper has to know."""

    metrics: Metrics
    to: str

    def __repr__(self) -> str:
        return f"<Exposed to {self.to.partition(':')[0]}>"


async def metrics(call: Call) -> Answer:
    """What is counted here, in the text format of Prometheus. Nothing in it is about one person.

    To whom it answers, `SOJOURN_METRICS` says.
    """
    exposed = call.metrics
    if exposed is None or (exposed.to == "local" and not _is_local(call.visit)):
        raise NothingHere
    if exposed.to.startswith(_TOKEN) and not _knows(call.visit, exposed.to.removeprefix(_TOKEN)):
        challenge = ("www-authenticate", 'Bearer realm="sojourn metrics"')
        return Answer(401, [challenge, *_TEXT], b"The token is missing or wrong.\n")
    from sojourn.observe.metrics import collector  # late: who is not scraped need not have it

    body, kind = collector.exposed(
        collector.Read(*await exposed.metrics.read()), call.visit.headers.get("accept", "")
    )
    return Answer(200, [("content-type", kind), *_STRICT], body)


def _is_local(visit: Visit) -> bool:
    """Whether who asks sits at this machine, and not behind a proxy on it."""
    ip = visit.peer.ip
    forwarded = any(name in visit.headers for name in _FORWARDED)
    return ip is not None and not forwarded and _is_loopback(ip)


def _is_loopback(ip: str) -> bool:
    try:
        return ip_address(ip).is_loopback
    except ValueError:
        return False


def _knows(visit: Visit, token: str) -> bool:
    scheme, _, sent = visit.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())


_STRICT = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
_TEXT = [("content-type", "text/plain; charset=utf-8"), *_STRICT]

ROUTES = (Route(method="GET", path="/metrics", guard="open", act=metrics, passive=True, tag="health"),)
