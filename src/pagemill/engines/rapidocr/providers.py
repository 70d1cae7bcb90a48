"""Chooses ONNX Runtime's provider for the networks, with predictable memory. Pure.

The CUDA provider's options keep its memory predictable: an arena that grows by the requested size instead of powers of
two, up to its own limit, and convolutions chosen by a rule instead of by trying all of them with their workspaces.
"""

from collections.abc import Mapping, Sequence

from pagemill.domain.errors import DeviceUnavailable
from pagemill.domain.memory import MIB
from pagemill.domain.work.engine_spec import EngineConfig

Provider = tuple[str, Mapping[str, str]]

CUDA = "CUDAExecutionProvider"
CPU_PROVIDER: Provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})

LIMIT_OPTION = "gpu_mem_limit_mb"
"""The setting `engines.rapidocr-cuda.gpu_mem_limit_mb`: most GPU memory of each of the two networks' arenas, MiB."""

USUAL_LIMIT_MB = 1024
"""The default: both arenas together then fit into the reservation of a page."""

REMEDY = (
    "Replace ONNX Runtime with its build for CUDA (`pip uninstall onnxruntime`, then `pip install onnxruntime-gpu`, "
    "with CUDA 12 and cuDNN 9), or use the engine rapidocr."
)


def cuda_providers(config: EngineConfig, available: Sequence[str]) -> list[Provider]:
    """CUDA on the device of the configuration, then the CPU for operations without a CUDA kernel.

    Args:
        config: Its device is "cuda:N"; its options may limit the memory.
        available: What this build of ONNX Runtime has.

    Raises:
        DeviceUnavailable: This build cannot use a GPU; the message says which one can.
    """
    if CUDA not in available:
        raise DeviceUnavailable(f"This ONNX Runtime cannot use {config.device}. {REMEDY}", device=config.device)
    options = {
        "device_id": config.device.partition(":")[2] or "0",
        "gpu_mem_limit": str(int(config.options.get(LIMIT_OPTION, USUAL_LIMIT_MB)) * MIB),
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "0",
    }
    return [(CUDA, options), CPU_PROVIDER]


def check_in_use(in_use: Sequence[str]) -> None:
    """Check that CUDA is in use: ONNX Runtime silently ignores a provider whose libraries it cannot load.

    Raises:
        DeviceUnavailable: CUDA is not among the providers of a session.
    """
    if CUDA not in in_use:
        raise DeviceUnavailable(
            "ONNX Runtime could not load its CUDA libraries, so it cannot use the GPU. Install CUDA 12 and cuDNN 9, "
            "or use the engine rapidocr."
        )
