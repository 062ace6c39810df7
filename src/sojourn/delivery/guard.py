"""Which addresses a message may be sent to: never into the network that the server itself stands in (SSRF).

An address that somebody registered is a way to have this server knock at doors that are closed to them.
The table is ours, by the registries of special-purpose addresses (RFC 6890), because what Python's
`is_global` says differs between its versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from msgspec import Struct

from sojourn.delivery.outcome import Undelivered

__all__ = ["Guard", "Scheme"]

Scheme = Literal["http", "https"]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by customers of a provider; the metadata of one cloud
            "127.0.0.0/8",
            "168.63.129.16/32",  # public by its number, and yet the inside of another cloud
            "169.254.0.0/16",  # link-local; the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",  # Teredo and others that wrap an address in an address
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "3fff::/20",
        ),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")  # all others are local, multicast or wrap an IPv4 address
_NAT64 = IPv6Network("64:ff9b::/96")  # what an IPv4 host looks like in a network that has IPv6 alone


class Guard(Struct, frozen=True, kw_only=True):
    """*networks*: internal ones that may be reached all the same; *local*: this machine too, and by http."""

    networks: tuple[Network, ...] = ()
    local: bool = False

    @classmethod
    def of(cls, networks: Iterable[str] = (), *, local: bool = False) -> Guard:
        return cls(networks=tuple(ip_network(network) for network in networks), local=local)

    def check(self, scheme: Scheme, found: Iterable[str]) -> list[str]:
        """The addresses *found* for a host, if every one may be reached, or `Undelivered`.

        Every one: a name that leads to the inside only now and then would else get there by patience.
        """
        addresses = [_plain(text) for text in found]
        if not addresses:
            raise Undelivered("the host has no address")
        for address in addresses:
            if why := self._refusal(scheme, address):
                raise Undelivered(f"{address} is refused: {why}")
        return [str(address) for address in addresses]

    def _refusal(self, scheme: Scheme, address: Address) -> str | None:
        if scheme == "http" and not (address.is_loopback and self.local):
            return "plain http is for this machine alone, in development"
        if any(address in network for network in self.networks if network.version == address.version):
            return None
        if address.is_loopback and self.local:
            return None
        return None if _public(address) else "it is no public address, nor in SOJOURN_DELIVERY_NETWORKS"


def _plain(text: str) -> Address:
    """The address that a connection to *text* would really reach."""
    try:
        address = ip_address(text)
    except ValueError:
        raise Undelivered("the host has an address that is none") from None
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
