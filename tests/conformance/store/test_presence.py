"""A node that dies is found by its lock at once; where a pooler forbids locks, nothing is concluded from them."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from tests.fixtures.databases import CleanDatabase
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.proxy import Relay
from tests.fixtures.stores import Stores, TurnedClock, new_task, read_page, start_database
from tests.fixtures.tasks_room import Room, eventually

from pagemill.domain.errors import StaleLease
from pagemill.domain.task.task import PageState
from pagemill.domain.work.nodes import Node, NodeState, Standing
from pagemill.store.dialects import parse_url
from pagemill.store.notifications import Notifications
from pagemill.store.presence import Connection, SqlNodeLocks, connect, is_pooled, take_lock, why_leases_alone
from pagemill.tasks.duties.peer_watch import PeerWatch, PeerWatchConfig

LIMIT_S = 20
AT_ONCE_S = 5
"""The issue promises 5 s; without load it takes milliseconds."""


@pytest.fixture
def url(clean_database: CleanDatabase) -> str:
    return clean_database("postgresql")


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    async with start_database(url) as database:
        yield Stores(database, TurnedClock())


@asynccontextmanager
async def node(url: str, owner: str) -> AsyncIterator[Connection]:
    """A node's session, with its lock."""
    connection = await connect(parse_url(url))
    assert await take_lock(connection, owner) is Standing.HELD
    yield connection
    await connection.close()


async def end_session(url: str, connection: Connection) -> None:
    """End it as the death of its process does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))


async def watch(url: str, owner: str) -> bool:
    async with SqlNodeLocks(url).watch(owner) as was_held:
        return was_held


async def wait_for_waiter(url: str) -> None:
    """Until somebody waits for a lock."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:

        async def is_waiting() -> bool:
            found = await other.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            return await found.fetchone() is not None

        await eventually(is_waiting)


@pytest.mark.parametrize("how", ["killed", "closed"])
async def test_the_end_of_a_session_is_seen_at_once(url: str, how: str) -> None:
    async with asyncio.timeout(LIMIT_S), node(url, "a") as session:
        watching = asyncio.create_task(watch(url, "a"))
        await wait_for_waiter(url)
        assert not watching.done()
        await (end_session(url, session) if how == "killed" else session.close())
        async with asyncio.timeout(AT_ONCE_S):
            assert await watching


async def test_a_lock_that_nobody_holds_says_nothing(url: str) -> None:
    """It may never have been held: the database was restarted, or its node has none."""
    async with asyncio.timeout(LIMIT_S), node(url, "b"):
        assert not await watch(url, "a")


async def test_a_watcher_that_loses_its_own_session_says_nothing(url: str) -> None:
    async with asyncio.timeout(LIMIT_S), node(url, "a"):
        watching = asyncio.create_task(watch(url, "a"))
        await wait_for_waiter(url)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
        with pytest.raises(psycopg.OperationalError):
            await watching


