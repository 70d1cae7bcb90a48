"""A page that ran out of memory: the state is written down, the next rung taken, people told, and it is counted."""

from pathlib import Path

import pytest
from tests.fixtures.stores import LEASE, Stores, kind_of
from tests.fixtures.tasks_room import Room

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.events import TaskEvent
from pagemill.domain.memory import CPU, MIB
from pagemill.domain.outcomes import LossCause, PageFailed, WorkerLoss
from pagemill.domain.tasks import PageState, Rung

CLIMBED = [Rung.FRESH_PROCESS, Rung.ALONE, None]
"""On the CPU, by an engine that reads lines one by one, where the caller allowed no lower resolution."""
NO_MEMORY = PageFailed(1, TaskFailureReason.OUT_OF_MEMORY, "no memory", retryable=True, peak_bytes=700 * MIB)
LOST = WorkerLoss(LossCause.OVER_RESERVATION, "over its reservation", page=1, peak_bytes=700 * MIB)


@pytest.mark.parametrize("by", ["failure", "loss"])
async def test_every_rung_is_written_told_and_counted(stores: Stores, tmp_path: Path, by: str) -> None:
    room = Room(stores, tmp_path)
    await stores.running(pages=2)
    for before, rung in zip([None, *CLIMBED], CLIMBED, strict=False):
        kind = kind_of(alone=before is Rung.ALONE)
        lease = await stores.pages.claim_pages("a", kind, limit=1, owner="server", lease_for=LEASE)
        assert lease is not None
        if by == "failure":
            await room.errors.page_failed(lease, NO_MEMORY, device=CPU)
        else:
            await room.errors.worker_lost(lease, LOST, device=CPU)
        (page, _) = await stores.tasks.pages("a")
        assert page.state is (PageState.QUEUED if rung else PageState.FAILED)
    assert room.alerts == [(1, rung) for rung in CLIMBED]
    events = [event for event in await stores.events.read("a") if event.event_type is TaskEvent.OOM_RECOVERY]
    assert [event.details["next_rung"] for event in events] == [rung and rung.name.lower() for rung in CLIMBED]
    assert all("cpu 0 of 1024 MiB used" in str(event.details["memory"]) for event in events)
    assert {event.details["reached_mb"] for event in events} == {700}
    done = room.handlers.tally.work_done()
    assert done.oom_recoveries == dict.fromkeys(CLIMBED, 1)
    assert done.pages_failed == 1
