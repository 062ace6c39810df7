"""Who is at the other end, when there are proxies in between; without configuration nobody is believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

from sojourn.errors import SettingsError
from sojourn.web.headers import Headers

__all__ = ["Peer", "Proxies"]

_Address = IPv4Address | IPv6Address
_REMEMBERED, _LONG = 4_096, 512  # what was worked out lately, of so many characters at most


class Peer(Struct, frozen=True):
    """The address and the scheme that the client used, as far as trusted hops tell."""

    ip: str | None
    scheme: str
    country: str | None = None  # as the nearest proxy says it, by its code


class Proxies:
    """The networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed (ASVS 4.1.3, 15.3.4).

    `Forwarded` (RFC 7239) is not read: a proxy that sets one of the two and passes the other on
    would let a client choose.
    """

    def __init__(self, trusted: Iterable[str] = (), *, country_header: str | None = None) -> None:
        """*country_header*: in which the proxies say the country of a client; nobody else is believed."""
        self._country_header = country_header and country_header.lower()
        self._country = (self._country_header or "").encode("latin-1", "replace")
        self._trusted: list[IPv4Network | IPv6Network] = []
        for text in trusted:
            try:
                self._trusted.append(ip_network(text.strip()))
            except ValueError as error:
                raise SettingsError(
                    f"trusted proxy {text!r}: {error}; write a network such as 10.0.0.0/8 or one address"
                ) from None
        self.configured = bool(self._trusted)  # whether anybody is believed at all
        self._lately: dict[tuple[str | bytes | None, ...], Peer] = {}  # what was worked out, of what

    def found(self, ip: str | None, scheme: str, raw: Mapping[bytes, bytes]) -> Peer:
        """`peer`, from headers as they came. Of the same ones it is not worked out again."""
        country = raw.get(self._country) if self._country else None
        said = ip, scheme, raw.get(b"x-forwarded-for"), raw.get(b"x-forwarded-proto"), country
        known = self._lately.get(said)
        if known is None:
            known = self.peer(ip, scheme, Headers(raw))
            if len(self._lately) >= _REMEMBERED:
                self._lately.clear()
            if sum(len(text or "") for text in said) <= _LONG:
                self._lately[said] = known
        return known

    def peer(self, ip: str | None, scheme: str, headers: Mapping[str, str]) -> Peer:
        """The client behind the connection from *ip*: the right-most address that is no trusted proxy."""
        if not self._trusted and ":" not in (ip or ":"):
            return Peer(ip, scheme)
        nearest = _parsed(ip or "")
        if nearest is None or not self._trusts(nearest):
            return Peer(str(nearest) if nearest else None, scheme)
        client = nearest
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            address = _parsed(hop)
            if address is None:  # malformed: believe no further than the last good hop
                break
            client = address
            if not self._trusts(address):
                break
        proto = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        country = headers.get(self._country_header, "") if self._country_header else ""
        return Peer(str(client), proto if proto in ("http", "https") else scheme, _code(country))

    def _trusts(self, address: _Address) -> bool:
        return any(address.version == network.version and address in network for network in self._trusted)


def _code(text: str) -> str | None:
    """ISO 3166-1 alpha-2; None for what is none, and for what proxies say of nobody's or everybody's."""
    code = text.strip().upper()
    known = len(code) == 2 and code.isascii() and code.isalpha() and code not in _NO_COUNTRY
    return code if known else None


_NO_COUNTRY = ("XX", "ZZ", "AP", "EU")


def _parsed(text: str) -> _Address | None:
    """An address without port, brackets and zone; IPv4 in its own form, not mapped into IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
