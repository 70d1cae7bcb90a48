"""Finds the script of single lines and reads them, for an engine that lacks that script. Only workers load this.

picture of a line ── gray ── the reader of each script, that of the line before first ── the best reading ── Page
"""

import os

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.failures import engine_errors
from pagemill.engines.scripts.spec import NAME

__all__ = ["load"]


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of the reader of scripts; it loads each language when a line needs it."""
    os.environ["OMP_THREAD_LIMIT"] = str(config.threads)
    # ONNX Runtime, which reads with models, reports to its maker from its import on unless this is set before
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    with engine_errors(doing=f"Loading the engine {NAME}"):
        from pagemill.engines.scripts.engine import ScriptsEngine

        return ScriptsEngine(config)
