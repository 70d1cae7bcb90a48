"""The server's description of the engines on Paddle, without loading anything."""

from collections.abc import Mapping
from pathlib import Path

from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.engines.paddle.environment import NAME, PaddleEnvironment
from pagemill.engines.paddle.models import STRUCTURE, TEXT, Options, Pipeline, how_to_get, models_of

_TEXT_SEED = MemorySeed(base=MemoryNeed(660 * MIB), fixed=MemoryNeed(700 * MIB), ram_per_pixel=6.0)
"""PP-OCRv4, two threads: a trimmed worker settled at 584 to 665 MiB; pages of A4 at 200 dpi added 577 to 691."""

_STRUCTURE_SEED = MemorySeed(base=MemoryNeed(2200 * MIB), fixed=MemoryNeed(1800 * MIB), ram_per_pixel=6.0)
"""Not measured: we could not get the models. Their files take about 1 GB, PaddleOCR's 0.5; first pages correct it."""

_TEXT_LANGUAGES = ("zh", "en")
_STRUCTURE_LANGUAGES = ("zh", "zh-Hant", "en", "ja")


def paddle_specs(options: Mapping[str, Options], environments: Path) -> tuple[EngineSpec, EngineSpec]:
    """PP-StructureV3 and PaddleOCR's text pipeline, as installed here.

    Args:
        options: `engines.<name>` of the settings.
        environments: The folder of engines' environments.
    """
    environment = PaddleEnvironment.of(options.get(NAME, {}), environments)
    return (
        _spec(
            STRUCTURE,
            options,
            environment,
            EngineProfile("accurate", _STRUCTURE_SEED, _STRUCTURE_LANGUAGES),
        ),
        _spec(TEXT, options, environment, EngineProfile("accurate", _TEXT_SEED, _TEXT_LANGUAGES)),
    )


def _spec(
    pipeline: Pipeline, options: Mapping[str, Options], environment: PaddleEnvironment, profile: EngineProfile
) -> EngineSpec:
    is_structure = pipeline is STRUCTURE
    own_options = options.get(pipeline.engine, {})
    models = models_of(pipeline, own_options, environment.models)
    return EngineSpec(
        name=pipeline.engine,
        factory=f"pagemill.engines.paddle:{'load_structure' if is_structure else 'load_text'}",
        profiles=(profile,),
        interpreter=str(environment.interpreter),
        version=environment.version,
        unusable=environment.missing or how_to_get(pipeline, own_options, environment.models),
        finds_structure=is_structure,
        files=tuple(str(model.folder.absolute()) for model in models),
    )
