"""The networks on ONNX Runtime: on any CPU with the least memory, and on a GPU with the build for CUDA."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, RunOptions, SessionOptions, get_available_providers

from pagemill.domain.errors import EngineFailed
from pagemill.domain.memory import CPU
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.allocator import give_large_blocks_back, share_one_heap
from pagemill.engines.pixels import Pixels, normalise
from pagemill.engines.rapidocr.models import (
    NO_ALPHABET,
    Letters,
    ModelFiles,
    Networks,
    NetworksFactory,
    RecognitionNetwork,
    Tensor,
)
from pagemill.engines.rapidocr.providers import CPU_PROVIDER, Provider, check_in_use, cuda_providers
from pagemill.engines.rapidocr.spec import CUDA_BATCH, ONE_BY_ONE

_NONE_AND_SPACE = 2
"""What a recognition network tells apart besides its letters."""

_QUIET = 3  # errors only: ONNX Runtime writes its warnings straight to the worker's stderr


def networks(files: ModelFiles, *, threads: int) -> Networks:
    """Load both networks on the CPU; one run uses `threads` threads."""
    return _networks(files, threads, [CPU_PROVIDER], batch_size=ONE_BY_ONE)


def networks_on_cuda(config: EngineConfig) -> NetworksFactory:
    """A function that loads both networks on the device of the configuration: a GPU, or the CPU if the GPU failed.

    Raises:
        DeviceUnavailable: This build of ONNX Runtime cannot use the GPU.
    """
    providers = [CPU_PROVIDER] if config.device == CPU else cuda_providers(config, get_available_providers())

    def load(files: ModelFiles, *, threads: int) -> Networks:
        return _networks(files, threads, providers, batch_size=CUDA_BATCH)

    return load


def recognition_network(path: Path, *, threads: int) -> RecognitionNetwork:
    """Load only a recognition network, on the CPU.

    Raises:
        EngineFailed: The model has no alphabet, or one for another network.
    """
    share_one_heap()
    give_large_blocks_back()
    session = _Session(path, [CPU_PROVIDER], threads=threads, smallest=(48, 32))
    network = _Recognition(session)
    letters, told = len(network.characters()), session.last_size
    if told is not None and letters + _NONE_AND_SPACE != told:
        raise EngineFailed(
            f"The alphabet of {path.name} has {letters} letters, but the model tells {told - _NONE_AND_SPACE} apart. "
            "Use RapidOCR's own export of the model."
        )
    return network


def _networks(files: ModelFiles, threads: int, providers: Sequence[Provider], *, batch_size: int) -> Networks:
    share_one_heap()
    give_large_blocks_back()  # 12 MiB less for an upright page, up to 54 for a turned one, in 2 % more time
    detection = _Session(files.detection, providers, threads=threads, smallest=(32, 32))
    recognition = _Session(files.recognition, providers, threads=threads, smallest=(48, 32))
    return Networks(_Detection(detection), _Recognition(recognition), batch_size)


class _Session:
    """One ONNX model.

    ONNX Runtime's arena grows by the requested size, and `shrink` frees it. This way detection peaked at 212 MiB and
    took 0.11 s, against 339 MiB and 0.18 s with the C library's allocator; recognition was not compared.
    """

    def __init__(self, path: Path, providers: Sequence[Provider], *, threads: int, smallest: tuple[int, int]) -> None:
        """Load a model; `smallest` are height and width of the smallest image it takes."""
        options = SessionOptions()
        options.enable_mem_pattern = False
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        # Spinning was 5 % faster on an idle machine, slower by half on one at load 4 (one trial each).
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = InferenceSession(str(path), options, providers=list(providers))
        if providers != [CPU_PROVIDER]:
            check_in_use(self._session.get_providers())
        self._input = self._session.get_inputs()[0].name
        self._shrinking = RunOptions()
        # Only the host's arena: a GPU's is bounded, and its size after a page shows what the page took.
        self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._smallest: Tensor = np.zeros((1, 3, *smallest), dtype=np.float32)

    def run(self, batch: Tensor) -> Tensor:
        """The output for a batch of images."""
        (output,) = self._session.run(None, {self._input: batch})
        return np.asarray(output, dtype=np.float32)

    @property
    def last_size(self) -> int | None:
        """The last dimension of the output; None if it varies."""
        size = self._session.get_outputs()[0].shape[-1]
        return size if isinstance(size, int) else None

    def shrink(self) -> None:
        """See `DetectionNetwork.shrink`. ONNX Runtime frees unused blocks only at the end of a run, so make one."""
        self._session.run(None, {self._input: self._smallest}, self._shrinking)

    def metadata(self, key: str) -> str | None:
        """The model's metadata under this key."""
        value = self._session.get_modelmeta().custom_metadata_map.get(key)
        return None if value is None else str(value)


class _Detection:
    def __init__(self, session: _Session) -> None:
        self._session = session

    def __call__(self, image: Pixels) -> Tensor:
        likelihoods: Tensor = self._session.run(normalise(image))[0, 0]
        return likelihoods

    def shrink(self) -> None:
        self._session.shrink()


class _Recognition:
    def __init__(self, session: _Session) -> None:
        self._session = session

    def read(self, pictures: Iterable[Pixels], *, batch_size: int) -> Iterator[Letters]:
        for _, alike in groupby(pictures, key=np.shape):
            while batch := tuple(islice(alike, batch_size)):
                for likelihoods in self._session.run(np.concatenate([normalise(picture) for picture in batch])):
                    yield Letters(likelihoods.argmax(axis=1), likelihoods.max(axis=1), likelihoods[:, -1].copy())

    def shrink(self) -> None:
        self._session.shrink()

    def characters(self) -> list[str]:
        alphabet = self._session.metadata("character")
        if alphabet is None:
            raise EngineFailed(NO_ALPHABET)
        return alphabet.splitlines()
