"""The addresses that this service may send to on behalf of callers.

Otherwise, a caller who names a URL could reach through us what only we can reach: our own machine, its network, and
the services that clouds offer only to their machines. The lists follow the registries of IANA for special-purpose
addresses (iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry).
"""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, text.split()))


OWN = _networks("10.0.0.0/8 127.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1/128 fc00::/7")
"""This machine and private networks: what `allow_private` allows."""
NEVER = _networks(
    # this network, carriers' NAT, link-local (metadata of clouds), Azure's host, protocols, documentation, 6to4
    "0.0.0.0/8 100.64.0.0/10 169.254.0.0/16 168.63.129.16/32 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 "
    # benchmarks, documentation, multicast, reserved
    "198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
    # protocols with Teredo, documentation, 6to4, documentation; metadata of AWS and of Google Cloud
    "2001::/23 2001:db8::/32 2002::/16 3fff::/20 fd00:ec2::/32 fd20:ce::/32"
)
"""Only an allow-list opens these."""
GLOBAL_V6 = ipaddress.ip_network("2000::/3")
"""All IPv6 addresses of the open Internet; `::a.b.c.d`, 64:ff9b::/96, multicast and link-local addresses are not."""

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


@dataclass(frozen=True)
class OutgoingRules:
    """Addresses that the service may connect to: those of the open Internet, and those that the operator adds.

    Attributes:
        allow_private: Also this machine and private networks.
        allowed: Further networks of any kind.
    """

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        """Whether the service may connect to this IP address.

        Raises:
            ValueError: It is not an IP address.
        """
        ip = _unmap_address(ipaddress.ip_address(address.partition("%")[0]))
        if _is_in(ip, self.allowed):
            return True
        if _is_in(ip, NEVER):
            return False
        if _is_in(ip, OWN):
            return self.allow_private
        return ip in GLOBAL_V6 if isinstance(ip, IPv6Address) else ip.is_global

    def permits_host(self, host: str) -> bool:
        """Whether the service may connect to the host of a URL, by its spelling alone; names are looked up later."""
        name = host.lower().removesuffix(".")
        if name == "localhost" or name.endswith(".localhost"):
            return self.permits("127.0.0.1") or self.permits("::1")
        try:
            return self.permits(name)
        except ValueError:
            return True


def _unmap_address(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """`::ffff:a.b.c.d` is another spelling of a.b.c.d: the system connects to the same."""
    return (isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip


def _is_in(ip: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks)


def looks_like_a_number(label: str) -> bool:
    """Whether a host that ends in this label is an IPv4 address to some resolvers: `127.1`, `0x7f.1`, `0177.1`."""
    return _NUMBER.fullmatch(label) is not None
