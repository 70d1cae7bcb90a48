"""PaddleOCR and PP-StructureV3 on Paddle, in an environment of their own. Only workers load this.

    page image ── turned ── PaddleOCR │ PP-StructureV3 ── lines, regions, tables ── Page
                     ▲            │ unclear, or sideways?
                     └────────────┘ once more, another way up

Paddle brings 1.7 GB and its own OpenCV, so `pagemill engines install` creates a virtual environment for it, and the
worker runs with that environment's interpreter. Models are directories on the disk; nothing is downloaded unless the
settings allow it.
"""

import os

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.failures import engine_errors
from pagemill.engines.paddle.models import STRUCTURE, TEXT, Pipeline, may_download
from pagemill.engines.paddle.shell import shell_answered

__all__ = ["load_structure", "load_text"]


def load_text(config: EngineConfig) -> Engine:
    """The `EngineFactory` of PaddleOCR's text pipeline."""
    return _load(config, TEXT)


def load_structure(config: EngineConfig) -> Engine:
    """The `EngineFactory` of PP-StructureV3."""
    return _load(config, STRUCTURE)


def _load(config: EngineConfig, pipeline: Pipeline) -> Engine:
    if not may_download(config.options):
        # otherwise the pipelines contact several hosts before they look at the disk
        os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    with engine_errors(doing=f"Loading the engine {pipeline.engine}"), shell_answered():
        from pagemill.engines.paddle.engine import PaddleEngine
        from pagemill.engines.warm_up import warm_up

        return warm_up(PaddleEngine(config, pipeline))
