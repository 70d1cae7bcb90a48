"""Every server sees what every node last wrote about itself, and for how long it has been silent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fixtures.stores import MINUTE, Stores

from pagemill.domain.memory import CPU, MIB, Ceiling, DeviceId
from pagemill.domain.ports import NodeTable
from pagemill.domain.work.nodes import Node, NodeDevice, NodeState
from pagemill.store.nodes import read_nodes
from pagemill.tasks.duties.heartbeat import Heartbeat, HeartbeatConfig
from pagemill.tasks.nodes import NodeRules, Nodes
from pagemill.testing.nodes import FakeNodeTable

GPU = DeviceId("cuda:0")
RULES = NodeRules(gone_after=timedelta(seconds=20), awaited_for=5 * MINUTE)
SECOND = timedelta(seconds=1)


def make_node(owner: str = "ä-1", *, machine: str = "m", name: str = "ä", host_mb: int = 450) -> Node:
    return Node(
        owner,
        machine,
        name,
        "0.1",
        devices={
            CPU: NodeDevice(Ceiling(host_mb * MIB, 45 * MIB, 50 * MIB), places=2),
            GPU: NodeDevice(Ceiling(2**40, 2**36), places=0),
        },
        engines={"rapidocr": {"accurate": ("de", "en"), "fast": ()}, "paddle": {}},
    )


def nodes_of(stores: Stores, *, reads_pages: bool = True) -> Nodes:
    return nodes_on(stores, stores.nodes, reads_pages=reads_pages)


def nodes_on(stores: Stores, table: NodeTable, *, reads_pages: bool = False) -> Nodes:
    return Nodes(RULES, table=table, describe=make_node, reads_pages=reads_pages, clock=stores.clock)


def heartbeat(stores: Stores, nodes: Nodes) -> Heartbeat:
    return Heartbeat(HeartbeatConfig(interval=timedelta(hours=1)), nodes=nodes, table=stores.nodes)


@pytest.fixture(params=["sql", "fake"])
def table(request: pytest.FixtureRequest, stores: Stores) -> NodeTable:
    return stores.nodes if request.param == "sql" else FakeNodeTable(stores.clock)


async def test_what_a_node_writes_is_read_back_and_replaced(stores: Stores, table: NodeTable) -> None:
    first, second = make_node("b", name="b"), make_node("a", machine="n", name="a")
    for node in (first, second, replace(first, version="0.2")):
        stores.clock.turn(SECOND)
        await table.announce(node)
    seen = await table.list_nodes()
    assert [each.node for each in seen] == [second, replace(first, version="0.2")]
    assert [stores.clock.now() - each.seen_at for each in seen] == [SECOND, 0 * SECOND]


@pytest.mark.parametrize("drains", [True, False])
@pytest.mark.parametrize("machine", ["m", "other"])
async def test_a_new_node_drops_those_that_ended_in_order_on_its_machine_and_no_others(
    table: NodeTable, machine: str, *, drains: bool
) -> None:
    await table.announce(replace(make_node("old"), is_draining=drains))
    await table.announce(make_node("new", machine=machine))
    owners = {each.node.owner for each in await table.list_nodes()}
    assert owners == ({"new"} if drains and machine == "m" else {"old", "new"})


async def test_a_command_reads_them_without_a_server(stores: Stores, database_url: str) -> None:
    await stores.nodes.announce(make_node())
    assert list(read_nodes(database_url)) == list(await stores.nodes.list_nodes())


async def test_a_node_is_live_then_gone_then_forgotten(stores: Stores, table: NodeTable) -> None:
    nodes = nodes_on(stores, table)
    await table.announce(make_node())
    for after, state in ((0 * SECOND, NodeState.LIVE), (19 * SECOND, NodeState.LIVE), (SECOND, NodeState.GONE)):
        stores.clock.turn(after)
        (status,) = await nodes.report()
        assert (status.state, status.is_this) == (state, False)
    assert status.seen_ago == 20 * SECOND
    assert await table.forget(21 * SECOND) == 0
    assert await table.forget(20 * SECOND) == 1
    assert await nodes.report() == ()


async def test_a_node_that_died_is_gone_at_once_and_live_again_when_it_writes(stores: Stores, table: NodeTable) -> None:
    nodes = nodes_on(stores, table)
    states = []
    for owner in ("other", "dead"):
        await table.announce(make_node(owner, machine=owner))
    await table.mark_gone("dead", unseen_for=RULES.gone_after)
    states.append({each.node.owner: each.state for each in await nodes.report()})
    await table.announce(make_node("dead", machine="dead"))
    states.append({each.node.owner: each.state for each in await nodes.report()})
    live = {"other": NodeState.LIVE, "dead": NodeState.LIVE}
    assert states == [{**live, "dead": NodeState.GONE}, live]


async def test_the_heartbeat_writes_before_any_work_and_says_when_the_node_ends(stores: Stores) -> None:
    nodes = nodes_of(stores)
    beat = heartbeat(stores, nodes)
    await beat.start()
    (status,) = await nodes.report()
    assert (status.node, status.state, status.is_this) == (make_node(), NodeState.LIVE, True)
    stores.clock.turn(19 * SECOND)
    await beat.run_once()
    stores.clock.turn(SECOND)
    assert [each.state for each in await nodes.report()] == [NodeState.LIVE]
    await beat.stop()
    await beat.stop()
    assert [each.state for each in await nodes.report()] == [NodeState.DRAINING]


async def test_a_server_that_reads_no_pages_is_no_node_and_sees_the_others(stores: Stores) -> None:
    await stores.nodes.announce(make_node())
    front = nodes_of(stores, reads_pages=False)
    beat = heartbeat(stores, front)
    await beat.start()
    await beat.stop()
    assert [(each.node, each.is_this) for each in await front.report()] == [(make_node(), False)]


async def test_the_heartbeat_drops_nodes_that_are_long_gone(stores: Stores) -> None:
    await stores.nodes.announce(make_node("old", machine="other"))
    stores.clock.turn(HeartbeatConfig.forgotten_after)
    nodes = nodes_of(stores)
    await heartbeat(stores, nodes).run_once()
    assert [each.node.owner for each in await nodes.report()] == [make_node().owner]
