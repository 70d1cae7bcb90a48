"""One server under everyday load for hours: does anything grow?

    python -m benchmarks.soak [--hours 2] [--seed 1] [--load 0.7] [--out FOLDER]
    python -m benchmarks.soak --plot-only FOLDER/soak.jsonl

Three callers send documents of all kinds, follow them, fetch results in all forms, cancel, retry, delete and are
refused, while a dashboard is open. Work comes in cycles: decks of the same steps in another order, until no work is
left; after every fourth a rest, in which all models are unloaded. Samples are written as they are taken, so that a run
that is cut short can be drawn, too. It fails where a series rises faster than it may, where anything ended as it should
not have, and where something is left at the end.

So that the database comes to a steady state within the run, tasks are deleted ten minutes after their end; the server
looks for them every ten minutes.
"""

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from itertools import count
from itertools import cycle as in_turns
from pathlib import Path

import httpx
from benchmarks.soak_dashboard import dashboard
from benchmarks.soak_documents import Documents, samples
from benchmarks.soak_load import KEYS, Caller, Counts, Step, deck, play
from benchmarks.soak_report import report
from benchmarks.soak_samples import (
    CpuBook,
    Ending,
    Head,
    Recording,
    Sample,
    milliseconds,
    processes_seen,
    read_recording,
    storage_seen,
)
from tests.fixtures.server import Server

from pagemill.client import AsyncClient, RetryRules
from pagemill.engines.registry import structure_missing, structure_spec

RECORDING = "soak.jsonl"
AT_ONCE = 5
REST_AFTER = 4
"""Cycles of work, then a rest; models live for as long, so that what they keep within a life is seen."""
_ROUNDED_MB = 1
"""Each model set's share is rounded down."""
_PACE_S = 0.5
_RETENTION_DAYS = 10 / (24 * 60)
_REST_PATIENCE_S = 300.0
_PATIENT = RetryRules(first_delay_s=0.2, longest_delay_s=5.0, total_s=300.0)


@dataclass(frozen=True)
class Plan:
    """How long everything takes, seconds.

    Attributes:
        load: CPU seconds a second, of everything together, that the work may take.
    """

    total_s: float
    load: float
    seed: int

    @property
    def cycle_s(self) -> float:
        """Decks are begun for so long."""
        return min(300.0, self.total_s / 10)

    @property
    def idle_timeout_s(self) -> float:
        """After so much rest models go."""
        return min(45.0, max(2.0, self.total_s / 20))

    @property
    def sample_s(self) -> float:
        """Between two samples."""
        return min(10.0, max(0.5, self.total_s / 720))

    def settings(self) -> dict[str, str]:
        """The server's settings."""
        return {
            "SERVER__API_KEYS": json.dumps(KEYS),
            "TASKS__RETENTION_DAYS": f"{_RETENTION_DAYS:.5f}",
            "POOL__IDLE_TIMEOUT_SECONDS": f"{self.idle_timeout_s:.0f}",
        }


