"""Addresses to which the service sends nothing on behalf of callers, in every spelling, at the door and later."""

import ipaddress
import re
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.stores import TurnedClock
from tests.fixtures.webhooks import KEY, Names, Receiver

import pagemill
from pagemill.domain.errors import InvalidRequest
from pagemill.domain.outgoing import NEVER, OWN, OutgoingRules
from pagemill.domain.task.webhooks import WebhookFailed, check_webhook
from pagemill.tasks.duties.webhook_sender import HttpWebhookSender, SystemResolver

OURS = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1"]
CLOSED = [
    "0.0.0.0",  # noqa: S104 - it is not listened on
    "0.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "fd00:ec2::254",
    "fd20:ce::254",
]
OPEN = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]


def spellings(address: str) -> list[str]:
    """Of the same address, as a resolver may give it."""
    if ":" in address:
        zone = address.partition("%")
        return [address, address.upper() if not zone[1] else address, ipaddress.ip_address(zone[0]).exploded]
    number = int(ipaddress.IPv4Address(address))
    return [address, f"::ffff:{address}", f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}", f"0:0:0:0:0:FFFF:{address}"]


@pytest.mark.parametrize("address", OURS)
def test_our_own_network_is_closed_unless_it_is_allowed(address: str) -> None:
    for spelling in spellings(address):
        assert not OutgoingRules().permits(spelling)
        assert OutgoingRules(allow_private=True).permits(spelling)


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_never_meant_is_closed_unless_an_allow_list_names_it(address: str) -> None:
    bare = ipaddress.ip_address(address.partition("%")[0])
    for spelling in spellings(address):
        assert not OutgoingRules().permits(spelling)
        assert not OutgoingRules(allow_private=True).permits(spelling)
        assert OutgoingRules(allowed=(ipaddress.ip_network(bare),)).permits(spelling)


@pytest.mark.parametrize("address", OPEN)
def test_the_internet_is_open(address: str) -> None:
    for spelling in spellings(address):
        assert OutgoingRules().permits(spelling)


@given(st.ip_addresses())
def test_whatever_is_open_is_global_and_for_one_receiver(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if OutgoingRules().permits(str(ip)):
        plain = (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped) or ip
        assert plain.is_global
        assert not plain.is_multicast
        assert not plain.is_reserved
        assert not any(ip in network for network in (*OWN, *NEVER))


ODD = [
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0x7f000001",
    "0X7F000001",
    "2130706433",
    "017700000001",
    "127.0.0.1.",
    "127.1.",
    "0x7f000001.",
    "0",
    "0x",
    "127.0.0.01",
    "127.0.0.256",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127.0.0.1%00",
    "%31%32%37.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "a.localhost.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[fe80::1%25eth0]",
    "[::1]:80",
]


@pytest.mark.parametrize("host", [*ODD, *(f"[{each}]" if ":" in each else each for each in (*OURS, *CLOSED))])
def test_no_spelling_of_such_an_address_passes_the_door(host: str) -> None:
    for url in (f"http://{host}/", f"https://{host}/", f"https://{host}?a", f"http://{host}#a"):
        with pytest.raises(InvalidRequest):
            check_webhook(url, sends=True, outgoing=OutgoingRules())


@pytest.mark.parametrize("address", [*OURS, *CLOSED])
@pytest.mark.parametrize("beside", [[], ["1.1.1.1"]])
@pytest.mark.parametrize("is_first", [False, True])
async def test_nothing_is_sent_where_a_name_leads_there(
    receiver: Receiver, address: str, beside: list[str], *, is_first: bool
) -> None:
    for spelling in spellings(address):
        addresses = [spelling, *beside] if is_first else [*beside, spelling]
        names = Names([addresses])
        sender = HttpWebhookSender(key=KEY, wall_clock=TurnedClock().now, resolve=names)
        with pytest.raises(WebhookFailed) as refusal:
            await sender.send(receiver.delivery())
        assert not refusal.value.retryable
        assert "allowed_networks" in refusal.value.message
        assert len(names.asked) == 1
    assert receiver.requests == []


async def test_what_an_allow_list_names_is_sent_to(receiver: Receiver) -> None:
    rules = OutgoingRules(allowed=(ipaddress.ip_network("127.0.0.1/32"),))
    names = Names([["127.0.0.1"], ["169.254.169.254"]])
    sender = HttpWebhookSender(key=KEY, wall_clock=TurnedClock().now, resolve=names, outgoing=rules)
    await sender.send(receiver.delivery())
    assert len(receiver.requests) == 1
    assert len(names.asked) == 1


@pytest.mark.parametrize("name", ["127.1", "0x7f000001", "2130706433", "localhost", "::1", "0"])
async def test_what_the_system_makes_of_odd_names_is_judged(receiver: Receiver, name: str) -> None:
    try:
        found = await SystemResolver()(name, 80)
    except socket.gaierror:
        pytest.skip(f"This system does not understand {name}.")
    assert not any(OutgoingRules().permits(address) for address in found)
    del receiver


INSTALLER = "engines/rapidocr/script_install.py"
"""Fetches models for `pagemill engines install`, and only with `--allow-download`."""


def test_nothing_else_in_the_service_sends_anything() -> None:
    """A new part that speaks to others belongs behind the same check."""
    root = Path(pagemill.__file__).parent
    speaks = re.compile(r"^\s*(?:import|from) (?:httpx|urllib\.request|http\.client|requests|aiohttp|smtplib)\b", re.M)
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if speaks.search(path.read_text())}
    service = {each for each in found if not each.startswith(("client/", "cli/"))} - {INSTALLER}
    assert service == {"tasks/duties/webhook_sender.py"}
    fetch = re.compile(r"^\s*(?:import|from) \S*\bscript_install\b", re.M)
    users = {str(path.relative_to(root)) for path in root.rglob("*.py") if fetch.search(path.read_text())}
    assert users == {"cli/engine_commands.py"}, "the service itself never fetches a model"
