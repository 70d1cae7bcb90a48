"""Measures what a server holds before its first task, after its last, when idle, and after the idle timeout."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.memory_meter import look
from benchmarks.memory_runs import follow, run_server
from tests.fixtures.server import Server

from pagemill.domain.memory import MIB

IDLE_TIMEOUT_S = 15
ROUNDS = 5


def report(documents: Sequence[Path], *, settings: Mapping[str, str]) -> None:
    """Run the same tasks some times on one server; print what it held at every rest."""
    print(f"\nMemory at rest, MiB (models are unloaded after {IDLE_TIMEOUT_S} s without work)")
    print(f"{'':34}{'workers':>9}{'sum of PSS':>12}{'anonymous':>11}{'change':>8}")
    with run_server({**settings, "POOL__IDLE_TIMEOUT_SECONDS": str(IDLE_TIMEOUT_S)}) as server:
        time.sleep(3)
        before = _print(server, "before the first task", before=None)
        for number in range(1, ROUNDS + 1):
            follow(server, [server.api.submit(document) for document in documents])
            time.sleep(5)
            _print(server, f"round {number}: 5 s after the last task", before=before)
            time.sleep(IDLE_TIMEOUT_S)
            while server.workers:
                time.sleep(0.2)
            time.sleep(3)
            _print(server, f"round {number}: after the idle timeout", before=before)


def _print(server: Server, moment: str, *, before: int | None) -> int:
    seen = look(server.process.pid)
    change = "" if before is None else f"{(seen.own_bytes - before) / MIB:+8.1f}"
    print(
        f"{moment:34}{len(server.workers):9}{seen.tree_bytes / MIB:12.1f}{seen.own_bytes / MIB:11.1f}{change}",
        flush=True,
    )
    return seen.own_bytes
