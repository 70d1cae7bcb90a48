"""Who is told of pages that run out of memory, and what there is of webhooks by what was set."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tests.fixtures.stores import TurnedClock

from pagemill.domain.clocks import SteadyClock
from pagemill.domain.documents import DocumentKind
from pagemill.domain.errors import InvalidSettings, TaskFailureReason
from pagemill.domain.memory import CPU, MIB
from pagemill.domain.task.task import PageLease, Rung, StoredDocument, Task, TaskOptions, TaskStatus
from pagemill.domain.task.webhooks import Delivery
from pagemill.domain.work.outcomes import PageFailed
from pagemill.domain.work.recognition import RecognitionOptions, Stage
from pagemill.tasks.duties.webhook_setup import WebhookConfig, make_courier, oom_alerts
from pagemill.tasks.work.error_handler import OomFailure, ignore_oom
from pagemill.tasks.work.oom_alerts import KIND, OomAlerts

URL = "https://a.example/alerts"
GOOD = "whsec_" + "A" * 44
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENT = StoredDocument("/a", "a.pdf", 1, "0" * 64)
TASK = Task("a", TaskStatus.RUNNING, DOCUMENT, DocumentKind.PDF, 1, TaskOptions(), 0, NOW)
LEASE = PageLease("a", 1, Stage.OCR, (7,), (0,), (0,), DOCUMENT, RecognitionOptions(), NOW)
OOM = OomFailure(LEASE, PageFailed(7, TaskFailureReason.OUT_OF_MEMORY, "bad_alloc", True, 900 * MIB), CPU)


class Box:
    """An outbox that keeps what was put into it, or is out of order."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.added: list[tuple[str, str, Mapping[str, object]]] = []

    async def add(self, url: str, kind: str, data: Mapping[str, object]) -> None:
        if self.broken:
            raise ConnectionError("the database is away")
        self.added.append((url, kind, data))

    async def claim(self, *, limit: int, hold_for: timedelta) -> Sequence[Delivery]:
        del limit, hold_for
        return ()

    async def mark_delivered(self, delivery: Delivery) -> None:
        del delivery

    async def mark_failed(self, delivery: Delivery, error: str, *, retry_in: timedelta | None) -> None:
        del delivery, error, retry_in

    async def prune(self) -> None:
        return


async def test_an_alert_says_what_ran_out_of_memory_where() -> None:
    box = Box()
    await OomAlerts(URL, outbox=box, clock=TurnedClock()).on_oom(TASK, OOM, Rung.ALONE)
    ((url, kind, data),) = box.added
    assert (url, kind) == (URL, KIND)
    assert data == {
        "task_id": "a",
        "page": 7,
        "device": "cpu",
        "reason": "out_of_memory",
        "message": "bad_alloc",
        "reached_mb": 900,
        "next_rung": "alone",
    }


async def test_a_storm_makes_one_alert_a_minute_but_every_loss_is_told() -> None:
    box, clock = Box(), TurnedClock()
    alerts = OomAlerts(URL, outbox=box, clock=clock)
    for _ in range(5):
        await alerts.on_oom(TASK, OOM, Rung.SMALLER_BATCH)
    assert len(box.added) == 1
    await alerts.on_oom(TASK, OOM, None)
    await alerts.on_oom(TASK, OOM, None)
    assert [data["next_rung"] for _, _, data in box.added[1:]] == [None, None]
    clock.turn(timedelta(minutes=1))
    await alerts.on_oom(TASK, OOM, Rung.SMALLER_BATCH)
    assert len(box.added) == 4


async def test_an_alert_that_cannot_be_written_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    await OomAlerts(URL, outbox=Box(broken=True), clock=TurnedClock()).on_oom(TASK, OOM, None)
    assert "could not be written" in caplog.text


def test_without_a_secret_nothing_is_sent() -> None:
    box, clock = Box(), SteadyClock(TurnedClock())
    assert make_courier(WebhookConfig(), outbox=box, clock=clock) is None
    assert oom_alerts(WebhookConfig(), outbox=box, clock=clock) is ignore_oom
    assert make_courier(WebhookConfig(GOOD), outbox=box, clock=clock) is not None
    with pytest.raises(InvalidSettings, match=r"webhooks\.secret"):
        make_courier(WebhookConfig("guess"), outbox=box, clock=clock)
    with pytest.raises(InvalidSettings, match=r"alerts\.webhook_url"):
        make_courier(WebhookConfig(alert_url=URL), outbox=box, clock=clock)
    with pytest.raises(InvalidSettings, match=r"alerts\.webhook_url .* https://"):
        make_courier(WebhookConfig(GOOD, alert_url="ftp://a.example"), outbox=box, clock=clock)
