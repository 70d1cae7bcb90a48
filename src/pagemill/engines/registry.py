"""The engines there are. Pure: the server imports this and nothing heavier."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pagemill.domain.engines import EngineProfile, EngineSpec, StructureSpec
from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.engines.paddle.specs import paddle_specs
from pagemill.engines.tesseract.spec import tesseract_spec

_RAPIDOCR_SEED = MemorySeed(base=MemoryNeed(190 * MIB), fixed=MemoryNeed(160 * MIB), ram_per_pixel=6.5)
"""From 27 upright pages of 0.4 to 35 megapixels (two threads) and five turned ones (one and two threads), without the
rendering of a PDF: a trimmed worker settled at 170 to 188 MiB, a page added 98 to 142 MiB beside its image of three
bytes a pixel. A turned page is held twice and added up to 182 MiB in all at A4; it decides `fixed`. `fast` was not
measured; its weights are smaller, so that it should take no more."""

_STRUCTURE_SEED = MemorySeed(base=MemoryNeed(60 * MIB), fixed=MemoryNeed(40 * MIB))
_STRUCTURE_READER_SEED = MemorySeed(base=MemoryNeed(120 * MIB))
"""From 11 pages of 0.5 to 11 megapixels beside RapidOCR (settled at 239 MiB for 186, peaks up to 84 MiB higher), and
from eight pages with a text layer (a reader settled at 175 MiB for 55 and peaked at 263), on two threads."""

_TINY_LANGUAGES = (
    "zh", "en", "af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu",
    "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc", "pl", "pt", "qu", "rm", "ro",
    "sk", "sl", "sq", "sr-Latn", "sv", "sw", "tl", "tr", "uz", "vi",
)  # fmt: skip
"""What one set of PP-OCRv6 weights reads, all at once; RapidOCR's model list says so."""

_RAPIDOCR = EngineSpec(
    name="rapidocr",
    factory="pagemill.engines.rapidocr:load",
    profiles=(
        EngineProfile(name="accurate", languages=(*_TINY_LANGUAGES, "ja"), seed=_RAPIDOCR_SEED),
        EngineProfile(name="fast", languages=_TINY_LANGUAGES, seed=_RAPIDOCR_SEED),
    ),
    requires=("rapidocr", "onnxruntime", "cv2"),
    distribution="rapidocr",
)

EngineOptions = Mapping[str, str | int | float | bool]
ENVIRONMENTS = Path("data") / "engines"
"""Where engines' environments are by default: below the default data directory."""


def engine_specs(
    options: Mapping[str, EngineOptions] = MappingProxyType({}), *, environments: Path = ENVIRONMENTS
) -> Mapping[str, EngineSpec]:
    """Every engine Pagemill knows, by name, as it is found here; the first is the default.

    Args:
        options: `engines.<name>` of the settings.
        environments: Where engines' environments are, each by its name.
    """
    known = (_RAPIDOCR, tesseract_spec(options.get("tesseract", {})), *paddle_specs(options, environments))
    return MappingProxyType({spec.name: _as_found(spec) for spec in known})


def structure_spec() -> StructureSpec:
    """The structure models."""
    return StructureSpec(
        factory="pagemill.engines.structure:load",
        seed=_STRUCTURE_SEED,
        reader_seed=_STRUCTURE_READER_SEED,
        requires=("rapid_layout", "rapid_table", "onnxruntime", "cv2"),
    )


def structure_missing(spec: StructureSpec) -> str | None:
    """Why no structure can be found here, and the remedy, in one sentence; None where it can."""
    missing = [module for module in spec.requires if find_spec(module) is None]
    if not missing:
        return None
    return (
        f"Finding structure needs {', '.join(missing)}, not installed here; install pagemill's requirements.txt with "
        "pip's --no-deps, or leave structure out."
    )


def unusable_engines(specs: Mapping[str, EngineSpec]) -> dict[str, str]:
    """For each engine that cannot run here, the reason and the remedy in one sentence.

    An engine with an interpreter of its own is judged by its worker, not here.
    """
    reasons = {name: _why_not(spec) for name, spec in specs.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _as_found(spec: EngineSpec) -> EngineSpec:
    return replace(spec, version=spec.version or _version(spec.distribution), unusable=_why_not(spec))


def _why_not(spec: EngineSpec) -> str:
    missing = [] if spec.interpreter is not None else _missing(spec)
    if not missing:
        return spec.unusable
    return f"The engine {spec.name} needs {', '.join(missing)}, not installed here. Install pagemill with its engines."


def _version(distribution: str) -> str:
    if not distribution:
        return ""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _missing(spec: EngineSpec) -> list[str]:
    return [module for module in spec.requires if find_spec(module) is None]
