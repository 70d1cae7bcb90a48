"""The files of the networks, and the interface of a runtime.

Networks get files only from the disk, so RapidOCR's downloader never runs: a missing file is an error that names it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pagemill.domain.errors import EngineFailed
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr.spec import FAST, fast_models, fast_models_missing

Tensor = NDArray[np.float32]


@dataclass(frozen=True)
class ModelFiles:
    """The two networks of a model set."""

    detection: Path
    recognition: Path


def model_files(config: EngineConfig, *, engine: str) -> ModelFiles:
    """The files of a profile: those in RapidOCR's package; for `fast`, the configured `det_model` and `rec_model`.

    Args:
        config: The profile and its settings.
        engine: The engine's name in the settings.

    Raises:
        EngineFailed: A file is missing; the message says how to get it.
    """
    return _fast_files(config, engine) if config.profile == FAST else _shipped_files()


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


def _fast_files(config: EngineConfig, engine: str) -> ModelFiles:
    if missing := fast_models_missing(config.options, engine=engine):
        raise EngineFailed(missing)
    return ModelFiles(*fast_models(config.options))


def _package_folder() -> Path:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise EngineFailed("RapidOCR is not installed. Install it with `pip install rapidocr`.")
    return Path(spec.submodule_search_locations[0])


COLUMN = 8
"""Pixel columns of a line's picture for each column of `Letters`."""

NO_ALPHABET = (
    "The recognition model has no alphabet (metadata key `character`). Set rec_model of the engine to a model from "
    "RapidOCR's own model list."
)


@dataclass(frozen=True)
class Letters:
    """The output of a recognition network for a line, column by column.

    Attributes:
        indices: The likeliest letter of each column, as a place in the alphabet, 0 for none.
        probabilities: How likely it is, 0 … 1.
        spaces: How likely a space is, 0 … 1: the last place in the alphabet.
    """

    indices: NDArray[np.integer]
    probabilities: Tensor
    spaces: Tensor


class DetectionNetwork(Protocol):
    """Finds text in an image."""

    def __call__(self, image: Pixels) -> Tensor:
        """How likely each pixel belongs to a line, (rows, columns); the image is blue, green, red."""
        ...

    def shrink(self) -> None:
        """Free the memory that runs left allocated, as far as the runtime can."""
        ...


class RecognitionNetwork(Protocol):
    """Reads pictures of lines."""

    def read(self, pictures: Iterable[Pixels], *, batch_size: int) -> Iterator[Letters]:
        """The letters of every line, in order, at most `batch_size` lines of one width in a run.

        A picture has 48 rows, in blue, green, red. The network may take it from the iterable while it still reads
        earlier ones. A runtime may ignore `batch_size` and read lines one by one.
        """
        ...

    def shrink(self) -> None:
        """Free the memory that runs left allocated, as far as the runtime can."""
        ...

    def characters(self) -> list[str]:
        """The alphabet that the model was exported with.

        Raises:
            EngineFailed: The model has no alphabet.
        """
        ...


@dataclass(frozen=True)
class Networks:
    """A model set, loaded by a runtime; a run reads at most `batch_size` lines unless the call says otherwise."""

    detection: DetectionNetwork
    recognition: RecognitionNetwork
    batch_size: int


class NetworksFactory(Protocol):
    """Loads a model set on a runtime."""

    def __call__(self, files: ModelFiles, *, threads: int) -> Networks:
        """Load both networks; one run uses `threads` threads."""
        ...
