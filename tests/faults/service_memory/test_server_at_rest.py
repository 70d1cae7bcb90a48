"""What the server process itself keeps: nothing for each task, and at rest little more than before the first."""

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.faults.service_memory import counted_server
from tests.fixtures.server import FAULTY_ENGINE, Server, until

from pagemill.domain.memory import MIB
from pagemill.memory.probes.process import ProcessProbe

PAGES = 7
WARM_UP, COUNTED, WINDOWS = 40, 30, 3
"""Tasks: the warm-up fills what is remembered of the last pages; then so many are counted, so many times."""
SAWTEETH = frozenset({"weakref.ReferenceType", "asyncio.events.TimerHandle", "_contextvars.Context"})
"""Kept by the hundred until they are dropped together: used cursors (sqlite3), timers called off (asyncio)."""
BLOCKS_EACH = 10
"""Allowed for the same."""
AT_REST = 5 * MIB
"""More than before the first task."""
COMMAND = (sys.executable, counted_server.__file__)


@dataclass(frozen=True)
class Counts:
    """What the server holds."""

    blocks: int
    containers: dict[str, int]

    def growth(self, before: "Counts") -> dict[str, int]:
        """By how much each type of container, and `blocks`, has grown."""
        grown = {name: number - before.containers.get(name, 0) for name, number in self.containers.items()}
        return {name: more for name, more in grown.items() if name not in SAWTEETH} | {
            "blocks": self.blocks - before.blocks
        }


def count(server: Server) -> Counts:
    (server.data / "counts").unlink(missing_ok=True)
    server.process.send_signal(signal.SIGUSR1)
    until((server.data / "counts").exists)
    return Counts(**json.loads((server.data / "counts").read_text()))


def work(server: Server, document: Path, tasks: int) -> None:
    """So many tasks, some at a time."""
    going: list[str] = []
    for _ in range(tasks):
        going.append(server.api.submit(document, **FAULTY_ENGINE))
        if len(going) == 8:
            server.api.wait_for_end(going.pop(0))
    for task_id in going:
        server.api.wait_until_clean(task_id)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return make_numbered_scan(tmp_path / "scan.pdf", PAGES)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = {"POOL__SERVICES_PER_DEVICE": "1", "POOL__IDLE_TIMEOUT_SECONDS": "1"}
    with Server(tmp_path / "data", settings=settings, command=COMMAND) as started:
        yield started


def own_bytes(server: Server) -> int:
    use = ProcessProbe().use(server.process.pid)
    assert use is not None
    return use.anonymous_bytes


def measure_kept(looks: Sequence[Counts]) -> dict[str, float]:
    """By how much each type grew for each task, at the least: what grows once and then no more is nothing kept."""
    growths = [after.growth(before) for before, after in pairwise(looks)]
    return {name: min(growth.get(name, 0) for growth in growths) / COUNTED for name in growths[0]}


def test_nothing_is_kept_for_each_task_and_little_at_rest(server: Server, document: Path) -> None:
    before_the_first = own_bytes(server)
    work(server, document, WARM_UP)
    until(lambda: not server.workers and own_bytes(server) - before_the_first <= AT_REST)
    looks = [count(server)]
    for _ in range(WINDOWS):
        work(server, document, COUNTED)
        looks.append(count(server))
    each = measure_kept(looks)
    assert each.pop("blocks") < BLOCKS_EACH
    assert {name: more for name, more in each.items() if more >= 0.5} == {}
