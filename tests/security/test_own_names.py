"""Names without a dot count only where they lead to this machine."""

import asyncio
import threading
from collections.abc import Collection

import pytest

from pagemill.web.own_names import LONGEST_NAME, MOST_REMEMBERED, OwnNames

OWN = {"192.168.1.5", "127.0.0.1", "::1", "fe80::1"}
FOUND: dict[str, Collection[str]] = {
    "us": {"192.168.1.5"},
    "us-twice": {"192.168.1.5", "127.0.0.1"},
    "loop": {"127.0.1.1"},
    "loop6": {"::1"},
    "other": {"192.168.1.6"},
    "mixed": {"192.168.1.5", "6.6.6.6"},
    "nowhere": set(),
}


def resolve(name: str) -> Collection[str]:
    if name not in FOUND:
        raise OSError("unknown name")
    return FOUND[name]


@pytest.mark.parametrize(
    ("name", "leads_here"),
    [
        ("localhost", True),
        ("us", True),
        ("us-twice", True),
        ("loop", True),
        ("loop6", True),
        ("other", False),
        ("mixed", False),
        ("nowhere", False),
        ("unknown", False),
        ("", False),
        ("x" * (LONGEST_NAME + 1), False),
    ],
)
async def test_all_addresses_must_be_ours(name: str, *, leads_here: bool) -> None:
    names = OwnNames(resolve=resolve, own_addresses=lambda: OWN)
    assert await names.lead_here(name) is leads_here
    assert await names.lead_here(name) is leads_here


async def test_answers_are_remembered_for_a_while() -> None:
    now, asked = 0.0, list[str]()

    def count_lookup(name: str) -> Collection[str]:
        asked.append(name)
        return OWN

    names = OwnNames(resolve=count_lookup, own_addresses=lambda: OWN, monotonic=lambda: now)
    for _ in range(3):
        assert await names.lead_here("us")
    assert asked == ["us"]
    now = 60
    assert await names.lead_here("us")
    assert asked == ["us", "us"]
    for number in range(2 * MOST_REMEMBERED):
        await names.lead_here(f"name-{number}")
    assert len(names._known) <= MOST_REMEMBERED


async def test_a_slow_lookup_keeps_no_one_else_waiting() -> None:
    go_on, begun, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def slow(name: str) -> Collection[str]:
        del name
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(30)
        return OWN

    names = OwnNames(resolve=slow, own_addresses=lambda: OWN)
    first = asyncio.ensure_future(names.lead_here("us"))
    await begun.wait()
    assert await names.lead_here("localhost")
    assert not await names.lead_here("other")
    go_on.set()
    assert await first
