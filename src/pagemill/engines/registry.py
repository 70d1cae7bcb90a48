"""The registry of engines. Pure: the server imports this and nothing heavier."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec
from pagemill.engines.paddle.specs import paddle_specs
from pagemill.engines.rapidocr.spec import rapidocr_specs
from pagemill.engines.scripts.spec import scripts_spec
from pagemill.engines.tesseract.spec import tesseract_spec

_STRUCTURE_SEED = MemorySeed(base=MemoryNeed(60 * MIB), fixed=MemoryNeed(40 * MIB))
_STRUCTURE_READER_SEED = MemorySeed(base=MemoryNeed(120 * MIB))
"""From 11 pages of 0.5 to 11 megapixels with RapidOCR (settled at 239 MiB for 186, peaks up to 84 MiB higher), and
from eight pages with a text layer (a reader settled at 175 MiB for 55 and peaked at 263), on two threads."""

EngineOptions = Mapping[str, str | int | float | bool]
ENVIRONMENTS = Path("data") / "engines"
"""The default folder of engines' environments, below the default data directory."""


def engine_specs(
    options: Mapping[str, EngineOptions] = MappingProxyType({}), *, environments: Path = ENVIRONMENTS
) -> Mapping[str, EngineSpec]:
    """Every engine of Pagemill, by name, as installed here; the first is the default.

    Args:
        options: `engines.<name>` of the settings.
        environments: The folder of engines' environments.
    """
    known = (
        *rapidocr_specs(options),
        tesseract_spec(options.get("tesseract", {})),
        *paddle_specs(options, environments),
        scripts_spec(options, environments),
    )
    return MappingProxyType({spec.name: _as_found(spec) for spec in known})


def structure_spec() -> StructureSpec:
    """The structure models."""
    return StructureSpec(
        factory="pagemill.engines.structure:load",
        seed=_STRUCTURE_SEED,
        reader_seed=_STRUCTURE_READER_SEED,
        requires=("rapid_layout", "onnxruntime", "cv2"),
    )


def structure_missing(spec: StructureSpec) -> str | None:
    """Why structure is unavailable here, and what to do, in one sentence; None if it is available."""
    missing = [module for module in spec.requires if find_spec(module) is None]
    if not missing:
        return None
    return (
        f"Finding structure needs {', '.join(missing)}, which is not installed. Install pagemill's requirements.txt "
        "with pip's --no-deps, or leave structure out."
    )


def unusable_engines(specs: Mapping[str, EngineSpec]) -> dict[str, str]:
    """For each engine that cannot run here, the reason and what to do, in one sentence.

    An engine with an interpreter of its own is checked by its worker instead.
    """
    reasons = {name: _why_not(spec) for name, spec in specs.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _as_found(spec: EngineSpec) -> EngineSpec:
    return replace(spec, version=spec.version or _version(spec.distribution), unusable=_why_not(spec))


def _why_not(spec: EngineSpec) -> str:
    missing = [] if spec.interpreter is not None else _find_missing(spec)
    if not missing:
        return spec.unusable
    return (
        f"The engine {spec.name} needs {', '.join(missing)}, which is not installed. Install Pagemill with its engines."
    )


def _version(distribution: str) -> str:
    if not distribution:
        return ""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _find_missing(spec: EngineSpec) -> list[str]:
    return [module for module in spec.requires if find_spec(module) is None]
