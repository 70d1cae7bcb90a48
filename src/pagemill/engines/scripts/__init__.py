"""Finds the script of single lines and reads them, beside an engine that lacks that script. Only workers load this.

picture of a line ── gray ── one reader of a script after the other, the last that could first ── the best ── Page
"""

import os

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.failures import engine_errors
from pagemill.engines.scripts.spec import NAME

__all__ = ["load"]


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of the reader of scripts; it loads each language when a line needs it."""
    os.environ["OMP_THREAD_LIMIT"] = str(config.threads)
    with engine_errors(doing=f"Loading the engine {NAME}"):
        from pagemill.engines.scripts.engine import ScriptsEngine

        return ScriptsEngine(config)
