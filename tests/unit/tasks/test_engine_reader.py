from collections.abc import Sequence

from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryLevel, MemoryNeed, MemorySeed
from pagemill.domain.reports.engine_report import A4_PIXELS, LoadTime, MeasuredMemory, WorkerMemory
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.pool.load_times import LoadTimes
from pagemill.tasks.engine_reader import EngineReader
from pagemill.testing.memory import FakeAdmission
from pagemill.testing.pool import FakeServicePool

GPU = DeviceId("cuda:0")
SEED = MemorySeed(MemoryNeed(100, 50), MemoryNeed(20, 10), ram_per_pixel=2, gpu_per_pixel=1)
BOTH = EngineSpec(
    "both",
    "x:y",
    (EngineProfile("plain", SEED, ("de", "en"), loads_languages=True, default_languages=("en",)),),
    device_kinds=("cpu", "cuda"),
    version="1.2",
)
NARROW = EngineSpec("narrow", "x:y", (EngineProfile("plain", SEED, max_pixels=1000),), unusable="It is broken.")
SPECS = {spec.name: spec for spec in (BOTH, NARROW)}


class TwoDevices(FakeAdmission):
    def devices(self) -> Sequence[DeviceMemory]:
        return [DeviceMemory(device, 900 * MIB, 0, 0, MemoryLevel.NORMAL) for device in (CPU, GPU)]


def make_reader(estimator: LearningEstimator, loads: LoadTimes) -> EngineReader:
    return EngineReader(
        SPECS,
        estimator=estimator,
        memory=estimator,
        loads=loads,
        devices=TwoDevices(),
        pool=FakeServicePool(SPECS, {CPU: 1}),
    )


def test_seeds_are_told_before_anything_was_seen() -> None:
    both, narrow = make_reader(LearningEstimator(seeds_of(SPECS.values())), LoadTimes()).engines()
    on_cpu, on_gpu = both.profiles[0].model_sets
    assert (both.name, both.version, both.unusable) == ("both", "1.2", "")
    assert narrow.unusable == "It is broken."
    assert [models.device for models in narrow.profiles[0].model_sets] == [CPU]
    assert on_cpu.seed == WorkerMemory(MemoryNeed(100), MemoryNeed(120 + 2 * A4_PIXELS))
    assert on_gpu.seed == WorkerMemory(MemoryNeed(100, 50), MemoryNeed(120 + 2 * A4_PIXELS, 60 + A4_PIXELS))
    assert narrow.profiles[0].model_sets[0].seed.page == MemoryNeed(120 + 2 * 1000)
    assert (on_cpu.measured, on_cpu.load) == (None, None)
    assert on_cpu.estimate == on_cpu.seed


def test_what_was_seen_is_told_of_the_model_set_that_is_loaded_by_default() -> None:
    estimator, loads = LearningEstimator(seeds_of(SPECS.values())), LoadTimes()
    english, german = (ModelSetKey("both", "plain", (language,), CPU) for language in ("en", "de"))
    estimator.observe_base(english, settled=MemoryNeed(70))
    for key, peak in ((english, 300), (english, 200), (german, 999)):
        estimator.observe(key, pixels=10, batch_size=None, peak=MemoryNeed(peak))
    loads.note(english, 1.5)
    both, _ = make_reader(estimator, loads).engines()
    on_cpu, on_gpu = both.profiles[0].model_sets
    assert on_cpu.measured == MeasuredMemory(MemoryNeed(70), MemoryNeed(300), 2)
    assert on_cpu.load == LoadTime(1.5, 1)
    assert on_cpu.estimate.idle == MemoryNeed(77)
    assert (on_gpu.measured, on_gpu.load) == (None, None)
