"""A server offers the engines that work somewhere, and says which node is missing for the others."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.nodes import Node
from pagemill.tasks.known_engines import KnownEngines
from pagemill.tasks.nodes import NodeRules, Nodes
from pagemill.testing.nodes import FakeNodeTable

Engines = Mapping[str, Mapping[str, tuple[str, ...]]]
SEED = MemorySeed(MemoryNeed(100 * MIB))
FAST = EngineProfile("fast", SEED, ("de",))
SPEC = EngineSpec("e", "x:y", (EngineProfile("accurate", SEED, ("de",)), FAST))
NOT_HERE = replace(SPEC, unusable="It is not installed here.")
HALF = replace(SPEC, profiles=(SPEC.profiles[0], replace(FAST, unusable="A file is missing.")))


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"something waits for {seconds} s")


async def engines_of(spec: EngineSpec, other: Engines | None, *, is_node: bool) -> EngineSpec:
    clock = StandingClock()
    table = FakeNodeTable(clock)
    if other is not None:
        await table.announce(Node("b", "other machine", "b", "1", engines=other))
    nodes = Nodes(NodeRules(), table=table, describe=lambda: Node("a", "m", "a", "1"), reads_pages=is_node, clock=clock)
    await nodes.look()
    known = KnownEngines({"e": spec}, nodes)
    assert list(known) == ["e"]
    return known["e"]


@pytest.mark.parametrize("is_node", [True, False])
@pytest.mark.parametrize("here", [SPEC, NOT_HERE, HALF])
@pytest.mark.parametrize("there", [None, {}, {"e": {"fast": ("de", "fr")}}, {"e": {"accurate": (), "fast": ()}}])
async def test_an_engine_is_as_usable_as_on_the_best_node(
    here: EngineSpec, there: Engines | None, *, is_node: bool
) -> None:
    found = await engines_of(here, there, is_node=is_node)
    elsewhere = (there or {}).get("e", {})
    works_here = is_node and not here.unusable
    assert (not found.unusable) is (works_here or bool(elsewhere))
    if found.unusable:
        return
    for profile in found.profiles:
        own = here.profile(profile.name)
        assert own is not None
        assert (not profile.unusable) is ((works_here and not own.unusable) or profile.name in elsewhere), profile.name


async def test_languages_are_those_of_the_nodes() -> None:
    there: Engines = {"e": {"accurate": ("ko", "de")}}
    assert (await engines_of(NOT_HERE, there, is_node=False)).profiles[0].languages == ("de", "ko")
