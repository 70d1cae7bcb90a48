"""The networks on OpenVINO: half the time of ONNX Runtime, in more memory.

OpenVINO uses the fastest precision of the processor (bfloat16 with AMX or AVX-512) and compiles kernels for every new
input shape, some 25 to 50 ms and 6 MiB each. It keeps them, because lines have few shapes.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import ModuleType

import numpy as np

from pagemill.domain.errors import EngineFailed, OutOfMemory
from pagemill.engines.allocator import give_large_blocks_back, share_one_heap
from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr.models import COLUMN, NO_ALPHABET, Letters, ModelFiles, Networks, Tensor
from pagemill.engines.rapidocr.spec import ONE_BY_ONE

# OpenVINO reports its import through this package, if installed; it accepts an empty one
sys.modules["openvino_telemetry"] = ModuleType("openvino_telemetry")

import openvino  # noqa: E402 - only now
from openvino import opset13 as operations  # noqa: E402 - likewise
from openvino.preprocess import PrePostProcessor  # noqa: E402 - likewise

_ABOUT_TWO_PAGE_SIZES = 150
"""Kernels of each kind that the detection network keeps: it has some 70 convolutions, and most documents one page
size."""

_LINE_SHAPES = 5000
"""Kernels of the recognition network that are kept, OpenVINO's own default: more than all line shapes need."""

_NOT_WRITTEN = -1.0
"""Fills outputs before a run: if an allocation fails, a run may end with neither an error nor a result."""

_MIDDLE = 127.5
"""Maps bytes to -1 … 1, as mean and as scale."""

_MOST_STREAMS = 2
"""Most lines to compute at once: each after the first keeps its own kernels."""

_LINES_AHEAD = 1
"""Lines that wait in the recognition network: one is cut out or decoded while the others are computed."""


def networks(files: ModelFiles, *, threads: int) -> Networks:
    """Load both networks; one run uses `threads` threads."""
    share_one_heap()
    give_large_blocks_back()
    core = openvino.Core()
    recognition = _Recognition(core, files.recognition, threads)
    return Networks(_Detection(core, files.detection, threads), recognition, ONE_BY_ONE)


class _Detection:
    def __init__(self, core: openvino.Core, path: Path, threads: int) -> None:
        config = _config(threads, streams=1, kernels=_ABOUT_TWO_PAGE_SIZES)
        self._compiled = core.compile_model(_of_pixels(core.read_model(path)), "CPU", config)
        self._request = self._compiled.create_infer_request()

    def __call__(self, image: Pixels) -> Tensor:
        likelihoods: Tensor = np.full(image.shape[:2], _NOT_WRITTEN, dtype=np.float32)
        self._request.set_output_tensor(openvino.Tensor(likelihoods[None, None], shared_memory=True))
        self._request.infer([image[None]], share_inputs=True)
        _check_written(likelihoods)
        return likelihoods

    def shrink(self) -> None:
        self._compiled.release_memory()


class _Recognition:
    """Reads two lines at once instead of one on all threads, because such small layers are not worth dividing.

    It returns only the best letter of each column, and how likely a space is: the probabilities of all 18,710 would be
    6 MB per line.
    """

    def __init__(self, core: openvino.Core, path: Path, threads: int) -> None:
        model = _of_pixels(core.read_model(path))
        self._alphabet = _alphabet(model)
        _tell_best_and_space(model)
        streams = min(threads, _MOST_STREAMS)
        config = _config(threads, streams=streams, kernels=_LINE_SHAPES)
        self._compiled = core.compile_model(model, "CPU", config)
        self._requests = [self._compiled.create_infer_request() for _ in range(streams + _LINES_AHEAD)]

    def read(self, pictures: Iterable[Pixels], *, batch_size: int) -> Iterator[Letters]:
        del batch_size  # a run is one line
        running: deque[_Run] = deque()
        try:
            for request, picture in zip(cycle(self._requests), pictures, strict=False):
                if len(running) == len(self._requests):
                    yield running.popleft().letters()
                running.append(_Run(request, picture))
            while running:
                yield running.popleft().letters()
        finally:
            for run in running:
                with suppress(RuntimeError):  # another one failed, and its error is raised
                    run.request.wait()

    def shrink(self) -> None:
        self._compiled.release_memory()

    def characters(self) -> list[str]:
        if self._alphabet is None:
            raise EngineFailed(NO_ALPHABET)
        return self._alphabet.splitlines()


def _config(threads: int, *, streams: int, kernels: int) -> dict[str, int | bool]:
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,  # workers would be pinned to the same cores
        "CPU_RUNTIME_CACHE_CAPACITY": kernels,
    }


def _of_pixels(model: openvino.Model) -> openvino.Model:
    """The model with normalisation built in: it takes images as bytes of shape (1, rows, columns, 3)."""
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(_MIDDLE).scale(_MIDDLE)
    return steps.build()


def _alphabet(model: openvino.Model) -> str | None:
    path = ["framework", "character"]
    return str(model.get_rt_info(path).value) if model.has_rt_info(path) else None


def _tell_best_and_space(model: openvino.Model) -> None:
    (likelihoods,) = model.get_results()
    best = operations.topk(likelihoods.input_value(0), np.int64(1), 2, "max", "none", index_element_type="i32")
    space = operations.gather(likelihoods.input_value(0), np.array([-1]), np.int64(2))
    outputs = (best.output(0), best.output(1), space.output(0))
    model.add_results([operations.result(output) for output in outputs])
    model.remove_result(likelihoods)


class _Run:
    """A line being read."""

    def __init__(self, request: openvino.InferRequest, picture: Pixels) -> None:
        self.request = request
        columns = picture.shape[1] // COLUMN
        self._probabilities: Tensor = np.full((1, columns, 1), _NOT_WRITTEN, dtype=np.float32)
        self._indices = np.zeros((1, columns, 1), dtype=np.int32)
        self._spaces: Tensor = np.zeros((1, columns, 1), dtype=np.float32)
        for index, output in enumerate((self._probabilities, self._indices, self._spaces)):
            request.set_output_tensor(index, openvino.Tensor(output, shared_memory=True))
        request.start_async([picture[None]])

    def letters(self) -> Letters:
        """The letters of the line, once it is read."""
        self.request.wait()
        _check_written(self._probabilities)
        return Letters(self._indices[0, :, 0], self._probabilities[0, :, 0], self._spaces[0, :, 0])


def _check_written(output: Tensor) -> None:
    if output.min() == _NOT_WRITTEN:
        raise OutOfMemory("OpenVINO ended a run without a result, which it does when memory runs out.")