@dataclass
class Soak:
    """One run against a server that is up."""

    plan: Plan
    server: Server
    out: Path
    probe: httpx.AsyncClient
    engines: Sequence[str]
    has_structure: bool
    counts: Counts = field(default_factory=Counts)
    phase: str = "work"
    cycle: int = 0
    deck_ended: bool = False
    unloads: int = 0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._book = CpuBook(self.server.process.pid)
        self._book.look()
        self._base, self._working_s = self._book.total(), 0.0
        self._samples = samples(self.plan.seed)
        self._chance = random.Random(self.plan.seed)  # noqa: S311 - the order of steps
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._steps = count(1)
        self._resting = asyncio.Event()

    async def run(self, recording: Recording, callers: Sequence[AsyncClient]) -> Ending:
        """Work and rest until time is up; then check what is left."""
        sampling = asyncio.create_task(self._sample(recording, callers[0]))
        in_turn = in_turns(callers)
        while not self._is_over():
            await self._work_a_cycle(in_turn)
            if (self.cycle + 1) % REST_AFTER == 0 or self._is_over():
                await self._rest(callers[0])
            self.cycle += 1
        leftovers = await self._find_leftovers(callers[0])
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
        return Ending(complaints=self.counts.complaints, leftovers=leftovers)

    @property
    def _at_s(self) -> float:
        return time.monotonic() - self._began

    def _is_over(self) -> bool:
        return self._at_s >= self.plan.total_s

    async def _work_a_cycle(self, callers: Iterator[AsyncClient]) -> None:
        self.phase, self.deck_ended = "work", False
        began, under_way = self._at_s, set[asyncio.Task[None]]()
        while self._at_s - began < self.plan.cycle_s and not self._is_over():
            for step in deck(self.engines, structure=self.has_structure, chance=self._chance):
                await self._seats.acquire()
                await self._keep_pace(began)
                if self._is_over():
                    self._seats.release()
                    break
                task = asyncio.create_task(self._serve_seat(next(self._steps), step, next(callers)))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        self._working_s += self._at_s - began
        self.phase = "drain"
        await asyncio.gather(*under_way)
        self.deck_ended = not self._is_over()
        await self._see_sampled()

    async def _see_sampled(self) -> None:
        """Wait for one sample in which all work has ended and is counted."""
        self._resting.clear()
        await self._resting.wait()

    async def _serve_seat(self, number: int, step: Step, client: AsyncClient) -> None:
        documents = Documents(self._samples, seed=self.plan.seed, number=number)
        folder = self.out / "steps" / f"{number}-{step.__name__}"
        try:
            await play(step, Caller(client, self.server.url, documents, folder, self.counts))
        finally:
            self._seats.release()

    async def _keep_pace(self, began: float) -> None:
        """Wait until the CPU time used is within the load allowed for the time of work so far."""
        while True:
            await asyncio.to_thread(self._book.look)
            allowed = self.plan.load * (self._working_s + self._at_s - began) + 2 * self.plan.load
            if self._book.total() - self._base <= allowed:
                return
            await asyncio.sleep(_PACE_S)

    async def _rest(self, client: AsyncClient) -> None:
        """Rest until every model set is gone, and for as long again."""
        self.phase = "rest"
        patience_s = self.plan.idle_timeout_s + _REST_PATIENCE_S
        try:
            await asyncio.wait_for(_all_unloaded(client), patience_s)
        except TimeoutError:
            self.counts.complaints.append(f"Model sets were not unloaded within {patience_s:.0f} s of rest.")
        await asyncio.sleep(max(self.plan.idle_timeout_s, 3 * self.plan.sample_s))
        await asyncio.to_thread(self._book.look)
        self._base, self._working_s = self._book.total(), 0.0

    async def _find_leftovers(self, client: AsyncClient) -> list[str]:
        """What should no longer be there."""
        left = []
        async with aclosing(client.tasks(at_once=200)) as tasks:
            async for task in tasks:
                if not task.status.is_final:
                    left.append(f"{task.document.name} ({task.task_id}) is still {task.status}.")
                elif not task.resource_cleanup_completed:
                    left.append(f"{task.document.name} ({task.task_id}) was not cleaned up.")
        status = await client.status()
        for device, memory in status.devices.items():
            loaded_mb = sum(each.reserved_mb for each in status.model_sets if each.device == device)
            if memory.reserved_mb > loaded_mb + _ROUNDED_MB * len(status.model_sets):
                left.append(
                    f"{device}: {memory.reserved_mb} MiB are still reserved, {loaded_mb} of them for model sets."
                )
        left += [f"The server logged: {line}" for line in self.server.log.splitlines() if "[error" in line]
        return left

    async def _sample(self, recording: Recording, client: AsyncClient) -> None:
        for number in count(1):
            try:
                recording.add(await self._look(client))
            except Exception as error:  # noqa: BLE001 - without samples the run is worth nothing; it is told at its end
                self.counts.complaints.append(f"no sample at {self._at_s:.0f} s: {type(error).__name__}: {error}")
            if self.phase != "work":
                self._resting.set()
            await asyncio.sleep(max(0.0, number * self.plan.sample_s - self._at_s))

    async def _look(self, client: AsyncClient) -> Sample:
        status = await client.status()
        await asyncio.to_thread(self._book.look)
        self._book.name({models.pid: kind_of(models.model_set) for models in status.model_sets})
        answer_ms = min([await self._answer() for _ in range(3)])
        processes, children, zombies = await asyncio.to_thread(processes_seen, self.server.process.pid, self._book)
        return Sample(
            at_s=round(self._at_s, 1),
            phase=self.phase,
            cycle=self.cycle,
            deck_ended=self.deck_ended,
            processes=processes,
            children=children,
            zombies=zombies,
            **await asyncio.to_thread(storage_seen, self.server.data),
            answer_ms=answer_ms,
            cpu_s=self._book.by_kind(),
            starts=self._book.starts,
            start_s=self._book.start_s,
            pages=dict(self.counts.pages),
            tasks=dict(self.counts.statuses),
            unexpected=len(self.counts.complaints),
            unloads=status.unloads,
            kept=sum(status.queue.tasks.values()),
        )

    async def _answer(self) -> float:
        began = time.monotonic()
        await self.probe.get("/livez")
        return milliseconds(began)


