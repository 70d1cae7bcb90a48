from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.memory.admission import Account
from pagemill.memory.capacity import capacities
from pagemill.memory.estimator import LearningEstimator, seeds_of

GPU = DeviceId("cuda:0")
SEED = MemorySeed(MemoryNeed(100 * MIB, 50 * MIB), MemoryNeed(100 * MIB, 50 * MIB))
SPECS = [
    EngineSpec("both", "a:b", (EngineProfile("accurate", SEED),), device_kinds=("cpu", "cuda")),
    EngineSpec("host", "a:b", (EngineProfile("fast", SEED), EngineProfile("slow", SEED))),
]
ACCOUNTS = {
    CPU: Account(1000 * MIB, 300 * MIB, own_bytes=100 * MIB, margin_bytes=100 * MIB),
    GPU: Account(250 * MIB, 0, margin_bytes=25 * MIB),
}


def test_every_profile_is_counted_on_every_device_it_can_use() -> None:
    counted = capacities(SPECS, ACCOUNTS, LearningEstimator(seeds_of(SPECS)))
    assert [(str(one.key), one.now, one.at_most) for one in counted] == [
        ("both/accurate@cpu", 3, 4),
        ("both/accurate@cuda:0", 2, 2),
        ("host/fast@cpu", 3, 4),
        ("host/slow@cpu", 3, 4),
    ]


def test_the_reason_names_the_memory_that_is_short() -> None:
    on_host, on_gpu, *_ = capacities(SPECS, ACCOUNTS, LearningEstimator(seeds_of(SPECS)))
    assert on_host.reason == (
        "Pagemill can reserve 800 MiB of host memory (1000 less 100 kept free and 100 for the server itself), "
        "and one service takes up to 200 MiB."
    )
    assert "of memory of cuda:0 (250 less 25" in on_gpu.reason
