"""RapidOCR's PP-OCR models, on OpenVINO or on ONNX Runtime. Loaded in workers only.

    page image ── Detector ── line quads ── upright? ── Recogniser ── lines ── assembly ── Page
                  (models, tiles)          (orientation)  (batches)
                      └──────────── networks, on either runtime ┘

The models, the post-processing of the detection map, the rectifying of line crops and the CTC decoding are RapidOCR's;
runtimes, sizes, batches and the page's orientation are ours, because they decide memory and speed.
"""

import os

from pagemill.domain.engines import Engine, EngineConfig
from pagemill.engines.failures import engine_error
from pagemill.engines.rapidocr.spec import NAME, ON_ONNXRUNTIME, has_openvino

__all__ = ["load", "load_on_onnxruntime"]


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR: on OpenVINO where that is installed, else on ONNX Runtime."""
    return _load(NAME, config, openvino=has_openvino())


def load_on_onnxruntime(config: EngineConfig) -> Engine:
    """The `EngineFactory` of RapidOCR on ONNX Runtime."""
    return _load(ON_ONNXRUNTIME, config, openvino=False)


def _load(name: str, config: EngineConfig, *, openvino: bool) -> Engine:
    # ONNX Runtime's builds report to their maker, from the moment they are imported, unless this is set before
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        from pagemill.engines.rapidocr.engine import RapidOcrEngine

        if openvino:
            from pagemill.engines.rapidocr.on_openvino import networks
        else:
            from pagemill.engines.rapidocr.on_onnxruntime import networks
        return RapidOcrEngine.ready(name, config, networks)
    except Exception as error:
        raise engine_error(error, doing=f"Loading the engine {name}/{config.profile}") from error
