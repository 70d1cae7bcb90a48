"""Model files and ONNX Runtime sessions.

Sessions are made here and handed models from the disk only, so RapidOCR's downloader is out of reach: a missing file is
an error that names it.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from pagemill.domain.engines import EngineConfig
from pagemill.domain.errors import EngineFailed

Tensor = NDArray[np.float32]

_SHIPPED_DETECTION = "PP-OCRv6_det_small.onnx"
_SHIPPED_RECOGNITION = "PP-OCRv6_rec_small.onnx"
_QUIET = 3  # errors only: ONNX Runtime writes its warnings straight to the worker's stderr


@dataclass(frozen=True)
class ModelFiles:
    """The two networks of a model set."""

    detection: Path
    recognition: Path


def model_files(config: EngineConfig) -> ModelFiles:
    """The files a profile runs on: those in RapidOCR's package, or the configured `det_model` and `rec_model`.

    Raises:
        EngineFailed: A file is not there; the message says how to get it.
    """
    shipped = _package_folder() / "models"
    files = ModelFiles(
        detection=Path(str(config.options.get("det_model", shipped / _SHIPPED_DETECTION))),
        recognition=Path(str(config.options.get("rec_model", shipped / _SHIPPED_RECOGNITION))),
    )
    for path in (files.detection, files.recognition):
        if not path.is_file():
            raise EngineFailed(
                f"The model file {path} is missing. Reinstall it with `pip install --force-reinstall rapidocr`, "
                "or correct engines.rapidocr.det_model and rec_model in the settings."
            )
    return files


def _package_folder() -> Path:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise EngineFailed("RapidOCR is not installed. Install it with `pip install rapidocr`.")
    return Path(spec.submodule_search_locations[0])


class Network:
    """One ONNX model: a batch of images in, one tensor out.

    Memory is predictable because the arena and the memory pattern are off: ONNX Runtime then takes what a run needs and
    frees it, and the allocator's trim gives it back.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        options = SessionOptions()
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        self._session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Tensor) -> Tensor:
        """Run `batch`, float32 of shape (images, 3, height, width)."""
        (output,) = self._session.run(None, {self._input: batch})
        return np.asarray(output, dtype=np.float32)

    def characters(self) -> list[str]:
        """The alphabet a recognition model was exported with.

        Raises:
            EngineFailed: The model carries none.
        """
        alphabet = self._session.get_modelmeta().custom_metadata_map.get("character")
        if alphabet is None:
            raise EngineFailed(
                "The recognition model carries no alphabet (metadata key `character`). "
                "Use a model exported for RapidOCR 3 in engines.rapidocr.rec_model."
            )
        return list(alphabet.splitlines())