async def _all_unloaded(client: AsyncClient) -> None:
    while (await client.status()).model_sets:  # noqa: ASYNC110 - another process unloads them
        await asyncio.sleep(1.0)


def kind_of(model_set: str) -> str:
    """What counts as one kind: `tesseract/accurate/eng@cpu` is `tesseract/accurate`."""
    parts = model_set.partition("@")[0].split("/")
    return "/".join([*parts[:2], *(["structure"] if "structure" in parts[2:] else [])])


async def soak(plan: Plan, server: Server, out: Path) -> Ending:
    """Run against a server that is up, and write its recording."""
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(AsyncClient(server.url, api_key=key, retries=_PATIENT)) for key in KEYS
        ]
        found = await callers[0].engines()
        usable = [engine.name for engine in found.engines if engine.usable]
        probe = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=60))
        run = Soak(plan, server, out, probe, usable, has_structure=structure_missing(structure_spec()) is None)
        seen = await stack.enter_async_context(
            dashboard(
                server.url, KEYS[0], lambda: run.counts.newest.get(callers[0], ""), look_s=max(4.0, 2 * plan.sample_s)
            )
        )
        head = Head(
            seed=plan.seed,
            hours=plan.total_s / 3600,
            load=plan.load,
            commit=_commit(),
            settings=plan.settings(),
            dashboard=seen,
        )
        file = stack.enter_context((out / RECORDING).open("w", encoding="utf-8"))
        recording = Recording(file, head)
        ending = await run.run(recording, callers)
        recording.add(ending)
        return ending


def main() -> None:
    """Run, or only draw; exits with 1 where something failed."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--hours", type=float, default=2.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--load", type=float, default=0.7, help="of one core, used by everything together")
    arguments.add_argument(
        "--out", type=Path, default=Path("build/soak"), help="folder; what a run before left is removed"
    )
    arguments.add_argument("--plot", type=Path, help="default: soak.svg in that folder")
    arguments.add_argument("--plot-only", type=Path, metavar="FILE", help="a recording, perhaps of a run under way")
    given = arguments.parse_args()
    if given.plot_only is None:
        _run(Plan(total_s=3600 * given.hours, load=given.load, seed=given.seed), given.out)
    recording = given.plot_only or given.out / RECORDING
    passed = report(read_recording(recording), plot=given.plot or recording.with_name("soak.svg"))
    sys.exit(not passed)


def _run(plan: Plan, out: Path) -> None:
    for old in (out / "data", out / "steps"):
        shutil.rmtree(old, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    with Server(out / "data", settings=plan.settings()) as server:
        try:
            asyncio.run(soak(plan, server, out))
        finally:
            (out / "server.log").write_text(server.log, encoding="utf-8")


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607 - git is looked for
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
