import pytest
from onnxruntime import get_available_providers

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.rapidocr import load_on_cuda
from pagemill.engines.rapidocr.providers import CPU_PROVIDER, CUDA, check_in_use, cuda_providers
from pagemill.engines.registry import engine_specs

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
    assert spec.device_kinds == ("cuda",)
    assert "pip install onnxruntime-gpu" in spec.unusable
    with pytest.raises(DeviceUnavailable, match="pip install onnxruntime-gpu"):
        load_on_cuda(EngineConfig("accurate", device="cuda:0"))
