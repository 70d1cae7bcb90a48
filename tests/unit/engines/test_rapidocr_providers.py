from contextlib import closing

import pytest
from onnxruntime import get_available_providers
from PIL import Image, ImageDraw, ImageFont
from tests.data.make_pages import page_image

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import CPU, MIB, DeviceId, DeviceMemory, MemoryLevel
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.recognition import ModelSetKey
from pagemill.engines.rapidocr import load_on_cuda, load_on_onnxruntime
from pagemill.engines.rapidocr.providers import CPU_PROVIDER, CUDA, check_in_use, cuda_providers
from pagemill.engines.registry import engine_specs
from pagemill.memory.estimator import seeds_of
from pagemill.tasks.device_choice import select_device

WITH_CUDA = ["TensorrtExecutionProvider", CUDA, "CPUExecutionProvider"]


def test_a_gpu_is_used_with_an_arena_of_bounded_size() -> None:
    (name, options), fallback = cuda_providers(EngineConfig("accurate", device="cuda:1"), WITH_CUDA)
    assert (name, fallback) == (CUDA, CPU_PROVIDER)
    assert options == {
        "device_id": "1",
        "gpu_mem_limit": str(1024 * 1024 * 1024),
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "0",
    }


def test_the_arena_is_as_large_as_it_is_set() -> None:
    config = EngineConfig("accurate", device="cuda:0", options={"gpu_mem_limit_mb": 300})
    (_, options), _ = cuda_providers(config, WITH_CUDA)
    assert options["gpu_mem_limit"] == str(300 * 1024 * 1024)


def test_a_build_without_cuda_is_refused_with_the_one_that_has_it() -> None:
    with pytest.raises(DeviceUnavailable, match="pip install onnxruntime-gpu") as refusal:
        cuda_providers(EngineConfig("accurate", device="cuda:0"), ["CPUExecutionProvider"])
    assert refusal.value.details == {"device": "cuda:0"}


def test_a_session_that_went_on_without_its_gpu_is_refused() -> None:
    check_in_use([CUDA, "CPUExecutionProvider"])
    with pytest.raises(DeviceUnavailable, match="cuDNN"):
        check_in_use(["CPUExecutionProvider"])


@pytest.mark.skipif(CUDA in get_available_providers(), reason="This ONNX Runtime can use a GPU.")
def test_without_the_build_for_cuda_the_engine_is_unusable_and_does_not_load() -> None:
    spec = engine_specs()["rapidocr-cuda"]
    assert spec.device_kinds == ("cuda", "cpu")
    assert "pip install onnxruntime-gpu" in spec.unusable
    with pytest.raises(DeviceUnavailable, match="pip install onnxruntime-gpu"):
        load_on_cuda(EngineConfig("accurate", device="cuda:0"))


def test_on_the_cpu_it_reads_what_the_engine_for_the_cpu_reads() -> None:
    """What a page that does not fit on the GPU falls back to, on whichever build of ONNX Runtime there is."""
    sheet = Image.new("RGB", (900, 300), "white")
    draw = ImageDraw.Draw(sheet)
    for number in range(3):
        draw.text((40, 40 + 80 * number), f"Invoice {number} of 1979", fill="black", font=ImageFont.load_default(40))
    config = EngineConfig("accurate", device="cpu", threads=1)
    texts = []
    for load in (load_on_cuda, load_on_onnxruntime):
        with closing(load(config)) as engine:
            texts.append(engine.read(page_image(sheet), number=1, rotation=0, batch_size=None).text)
    assert texts[0] == texts[1]
    assert "Invoice 2 of 1979" in texts[0]


def test_a_task_that_no_gpu_can_hold_goes_to_the_cpu_and_is_estimated_for_it() -> None:
    spec = engine_specs()["rapidocr-cuda"]
    seed = seeds_of([spec])
    gpu = DeviceId("cuda:0")
    keys = {device: ModelSetKey(spec.name, "accurate", (), device) for device in (CPU, gpu)}
    needs = {device: seed(key).base + seed(key).fixed for device, key in keys.items()}
    assert needs[CPU].gpu_bytes == 0
    assert needs[CPU].ram_bytes < needs[gpu].ram_bytes
    host, small, large = (
        DeviceMemory(device, size * MIB, used_bytes=0, reserved_bytes=0, level=MemoryLevel.NORMAL)
        for device, size in ((CPU, 8000), (gpu, 1000), (gpu, 9000))
    )
    assert select_device(None, spec, [host, small], needs) == CPU
    assert select_device(None, spec, [host, large], needs) == gpu
