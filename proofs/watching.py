"""Measures the memory of a server and its workers from outside."""

import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

import httpx
from benchmarks.memory_meter import look
from proofs.sending import ENDED_BEYOND

from pagemill.domain.memory import MIB
from pagemill.wire.status_wire import ModelSetWire, StatusWire

EVERY_S = 0.2
LONGER_THAN_S = 2.0
"""A worker may be over its limit this long before that counts: the guard looks at least once a second."""


def own_memory_mib(pid: int) -> float:
    """Anonymous memory of the process itself."""
    return look(pid).root_bytes / MIB


class WorkerWatch:
    """Looks at each worker's memory and its reservation, for the time of a `with` statement.

    Attributes:
        highest: By kind of worker, the most one held and what was reserved for it then, MiB.
    """

    def __init__(self, url: str, key: str) -> None:
        self.highest: dict[str, tuple[int, int]] = {}
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self._over_since: dict[str, float] = {}
        self._complaints: dict[str, str] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._http.close()

    @property
    def complaints(self) -> list[str]:
        """Workers that held more than their reservation and were not ended, a sentence each."""
        return list(self._complaints.values())

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                status = StatusWire.model_validate_json(self._http.get("/status").content)
            except (httpx.HTTPError, ValueError):
                continue
            for models in status.model_sets:
                self._see(models)

    def _see(self, models: ModelSetWire) -> None:
        held, reserved = models.memory_mb, models.reserved_mb
        if held > self.highest.get(models.model_set, (0, 0))[0]:
            self.highest[models.model_set] = held, reserved
        if held <= reserved * ENDED_BEYOND:
            self._over_since.pop(models.worker_id, None)
            return
        since = self._over_since.setdefault(models.worker_id, time.monotonic())
        if time.monotonic() - since > LONGER_THAN_S:
            words = f"The worker {models.worker_id} ({models.model_set}) held {held} MiB with {reserved} MiB reserved."
            self._complaints[models.worker_id] = words
