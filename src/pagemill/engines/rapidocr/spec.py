"""The server's description of RapidOCR, without loading it (docs/decisions/0010-two-runtimes-for-rapidocr.md)."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.engines.rapidocr.providers import REMEDY

NAME = "rapidocr"
ON_ONNXRUNTIME = "rapidocr-onnx"
ON_CUDA = "rapidocr-cuda"
FAST = "fast"
"""The profile that runs on small models its user supplies (docs/decisions/0004-fast-profile.md)."""

Options = Mapping[str, str | int | float | bool]

ONE_BY_ONE = 1
"""Lines in one run on the CPU: with eight, ONNX Runtime took 27 to 322 MiB more a page and was at most 6 % faster."""
CUDA_BATCH = 8
"""Lines in one run on a GPU. Not measured, because we had none; a single line leaves most of it idle."""

_ONNXRUNTIME_SEED = MemorySeed(base=MemoryNeed(190 * MIB), fixed=MemoryNeed(145 * MIB), ram_per_pixel=6.5)
"""From 25 upright pages of 0.4 to 36 megapixels and three turned ones, two threads: a trimmed worker settled at 178 to
195 MiB, a page added 90 to 132 MiB to its image of three bytes a pixel (one of 36 megapixels, for its rendering,
166). A turned page is held twice and added up to 154 MiB in all at A4; it decides `fixed`. `fast` was not measured; its
weights are smaller, so that it should take no more."""

_OPENVINO_SEED = MemorySeed(base=MemoryNeed(265 * MIB), fixed=MemoryNeed(260 * MIB), ram_per_pixel=6.5, kept=300 * MIB)
"""From 11 pages of 0.4 to 30 megapixels on two threads, turned ones among them: a worker was loaded at 250 MiB; a page
added 78 to 214 MiB to its image, including the kernels that it was the first to need. Over 32 pages of ten receipts
and eleven documents it came to hold 242 MiB more than when loaded (with a third more widths of lines it was 321, and no
more after 40 of 80 pages)."""

_CUDA_SEED = MemorySeed(
    base=MemoryNeed(1500 * MIB, 1000 * MIB),
    fixed=MemoryNeed(500 * MIB, 2000 * MIB),
    ram_per_pixel=6.5,
    batch_size=CUDA_BATCH,
)
"""Not measured, because we had no GPU: CUDA's and cuDNN's libraries and context, both networks, and for a page two
arenas at their default limit. Set high, because the guard ends a worker over its reservation; pages correct it."""

_CUDA_ON_CPU_SEED = replace(
    _ONNXRUNTIME_SEED, fixed=_ONNXRUNTIME_SEED.fixed + MemoryNeed(322 * MIB), batch_size=CUDA_BATCH
)
"""ONNX Runtime's on the CPU, plus the most that runs of eight lines took beyond runs of one."""

_TINY_LANGUAGES = (
    "zh", "en", "af", "az", "bs", "ca", "cs", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu",
    "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl", "pt", "qu", "rm", "ro",
    "sk", "sl", "sq", "sr-Latn", "sv", "sw", "tl", "tr", "uz",
)  # fmt: skip
"""The languages of one set of PP-OCRv6 weights, according to RapidOCR's model list, without Vietnamese and Welsh: the
alphabet lacks 44 letters of the one and 4 of the other."""


def rapidocr_specs(options: Mapping[str, Options]) -> tuple[EngineSpec, ...]:
    """RapidOCR on the best runtime for this machine, then on ONNX Runtime, then on a GPU.

    Args:
        options: `engines.<name>` of the settings.
    """
    best = (
        _spec(NAME, options, "load", runtime="openvino", seed=_OPENVINO_SEED)
        if has_openvino()
        else _spec(NAME, options, "load", runtime="onnxruntime", seed=_ONNXRUNTIME_SEED)
    )
    on_cuda = replace(
        _spec(ON_CUDA, options, "load_on_cuda", runtime="onnxruntime", seed=_CUDA_SEED, cpu_seed=_CUDA_ON_CPU_SEED),
        device_kinds=("cuda", "cpu"),
        unusable="" if has_cuda() else f"{ON_CUDA} needs another build of ONNX Runtime. {REMEDY}",
    )
    on_onnxruntime = _spec(
        ON_ONNXRUNTIME, options, "load_on_onnxruntime", runtime="onnxruntime", seed=_ONNXRUNTIME_SEED
    )
    return best, on_onnxruntime, on_cuda


def fast_models(options: Options) -> tuple[Path, Path]:
    """The files of the profile `fast`, detection and recognition, from the settings."""
    return Path(str(options.get("det_model", ""))), Path(str(options.get("rec_model", "")))


def fast_models_missing(options: Options, *, engine: str) -> str:
    """What to do if the files of the profile `fast` are missing; empty if they exist."""
    if all(path.is_file() for path in fast_models(options)):
        return ""
    return (
        "The profile fast needs model files that no package ships in a form we can vouch for. Download "
        "PP-OCRv6_det_tiny.onnx and PP-OCRv6_rec_tiny.onnx from RapidOCR's model list "
        f"(https://rapidai.github.io/RapidOCRDocs/main/model_list/) and set engines.{engine}.det_model and "
        f"engines.{engine}.rec_model to them, or use the profile accurate."
    )


def has_openvino() -> bool:
    """Whether OpenVINO is installed; this does not load it."""
    return find_spec("openvino") is not None


def has_cuda() -> bool:
    """Whether the build of ONNX Runtime for GPUs is installed; this does not load it."""
    try:
        return bool(version("onnxruntime-gpu"))
    except PackageNotFoundError:
        return False


def _spec(
    name: str,
    options: Mapping[str, Options],
    factory: str,
    *,
    runtime: str,
    seed: MemorySeed,
    cpu_seed: MemorySeed | None = None,
) -> EngineSpec:
    missing = fast_models_missing(options.get(name, {}), engine=name)
    return EngineSpec(
        name=name,
        factory=f"pagemill.engines.rapidocr:{factory}",
        profiles=(
            EngineProfile(name="accurate", languages=(*_TINY_LANGUAGES, "ja"), seed=seed, cpu_seed=cpu_seed),
            EngineProfile(name=FAST, languages=_TINY_LANGUAGES, seed=seed, cpu_seed=cpu_seed, unusable=missing),
        ),
        requires=("rapidocr", runtime, "cv2"),
        distribution="rapidocr",
        files=() if missing else tuple(str(path.absolute()) for path in fast_models(options.get(name, {}))),
    )