async def test_who_comes_back_waits_until_its_pages_are_rescued(url: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        async with node(url, "a"):
            locks = SqlNodeLocks(url)
            gaining = locks.watch("a")
            watching = asyncio.create_task(gaining.__aenter__())
            await wait_for_waiter(url)
        assert await watching
        again = await connect(parse_url(url))
        taking = asyncio.create_task(take_lock(again, "a"))
        await asyncio.sleep(0)
        assert not taking.done()
        await gaining.__aexit__(None, None, None)
        assert await taking is Standing.HELD
        await again.close()


async def test_a_node_that_loses_its_session_is_told_and_gets_its_lock_again(url: str) -> None:
    standings: asyncio.Queue[Standing] = asyncio.Queue()
    notifications = Notifications(
        url,
        owner="a",
        on_event=lambda *_: None,
        on_connected=lambda: None,
        on_standing=standings.put_nowait,
    )
    await notifications.start()
    async with asyncio.timeout(LIMIT_S):
        assert await standings.get() is Standing.HELD
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        assert [await standings.get(), await standings.get()] == [Standing.LOST, Standing.HELD]
    await notifications.stop()
    assert standings.empty()


# --- the duty --------------------------------------------------------------------------------------------------------


def make_watch(room: Room, url: str) -> PeerWatch:
    return PeerWatch(
        PeerWatchConfig(),
        nodes=room.nodes,
        table=room.stores.nodes,
        locks=SqlNodeLocks(url),
        pages=room.stores.pages,
        dispatcher=room.dispatcher,
    )


async def announce(stores: Stores, *owners: str) -> None:
    for owner in owners:
        await stores.nodes.announce(Node(owner, f"machine of {owner}", owner, "1"))


@pytest.mark.parametrize("without_lock", [(), ("b",), ("z",)])
async def test_the_pages_of_a_dead_node_are_queued_again_at_once_and_it_can_no_longer_commit(
    url: str, stores: Stores, tmp_path: Path, without_lock: tuple[str, ...]
) -> None:
    """Whichever other nodes there are, with a lock or without one."""
    room = Room(stores, tmp_path)
    await announce(stores, room.config.owner, "dead", *without_lock)
    await room.nodes.look()
    await stores.add_running("a", pages=2)
    lease = await stores.claim("a", limit=1, owner="dead")
    async with asyncio.timeout(LIMIT_S), node(url, "dead") as session:
        watching = make_watch(room, url)
        await watching.start()
        await wait_for_waiter(url)
        await end_session(url, session)
        async with asyncio.timeout(AT_ONCE_S):
            await eventually(lambda: _is_queued(stores))
    with pytest.raises(StaleLease):
        await stores.pages.commit_pages(lease, [read_page(1)])
    assert {page.attempts for page in await stores.tasks.pages("a")} == {0}
    await eventually(lambda: _is_gone(room, "dead"))
    await watching.stop()
    await watching.stop()


async def _is_queued(stores: Stores) -> bool:
    return {page.state for page in await stores.tasks.pages("a")} == {PageState.QUEUED}


async def _is_gone(room: Room, owner: str) -> bool:
    states = {each.node.owner: each.state for each in await room.nodes.report()}
    return states[owner] is NodeState.GONE


async def test_a_node_without_its_lock_claims_nothing(stores: Stores, tmp_path: Path) -> None:
    room = Room(stores, tmp_path)
    await stores.queue.submit(new_task("a"))
    for standing, state in ((Standing.LOST, PageState.QUEUED), (Standing.HELD, PageState.DONE)):
        room.nodes.note(standing)
        await room.dispatcher.run_once()
        await asyncio.gather(*room.dispatcher.works())
        assert (await stores.tasks.pages("a"))[0].state is state
    await room.dispatcher.stop()
    await room.follower.stop()


# --- behind a pooler -------------------------------------------------------------------------------------------------


class Pooler(Relay):
    """Stands between clients and PostgreSQL, and tells clients a process id of its own, as poolers do."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = str(server)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        super().__init__(listener, self._reach)

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """See `Relay.pass_on`."""
        threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
        threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _reach(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        return server

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                at = data.find(b"K\x00\x00\x00\x0c")
                sink.sendall(data if at < 0 else data[: at + 5] + b"\x00\x00\x00\x07" + data[at + 9 :])


@pytest.fixture
def pooled_url(url: str, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("p")
    pooler = Pooler(postgres_server.folder / ".s.PGSQL.5432", folder)
    yield str(parse_url(url).update_query_dict({"host": str(folder)}))
    pooler.close()


async def test_behind_a_pooler_only_leases_tell(url: str, pooled_url: str) -> None:
    async with asyncio.timeout(LIMIT_S), node(url, "a"):
        connection = await connect(parse_url(pooled_url))
        assert await take_lock(connection, "b") is Standing.LEASES_ALONE
        await connection.close()
        assert not await watch(pooled_url, "a")


def test_a_pooler_is_found(url: str, pooled_url: str, tmp_path: Path) -> None:
    assert [is_pooled(url), is_pooled(pooled_url), is_pooled(f"sqlite:///{tmp_path / 'a.db'}")] == [False, True, False]
    assert why_leases_alone(url) is None
    assert "A connection pooler stands between" in (why_leases_alone(pooled_url) or "")
    assert why_leases_alone("postgresql://nobody@127.0.0.1:1/none") is None, "another advice says that"
