"""Real engines that record which page images they receive, and when they have read them. Runs in workers.

Runs in workers. One line for each moment, written at once, so that a killed worker's last line is whole:

    SECONDS loaded - PID        SECONDS began IMAGE PID        SECONDS ended IMAGE PID

SECONDS are of the machine's monotonic clock, IMAGE is a digest of the pixels.
"""

import hashlib
import os
import time
from pathlib import Path

from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page
from pagemill.domain.work.engine_spec import Engine, EngineConfig, EngineFactory

JOURNAL_VARIABLE = "PROOFS_JOURNAL"
"""The environment variable that tells the server which file its witnesses write to …"""
JOURNAL_OPTION = "journal"
"""… and the engine option that tells a witness."""


class Witness:
    """An engine in front of another, which does the work."""

    def __init__(self, engine: Engine, journal: Path) -> None:
        self._engine = engine
        self.reads_ink = engine.reads_ink
        self._file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._note("loaded", "-")

    def read(self, image: PageImage, *, number: int, rotation: int | None, batch_size: int | None) -> Page:
        """What the other engine reads."""
        digest = hashlib.blake2b(image.data, digest_size=8).hexdigest()
        self._note("began", digest)
        page = self._engine.read(image, number=number, rotation=rotation, batch_size=batch_size)
        self._note("ended", digest)
        return page

    def trim(self) -> None:
        """Have the other engine give memory back."""
        self._engine.trim()

    def close(self) -> None:
        """Let go of everything."""
        self._engine.close()
        os.close(self._file)

    def _note(self, what: str, digest: str) -> None:
        os.write(self._file, f"{time.monotonic():.4f} {what} {digest} {os.getpid()}\n".encode())


def rapidocr(config: EngineConfig) -> Engine:
    """RapidOCR with a witness."""
    from pagemill.engines.rapidocr import load

    return _watch_engine(load, config)


def tesseract(config: EngineConfig) -> Engine:
    """Tesseract with a witness."""
    from pagemill.engines.tesseract import load

    return _watch_engine(load, config)


def _watch_engine(load: EngineFactory, config: EngineConfig) -> Engine:
    return Witness(load(config), Path(str(config.options[JOURNAL_OPTION])))
