"""The nodes on one database, in SQL."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Connection, RowMapping, delete, insert, inspect, or_, select, update

from pagemill.domain.memory import Ceiling, DeviceId
from pagemill.domain.ports import Clock
from pagemill.domain.work.nodes import Node, NodeDevice, SeenNode
from pagemill.store.database import Database, reading, writing
from pagemill.store.migrate import looking
from pagemill.store.tables import nodes


class SqlNodes:
    """`NodeTable` on SQLite and PostgreSQL. Runs in the server process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @writing
    def announce(self, connection: Connection, node: Node) -> None:
        """See `NodeTable.announce`."""
        ended = (nodes.c.machine_id == node.machine_id) & nodes.c.draining
        connection.execute(delete(nodes).where(or_(nodes.c.owner == node.owner, ended)))
        row = {
            "owner": node.owner,
            "machine_id": node.machine_id,
            "name": node.name,
            "version": node.version,
            "devices": {name: _numbers(device) for name, device in node.devices.items()},
            "engines": {
                name: {profile: list(languages) for profile, languages in profiles.items()}
                for name, profiles in node.engines.items()
            },
            "draining": node.is_draining,
            "seen_at": self._clock.now(),
        }
        connection.execute(insert(nodes), row)

    @reading
    def list_nodes(self, connection: Connection) -> Sequence[SeenNode]:
        """See `NodeTable.list_nodes`."""
        return _list(connection)

    @writing
    def mark_gone(self, connection: Connection, owner: str, *, unseen_for: timedelta) -> None:
        """See `NodeTable.mark_gone`."""
        dead = update(nodes).where(nodes.c.owner == owner, nodes.c.seen_at > self._clock.now() - unseen_for)
        connection.execute(dead.values(seen_at=self._clock.now() - unseen_for))

    @writing
    def forget(self, connection: Connection, unseen_for: timedelta) -> int:
        """See `NodeTable.forget`."""
        return connection.execute(delete(nodes).where(nodes.c.seen_at <= self._clock.now() - unseen_for)).rowcount


def read_nodes(url: str) -> Sequence[SeenNode]:
    """All nodes, by name and owner; none in a database that does not exist or has an older schema.

    Raises:
        PagemillError: As `looking`.
    """
    with looking(url) as connection:
        if connection is None or not inspect(connection).has_table(nodes.name):
            return []
        return _list(connection)


def _list(connection: Connection) -> Sequence[SeenNode]:
    query = select(nodes).order_by(nodes.c.name, nodes.c.owner)
    return [_read(row) for row in connection.execute(query).mappings()]


def _numbers(device: NodeDevice) -> Mapping[str, int]:
    ceiling = device.ceiling
    return {
        "limit_bytes": ceiling.limit_bytes,
        "margin_bytes": ceiling.margin_bytes,
        "own_bytes": ceiling.own_bytes,
        "places": device.places,
    }


def _read(row: RowMapping) -> SeenNode:
    node = Node(
        owner=row["owner"],
        machine_id=row["machine_id"],
        name=row["name"],
        version=row["version"],
        devices={DeviceId(name): _device(numbers) for name, numbers in row["devices"].items()},
        engines={
            name: {profile: tuple(languages) for profile, languages in profiles.items()}
            for name, profiles in row["engines"].items()
        },
        is_draining=row["draining"],
    )
    return SeenNode(node, row["seen_at"])


def _device(numbers: Mapping[str, int]) -> NodeDevice:
    ceiling = Ceiling(numbers["limit_bytes"], numbers["margin_bytes"], numbers["own_bytes"])
    return NodeDevice(ceiling, numbers["places"])
