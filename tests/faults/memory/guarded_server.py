"""A server in miniature, to be run inside a limited cgroup: the real guard, the real probes, one greedy worker.

    python guarded_server.py RESERVED_MIB {served|blocked}

It starts a worker that takes 20 MiB at a time without end, as fast as it can read them, and prints how that ended as
JSON. `blocked` never lets the event loop run while the worker lives.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from pagemill.domain.clocks import SystemClock
from pagemill.domain.memory import CPU, MIB, DeviceId, LevelChanged, MemoryNeed
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.work.outcomes import LossCause
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.memory.probes.machine import MachineProbe

GREEDY = """
import hashlib, sys
print("up", flush=True)
sys.stdin.readline()
taken = []
while True:
    taken.append(bytearray(b"x") * (20 << 20))
    hashlib.sha256(taken[-1])
"""


class OneWorker:
    """`WatchedWorkers` with a single process."""

    def __init__(self, process: "subprocess.Popen[bytes]", reserved_mib: int) -> None:
        self.process = process
        self.causes: list[LossCause] = []
        self._worker = WatchedWorker(
            "greedy", process.pid, ModelSetKey.reader(CPU), MemoryNeed(reserved_mib * MIB), 1.0, None
        )

    def workers(self) -> Sequence[WatchedWorker]:
        return (self._worker,)

    async def evict_idle(self, _device: DeviceId, *, at_least_bytes: int | None = None) -> int:  # noqa: ARG002
        return 0

    async def trim_idle(self, _device: DeviceId) -> None:
        return

    async def kill(self, _worker_id: str, cause: LossCause) -> None:
        self.causes.append(cause)
        os.killpg(self.process.pid, signal.SIGKILL)


async def main(reserved_mib: int, manner: str) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 (it is started before there is anything to wait for)
        [sys.executable, "-c", GREEDY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    workers = OneWorker(process, reserved_mib)
    levels: list[str] = []

    def note(change: LevelChanged) -> None:
        levels.append(change.level.name)

    guard = MemoryGuard(GuardConfig(), machine=MachineProbe.of_this_machine(), clock=SystemClock())
    guard.listen(note)
    guard.watch(workers)
    await guard.start()
    limit_bytes = guard.devices()[0].limit_bytes
    process.stdin.write(b"go\n")
    process.stdin.flush()
    if manner == "blocked":
        code = process.wait(timeout=30)
    else:
        code = await asyncio.to_thread(process.wait, 30)
    await asyncio.sleep(0)
    await guard.stop()
    sys.stdout.write(json.dumps({"code": code, "causes": workers.causes, "levels": levels, "limit_bytes": limit_bytes}))


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
