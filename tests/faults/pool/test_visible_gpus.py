"""What real workers see of GPUs: on any machine by what they are told, and on one with a GPU by CUDA itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.pool import QUICK_MODELS, Outcomes, chunk, make_document, make_yard

from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.page.page import Page
from pagemill.domain.work.outcomes import PageRead
from pagemill.memory.probes.nvml import NvmlProbe
from pagemill.testing.engines import FAULTY

FIRST, SECOND = DeviceId("cuda:0"), DeviceId("cuda:1")
UUIDS = {FIRST: "GPU-b", SECOND: "GPU-a"}
ASK_CUDA = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
count, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
assert cuda.cuInit(0) == 0
assert cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
assert cuda.cuDeviceGetUuid(uuid, 0) == 0
print(count.value, bytes(uuid).hex())
"""


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (CPU, "page 1 on cpu of ''"),
        (FIRST, "page 1 on cuda:0 of 'GPU-b'"),
        (SECOND, "page 1 on cuda:0 of 'GPU-a'"),
    ],
)
async def test_a_worker_is_told_its_gpu_by_uuid_before_it_loads(device: DeviceId, told: str, tmp_path: Path) -> None:
    yard = make_yard(
        replace(QUICK_MODELS, gpu_uuids=UUIDS),
        faults={"load": "where"},
        places={CPU: 1, FIRST: 1, SECOND: 1},
        limits=dict.fromkeys((CPU, FIRST, SECOND), 1024 * MIB),
    )
    await yard.pool.start()
    try:
        service = await yard.pool.acquire(device=device, engine=FAULTY.name)
        pages = Outcomes()
        await service.process("task", chunk(make_document(tmp_path / "five.pdf"), 1), pages)
        await yard.pool.release(service)
    finally:
        await yard.pool.stop()
    (page,) = pages.seen
    assert isinstance(page, PageRead)
    assert Page.from_json(page.payload).text == told


def test_cuda_shows_a_gpu_named_by_its_uuid_as_the_only_one_and_numbers_it_0() -> None:
    probe = NvmlProbe()
    if not probe.gpus:
        pytest.skip("NVML finds no GPU on this machine")
    for gpu in probe.gpus:
        environment = {"CUDA_VISIBLE_DEVICES": gpu.uuid}
        asked = subprocess.run(
            [sys.executable, "-c", ASK_CUDA], env=environment, capture_output=True, text=True, check=False
        )
        assert asked.stdout.split() == ["1", gpu.uuid.removeprefix("GPU-").replace("-", "")], asked.stderr
