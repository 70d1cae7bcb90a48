"""RapidOCR's PP-OCR models, on OpenVINO or on ONNX Runtime. Only workers load this.

    page image ── Detector ── line quads ── upright? ── Recogniser ── lines ── assembly ── Page
                  (models, tiles)          (orientation)  (batches)
                      └──────────── networks, on either runtime ┘

The models, the post-processing of the detection map, the rectification of line crops and the CTC decoding come from
RapidOCR. Runtimes, sizes, batches and the page's orientation are ours, because they decide memory and speed.
"""

import os
from typing import TYPE_CHECKING

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.failures import engine_error
from pagemill.engines.rapidocr.spec import NAME, ON_CUDA, ON_ONNXRUNTIME, has_openvino

if TYPE_CHECKING:
    from pagemill.engines.rapidocr.models import NetworksFactory

__all__ = ["load", "load_on_cuda", "load_on_onnxruntime"]


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR: on OpenVINO if it is installed, otherwise on ONNX Runtime."""
    return _load(NAME, config, runtime="openvino" if has_openvino() else "onnxruntime")


def load_on_onnxruntime(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR on ONNX Runtime."""
    return _load(ON_ONNXRUNTIME, config, runtime="onnxruntime")


def load_on_cuda(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR on ONNX Runtime's build for CUDA."""
    return _load(ON_CUDA, config, runtime="cuda")


def _load(name: str, config: EngineConfig, *, runtime: str) -> Engine:
    # ONNX Runtime's builds report to their maker, from the moment they are imported, unless this is set before
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        from pagemill.engines.rapidocr.engine import RapidOcrEngine

        return RapidOcrEngine.load_ready(name, config, _networks_factory(runtime, config))
    except Exception as error:
        raise engine_error(error, doing=f"Loading the engine {name}/{config.profile}") from error


def _networks_factory(runtime: str, config: EngineConfig) -> "NetworksFactory":
    if runtime == "openvino":
        from pagemill.engines.rapidocr import on_openvino

        return on_openvino.networks
    from pagemill.engines.rapidocr import on_onnxruntime

    return on_onnxruntime.networks_on_cuda(config) if runtime == "cuda" else on_onnxruntime.networks
