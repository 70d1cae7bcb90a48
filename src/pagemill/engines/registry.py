"""The engines there are. Pure: the server imports this and nothing heavier."""

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from pagemill.domain.engines import EngineProfile, EngineSpec
from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed

_RAPIDOCR = EngineSpec(
    name="rapidocr",
    factory="pagemill.engines.rapidocr:load",
    profiles=(
        EngineProfile(
            name="accurate",
            languages=("zh", "en"),
            seed=MemorySeed(base=MemoryNeed(170 * MIB), fixed=MemoryNeed(300 * MIB), ram_per_pixel=8.0),
        ),
    ),
    requires=("rapidocr", "onnxruntime", "cv2"),
)


def engine_specs() -> Mapping[str, EngineSpec]:
    """Every engine Pagemill knows, by name; the first is the default."""
    return MappingProxyType({spec.name: spec for spec in (_RAPIDOCR,)})


def unusable_engines(specs: Mapping[str, EngineSpec]) -> dict[str, str]:
    """For each engine that cannot run here, the reason and the remedy in one sentence.

    An engine with an interpreter of its own is judged by its worker, not here.
    """
    missing = {name: _missing(spec) for name, spec in specs.items() if spec.interpreter is None}
    return {
        name: f"The engine {name} needs {', '.join(modules)}, not installed here. Install pagemill with its engines."
        for name, modules in missing.items()
        if modules
    }


def _missing(spec: EngineSpec) -> list[str]:
    return [module for module in spec.requires if find_spec(module) is None]
