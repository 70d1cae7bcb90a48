"""Tesseract through tesserocr, which contains the library; languages are data files of the system.

page image ── gray ── turned ── Tesseract ── words ── lines ── assembly ── Page
                         ▲            │ unclear, or sideways?
                         └────────────┘ orientation: once more, another way up

Only workers load this.
"""

import os

from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.engines.failures import engine_errors
from pagemill.engines.tesseract.languages import NAME

__all__ = ["load"]


def load(config: EngineConfig) -> Engine:
    """The `EngineFactory` of Tesseract: it reads the data and recognises one small image."""
    # a Tesseract that was built with OpenMP reads this when it is first imported, and never again
    os.environ["OMP_THREAD_LIMIT"] = str(config.threads)
    with engine_errors(doing=f"Loading the engine {NAME}/{config.profile}"):
        from pagemill.engines.tesseract.engine import TesseractEngine
        from pagemill.engines.warm_up import warm_up

        return warm_up(TesseractEngine(config))
