from datetime import UTC, datetime, timedelta

from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed
from pagemill.domain.reports.service_status import TaskSample
from pagemill.domain.reports.snapshot import ModelSetSnapshot, PoolSnapshot
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.tasks.duties.sampler import samples_of
from pagemill.tasks.work.memory_warnings import tasks_on

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUDA = DeviceId("cuda:0")


def resident(worker: str, service: str | None, key: ModelSetKey, rss_mb: int) -> ModelSetSnapshot:
    return ModelSetSnapshot(worker, key, 1, 1, timedelta(), rss_mb * MIB, MemoryNeed(0), service)


ON_CPU, ON_GPU = ModelSetKey("rapidocr", "fast", (), CPU), ModelSetKey("rapidocr", "fast", (), CUDA)
POOL = PoolSnapshot(
    (),
    (
        resident("w1", "s1", ON_CPU, 300),
        resident("w2", "s2", ON_CPU, 250),
        resident("w3", "s3", ModelSetKey.reader(CPU), 40),
        resident("w4", "s4", ON_GPU, 500),
        resident("w5", None, ON_CPU, 200),
        resident("w6", "inspection", ModelSetKey.reader(CPU), 40),
    ),
)
HOLDERS = {"s1": "a", "s2": "a", "s3": "a", "s4": "b", "gone": "c"}


def test_what_a_task_holds_is_added_up_for_each_device_and_stage() -> None:
    assert samples_of(POOL, HOLDERS, now=NOW) == (
        TaskSample("a", NOW, 550, "cpu", "ocr"),
        TaskSample("a", NOW, 40, "cpu", "text"),
        TaskSample("b", NOW, 500, "cuda:0", "ocr"),
    )


def test_where_nobody_works_there_is_nothing_to_write() -> None:
    assert samples_of(POOL, {}, now=NOW) == ()


def test_every_worker_holds_host_memory_and_some_a_devices() -> None:
    assert tasks_on(CPU, POOL, HOLDERS) == {"a", "b"}
    assert tasks_on(CUDA, POOL, HOLDERS) == {"b"}
    assert tasks_on(DeviceId("cuda:1"), POOL, HOLDERS) == set()
