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

FAST = "fast"
"""The profile that runs on small models its user supplies (docs/decisions/0004-fast-profile.md)."""

_QUIET = 3  # errors only: ONNX Runtime writes its warnings straight to the worker's stderr


@dataclass(frozen=True)
class ModelFiles:
    """The two networks of a model set."""

    detection: Path
    recognition: Path


def model_files(config: EngineConfig) -> ModelFiles:
    """The files a profile runs on: those in RapidOCR's package; for `fast` the configured `det_model` and `rec_model`.

    Raises:
        EngineFailed: A file is not there; the message says how to get it.
    """
    return _fast_files(config) if config.profile == FAST else _shipped_files()


def _shipped_files() -> ModelFiles:
    folder = _package_folder() / "models"
    files = ModelFiles(folder / "PP-OCRv6_det_small.onnx", folder / "PP-OCRv6_rec_small.onnx")
    for path in (files.detection, files.recognition):
        if not path.is_file():
            raise EngineFailed(
                f"The model file {path} is missing from the package rapidocr. "
                "Restore it with `pip install --force-reinstall --no-deps rapidocr`."
            )
    return files


def _fast_files(config: EngineConfig) -> ModelFiles:
    detection, recognition = (Path(str(config.options.get(name, ""))) for name in ("det_model", "rec_model"))
    if not (detection.is_file() and recognition.is_file()):
        raise EngineFailed(
            "The profile fast needs model files that no package ships in a form we can vouch for. Download "
            "PP-OCRv6_det_tiny.onnx and PP-OCRv6_rec_tiny.onnx from RapidOCR's model list "
            "(https://rapidai.github.io/RapidOCRDocs/main/model_list/) and name them in the settings "
            "engines.rapidocr.det_model and engines.rapidocr.rec_model, or use the profile accurate."
        )
    return ModelFiles(detection, recognition)


def _package_folder() -> Path:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise EngineFailed("RapidOCR is not installed. Install it with `pip install rapidocr`.")
    return Path(spec.submodule_search_locations[0])


class Network:
    """One ONNX model: a batch of images in, one tensor out.

    ONNX Runtime's arena extends by what is asked for, and `shrink` frees it. Detection so peaked at 212 MiB and took
    0.11 s, against 339 MiB and 0.18 s with the C library's allocator in its place; recognition was not compared.
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
        # Spinning was 5 % faster on an idle machine, slower by half on one at load 4 (one trial each).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
                "Name a model from RapidOCR's own model list in engines.rapidocr.rec_model."
            )
        return list(alphabet.splitlines())
