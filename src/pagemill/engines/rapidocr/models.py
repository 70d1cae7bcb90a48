"""Model files and ONNX Runtime sessions.

Sessions are made here and handed models from the disk only, so RapidOCR's downloader is out of reach: a missing file is
an error that names it.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, RunOptions, SessionOptions

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

    ONNX Runtime's arena extends by what is asked for, and `shrink` frees it. It re-uses its blocks so well that peaks
    are a third lower, and runs faster, than with the C library's allocator in its place.
    """

    def __init__(self, path: Path, *, threads: int, smallest: tuple[int, int]) -> None:
        """Load a model.

        Args:
            path: The ONNX file.
            threads: Threads of one run.
            smallest: Height and width of the smallest image it takes.
        """
        options = SessionOptions()
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
        self._session = InferenceSession(str(path), options, providers=[provider])
        self._input = self._session.get_inputs()[0].name
        self._shrinking = RunOptions()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._smallest: Tensor = np.zeros((1, 3, *smallest), dtype=np.float32)

    def __call__(self, batch: Tensor) -> Tensor:
        """Run `batch`, float32 of shape (images, 3, height, width)."""
        (output,) = self._session.run(None, {self._input: batch})
        return np.asarray(output, dtype=np.float32)

    def shrink(self) -> None:
        """Free the arena's unused blocks. ONNX Runtime does that at the end of a run only, so one is made."""
        self._session.run(None, {self._input: self._smallest}, self._shrinking)

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
