"""The virtual environment of Paddle: its folder and content. Only look-ups, for the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "ppstructure"
"""The name of the environment on the command line, and of its main engine."""

OPTION = "environment"
"""The setting `engines.ppstructure.environment`."""


@dataclass(frozen=True)
class PaddleEnvironment:
    """A folder for Paddle, installed or not."""

    folder: Path

    @classmethod
    def of(cls, options: Mapping[str, object], environments: Path) -> "PaddleEnvironment":
        """The folder from the settings, or the default one among the environments."""
        return cls(Path(str(options.get(OPTION, environments / NAME))).absolute())

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def models(self) -> Path:
        """The folder of models, one directory per model name."""
        return self.folder / "models"

    @property
    def version(self) -> str:
        """The version of PaddleOCR in it; empty if it is not installed."""
        found = sorted(self.folder.glob("lib/python3*/site-packages/paddleocr-*.dist-info"))
        return found[-1].name.removeprefix("paddleocr-").removesuffix(".dist-info") if found else ""

    @property
    def missing(self) -> str:
        """Why it is unavailable, and what to do; empty if it is available."""
        if self.interpreter.is_file() and self.version:
            return ""
        return (
            f"PaddleOCR needs a Python environment of its own, and {self.folder} has none. Create it with `pagemill "
            f"engines install {NAME}` (1.7 GB), then restart Pagemill."
        )
