"""Carries out a plan of disturbances on a running server, and records when they kept it from its work."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from proofs.chaos_plan import KILLS, Kind, Step
from proofs.journal import Interruption, busy_workers, engine_workers
from proofs.neighbour import Neighbour
from proofs.supervisor import Supervisor
from proofs.volume import Volume
from tests.fixtures.postgres import PostgresServer

DATABASE = "chaos"
TARGET_WITHIN_S = 5.0
EARLY_SHARE = 0.3
"""The share of kills after which the next step does not wait until the server is up again."""
LOOK_S = 0.005
LOOKS_FOR_WORK = 60
BUSY_SHARE = 0.75
"""The share of killed or stopped workers that are caught in the middle of a page."""
RECOVERS_S = 15.0
RESTS_S = 0.5
"""Seconds until a filled disk or a neighbour takes effect."""


@dataclass
class Site:
    """The parts of a run.

    Attributes:
        impossible: Kinds of disturbances that cannot be made here, and why.
        neighbour_mib: The most that the neighbour takes.
    """

    supervisor: Supervisor
    journal: Path
    volume: Volume
    postgres: PostgresServer | None
    neighbour: Neighbour | None
    neighbour_mib: int
    impossible: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def possible(self) -> Collection[Kind]:
        """The kinds of disturbances that this machine allows."""
        return [kind for kind in Kind if kind not in self.impossible]


class Disturber:
    """Carries out one step after the other. Runs on one thread.

    Attributes:
        done: Disturbances by kind.
        missed: Disturbances that found nothing to disturb, by kind.
        interruptions: When the server was kept from storing what was read.
    """

    def __init__(self, site: Site, *, want_work: Callable[[], None]) -> None:
        """Take the site; `want_work` is called if too little work is left to disturb."""
        self.done: Counter[Kind] = Counter()
        self.missed: Counter[Kind] = Counter()
        self.interruptions: list[Interruption] = []
        self._site = site
        self._want_work = want_work
        self._do: Mapping[Kind, Callable[[Step], bool]] = {
            Kind.WORKER_KILLED: self._kill_worker,
            Kind.READER_KILLED: self._kill_reader,
            Kind.SERVER_KILLED: self._kill_server,
            Kind.BACKEND_KILLED: self._kill_backend,
            Kind.WORKER_STOPPED: self._stop_worker,
            Kind.WORKER_HUNG: self._hang_worker,
            Kind.SERVER_STOPPED: self._stop_server,
            Kind.DISK_FULL: self._fill_disk,
            Kind.POSTGRES_RESTARTED: self._restart_postgres,
            Kind.NEIGHBOUR: self._crowd,
        }

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor of the server."""
        return self._site.supervisor

    def take(self, step: Step) -> None:
        """Carry out a step and wait for its end; a kill that finds no process kills the server instead."""
        began = time.monotonic()
        was_done = self._do[step.kind](step)
        (self.done if was_done else self.missed)[step.kind] += 1
        if not was_done and step.kind in KILLS:
            self.take(replace(step, kind=Kind.SERVER_KILLED))
        elif was_done and step.kind not in {
            Kind.WORKER_KILLED,
            Kind.READER_KILLED,
            Kind.WORKER_STOPPED,
            Kind.NEIGHBOUR,
        }:
            self.interruptions.append(Interruption(began, time.monotonic()))

    def was_kept(self, at_s: float) -> bool:
        """Whether the server may have ended then because its disk or its database was away."""
        return any(each.since_s <= at_s <= each.until_s + RECOVERS_S for each in self.interruptions)

    def _kill_worker(self, step: Step) -> bool:
        return self._send_signal(self._worker_with_engine(step), signal.SIGKILL)

    def _kill_reader(self, step: Step) -> bool:
        known = engine_workers(self._site.journal)
        return self._send_signal(self._choose(step, lambda worker: worker.pid not in known), signal.SIGKILL)

    def _kill_server(self, step: Step) -> bool:
        """Kill it; usually the next step waits until it is up again, sometimes it disturbs the start."""
        self._site.supervisor.workers()
        killed = self._site.supervisor.signal(signal.SIGKILL)
        if killed and step.chance > EARLY_SHARE:
            self._site.supervisor.wait_until_ready()
        return killed

    def _kill_backend(self, step: Step) -> bool:
        postgres = self._site.postgres
        assert postgres is not None
        main = psutil.Process(int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0]))
        backends = [each for each in main.children() if any(DATABASE in part for part in _words(each))]
        return self._send_signal(backends[int(step.chance * len(backends))] if backends else None, signal.SIGKILL)

    def _stop_worker(self, step: Step) -> bool:
        worker = self._worker_with_engine(step)
        stopped = self._send_signal(worker, signal.SIGSTOP)
        time.sleep(min(step.lasts_s, 5.0))
        self._send_signal(worker, signal.SIGCONT)
        return stopped

    def _hang_worker(self, step: Step) -> bool:
        return self._send_signal(self._worker_with_engine(step), signal.SIGSTOP)

    def _stop_server(self, step: Step) -> bool:
        stopped = self._site.supervisor.signal(signal.SIGSTOP)
        time.sleep(step.lasts_s)
        self._site.supervisor.signal(signal.SIGCONT)
        return stopped

    def _fill_disk(self, step: Step) -> bool:
        self._site.volume.fill()
        time.sleep(RESTS_S + min(step.lasts_s, 5.0))
        self._site.volume.empty()
        return True

    def _restart_postgres(self, step: Step) -> bool:
        assert self._site.postgres is not None
        self._site.postgres.stop()
        time.sleep(min(step.lasts_s, 5.0))
        self._site.postgres.start()
        return True

    def _crowd(self, step: Step) -> bool:
        neighbour = self._site.neighbour
        assert neighbour is not None
        neighbour.hold(round((0.3 + 0.7 * step.chance) * self._site.neighbour_mib))
        time.sleep(RESTS_S + min(step.lasts_s, 5.0))
        neighbour.hold(0)
        return True

    def _worker_with_engine(self, step: Step) -> psutil.Process | None:
        """A worker with an engine, usually one that is reading a page."""
        known = busy_workers if step.chance < BUSY_SHARE else engine_workers
        return self._choose(step, lambda worker: worker.pid in known(self._site.journal))

    def _choose(self, step: Step, is_wanted: Callable[[psutil.Process], bool]) -> psutil.Process | None:
        """One of the present workers; if there is none, the first that comes soon."""
        for tick in range(round(TARGET_WITHIN_S / LOOK_S)):
            if found := sorted(filter(is_wanted, self._site.supervisor.workers()), key=lambda worker: worker.pid):
                return found[int(step.chance * len(found))]
            if tick % LOOKS_FOR_WORK == LOOKS_FOR_WORK - 1:
                self._want_work()
            time.sleep(LOOK_S)
        return None

    @staticmethod
    def _send_signal(process: psutil.Process | None, number: signal.Signals) -> bool:
        with suppress(psutil.NoSuchProcess):
            if process is not None:
                process.send_signal(number)
                return True
        return False


def wake_all(supervisor: Supervisor) -> None:
    """Continue everything that is stopped."""
    for worker in supervisor.left_over():
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGCONT)


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []
