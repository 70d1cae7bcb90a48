"""The GPU probe: one suite over recorded readings, and over the real NVML where a GPU is."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pynvml
import pytest

from pagemill.domain.memory import DeviceId, MemoryReading
from pagemill.memory.probes.nvml import GpuError, NvmlLibrary, NvmlProbe

GIB = 1024**3
FIRST, SECOND = DeviceId("cuda:0"), DeviceId("cuda:1")


@dataclass
class RecordedGpu:
    uuid: str
    total: int
    free: int
    processes: dict[int, int | None] = field(default_factory=dict)
    broken: int | None = None

    def answer(self) -> "RecordedGpu":
        if self.broken is not None:
            raise pynvml.NVMLError(self.broken)
        return self


@dataclass
class RecordedNvml:
    """NVML as two GPUs answered it."""

    gpus: list[RecordedGpu]
    log: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")

    def count(self) -> int:
        return len(self.gpus)

    def uuid(self, index: int) -> str:
        return self.gpus[index].answer().uuid

    def memory(self, index: int) -> tuple[int, int]:
        gpu = self.gpus[index].answer()
        return gpu.total, gpu.free

    def processes(self, index: int) -> Mapping[int, int | None]:
        return self.gpus[index].answer().processes


class NoDriver(RecordedNvml):
    """A machine without a GPU: the library is not there."""

    def start(self) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


def two_gpus() -> RecordedNvml:
    return RecordedNvml(
        [
            RecordedGpu("GPU-8f0c", 16 * GIB, 15 * GIB, {4242: GIB // 2, 4343: None}),
            RecordedGpu("GPU-77aa", 24 * GIB, 24 * GIB),
        ]
    )


def has_gpu() -> bool:
    library = NvmlLibrary()
    try:
        library.start()
        return library.count() > 0
    except GpuError:
        return False


@pytest.fixture(
    params=[
        "recorded",
        pytest.param("real", marks=pytest.mark.skipif(not has_gpu(), reason="NVML finds no GPU on this machine")),
    ]
)
def probe(request: pytest.FixtureRequest) -> NvmlProbe:
    kind: Literal["recorded", "real"] = request.param
    return NvmlProbe(two_gpus() if kind == "recorded" else NvmlLibrary())


def test_every_gpu_has_a_reading_within_its_limit(probe: NvmlProbe) -> None:
    readings = probe.read()
    assert [reading.device for reading in readings] == [f"cuda:{index}" for index in range(len(readings))]
    assert readings
    assert all(0 <= reading.used_bytes <= reading.limit_bytes for reading in readings)
    assert all(reading.limit_bytes > GIB and reading.source == "NVML" for reading in readings)


def test_every_gpu_has_a_name_of_its_own(probe: NvmlProbe) -> None:
    names = [gpu.uuid for gpu in probe.gpus]
    assert all(name.startswith("GPU-") for name in names)
    assert len(set(names)) == len(names)


def test_processes_hold_no_more_than_is_in_use(probe: NvmlProbe) -> None:
    for reading in probe.read():
        held = probe.held_by_processes(reading.device)
        assert sum(held.values()) <= reading.used_bytes


def test_closed_it_reads_nothing_and_closes_once(probe: NvmlProbe) -> None:
    probe.close()
    probe.close()
    assert list(probe.read()) == []
    assert probe.held_by_processes(FIRST) == {}


def test_the_numbers_are_the_drivers() -> None:
    nvml = two_gpus()
    probe = NvmlProbe(nvml)
    assert list(probe.read()) == [
        MemoryReading(FIRST, 16 * GIB, GIB, "NVML"),
        MemoryReading(SECOND, 24 * GIB, 0, "NVML"),
    ]
    nvml.gpus[1].free = 20 * GIB
    assert probe.read()[1].used_bytes == 4 * GIB


def test_a_process_whose_use_the_driver_hides_is_not_known() -> None:
    assert NvmlProbe(two_gpus()).held_by_processes(FIRST) == {4242: GIB // 2}
    assert NvmlProbe(two_gpus()).held_by_processes(DeviceId("cuda:7")) == {}


def test_a_lost_gpu_is_left_out_with_one_warning_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    nvml = two_gpus()
    probe = NvmlProbe(nvml)
    nvml.gpus[0].broken = pynvml.NVML_ERROR_GPU_IS_LOST
    with caplog.at_level(logging.WARNING):
        assert [reading.device for reading in probe.read()] == [SECOND]
        assert probe.held_by_processes(FIRST) == {}
        probe.read()
    assert [record.getMessage() for record in caplog.records] == [
        "cuda:0 cannot be read and is left out: NVML says 'GPU is lost'"
    ]
    nvml.gpus[0].broken = None
    assert [reading.device for reading in probe.read()] == [FIRST, SECOND]
    nvml.gpus[0].broken = pynvml.NVML_ERROR_UNKNOWN
    probe.read()
    assert len(caplog.records) == 2


def test_a_gpu_that_cannot_even_be_named_is_left_out_and_the_others_keep_their_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nvml = two_gpus()
    nvml.gpus[0].broken = pynvml.NVML_ERROR_UNKNOWN
    assert [gpu.device for gpu in NvmlProbe(nvml).gpus] == [SECOND]
    assert "cuda:0 is left out" in caplog.text


def test_without_a_driver_there_are_no_gpus_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        probe = NvmlProbe(NoDriver([]))
        assert list(probe.read()) == []
    probe.close()
    assert [record.getMessage() for record in caplog.records] == [
        "No GPU devices: NVML says 'NVML Shared Library Not Found'"
    ]


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_the_real_library_without_a_driver_is_no_error() -> None:
    probe = NvmlProbe()
    assert list(probe.gpus) == []
    assert list(probe.read()) == []
