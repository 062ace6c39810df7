"""What is kept of an address: all of it, its network, or a keyed hash; and whether two are one network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from msgspec import Struct

from sojourn.token import Keys

__all__ = ["Addresses", "Kept", "around", "cut", "parsed", "same_network"]

Kept = Literal["full", "cut", "hashed"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_CUT = {4: 24, 6: 48}  # bits that are left: a street, not a house
_NEIGHBOURS = {4: 16, 6: 32}  # bits that usually stay while a provider hands out another address
_HASH = "hash:"  # no address begins so
_HASHED = 16  # hexadecimal digits


class Addresses(Struct, frozen=True):
    """How addresses are kept. A hash is keyed, and another one under another key: nobody can look it up."""

    kept: Kept = "full"
    keys: Keys | None = None

    def of(self, ip: str | None) -> str | None:
        """*ip* as it may be stored and told. What was kept already stays as it is."""
        if ip is None or self.kept == "full" or ip.startswith(_HASH):
            return ip
        if self.kept == "cut":
            return cut(ip)
        if self.keys is None:
            raise ValueError("a hash of an address needs the keys of the server")
        name = str(parsed(ip) or ip).encode("utf-8", "surrogatepass")
        return _HASH + self.keys.mac("addresses", name).hex()[:_HASHED]


def parsed(ip: str) -> Address | None:
    """The address, without a zone; IPv4 in its own form, not mapped into IPv6. None: it is none."""
    try:
        address = ip_address(ip.strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=4096)
def cut(ip: str | None) -> str | None:
    """The network of *ip* that is kept when the address is not: a /24, of IPv6 a /48; None if it is neither.

    A hash tells nothing more by being kept, so it stays.
    """
    if ip is None or ip.startswith(_HASH):
        return ip
    return _within(ip, _CUT)


def around(ip: str | None) -> str | None:
    """The /16 of *ip*, of IPv6 the /32: beyond it an address is of another network. None: not known."""
    return None if ip is None else _within(ip, _NEIGHBOURS)


@lru_cache(maxsize=4096)
def same_network(a: str | None, b: str | None) -> bool | None:
    """Whether two addresses, or what was kept of them, are neighbours: one /16, of IPv6 one /32.

    None: that cannot be told. A hash tells nothing, and one household has an address of either version.
    """
    one, other = _network(a or ""), _network(b or "")
    if a == b:
        return True
    if one is None or other is None or one.version != other.version:
        return None
    bits = _NEIGHBOURS[one.version]
    if min(one.prefixlen, other.prefixlen) < bits:
        return None
    return one.supernet(new_prefix=bits) == other.supernet(new_prefix=bits)


def _within(ip: str, bits: Mapping[int, int]) -> str | None:
    found = _network(ip)
    if found is None:
        return None
    return str(found.supernet(new_prefix=min(found.prefixlen, bits[found.version])))


def _network(text: str) -> Network | None:
    """*text*, an address or a network, as a network; None: it is neither."""
    address = parsed(text)
    try:
        return ip_network(address if address is not None else text)
    except ValueError:
        return None
