"""The model files and their sessions."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, RunOptions, SessionOptions

from pagemill.domain.errors import EngineFailed

Tensor = NDArray[np.float32]

_QUIET = 3


def package_file(package: str, name: str) -> Path:
    """A model file that ships inside a package, by its path there, found without importing the package.

    Raises:
        EngineFailed: The package or file is missing; the message says how to get it.
    """
    path = find_package_file(package, name)
    if path is None:
        raise EngineFailed(
            f"The package {package.replace('_', '-')} lacks the model {name}, so Pagemill cannot find structure. "
            "Install pagemill's requirements.txt with --no-deps, or read without structure."
        )
    return path


def find_package_file(package: str, name: str) -> Path | None:
    """A file inside a package, by its path there; None if the package or file is missing."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    path = Path(folders[0]) / name if folders else None
    return path if path is not None and path.is_file() else None


class Network:
    """One ONNX model: an image in, its outputs in order. Between runs its arena is empty."""

    def __init__(self, path: Path, *, threads: int) -> None:
        options = SessionOptions()
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
        self._session = InferenceSession(str(path), options, providers=[provider])
        self._input = self._session.get_inputs()[0].name
        self._shrinking = RunOptions()
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def __call__(self, image: Tensor) -> Sequence[Tensor]:
        """Run one image, float32 of shape (1, 3, height, width)."""
        outputs = self._session.run(None, {self._input: image}, self._shrinking)
        return [np.asarray(output, dtype=np.float32) for output in outputs]

    def names(self) -> list[str]:
        """The names of the model's classes or tokens, in order.

        Raises:
            EngineFailed: The model does not name them.
        """
        listed = self._session.get_modelmeta().custom_metadata_map.get("character")
        if listed is None:
            raise EngineFailed("The model does not name its classes (metadata key `character`). Reinstall its package.")
        return list(listed.splitlines())
