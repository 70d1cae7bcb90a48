"""The virtual environment Paddle lives in: where it is and what is in it. Pure look-ups, for the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "ppstructure"
"""What the environment is called on the command line, and the engine that is its reason."""

OPTION = "environment"
"""The setting `engines.ppstructure.environment`."""


@dataclass(frozen=True)
class PaddleEnvironment:
    """A place for Paddle, whether it is there or not."""

    folder: Path

    @classmethod
    def of(cls, options: Mapping[str, object], environments: Path) -> "PaddleEnvironment":
        """The folder that is set, else the usual one among the environments."""
        return cls(Path(str(options.get(OPTION, environments / NAME))).absolute())

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def models(self) -> Path:
        """Where models are looked for, a directory for each by its name."""
        return self.folder / "models"

    @property
    def version(self) -> str:
        """Of PaddleOCR in it; empty where it is not there."""
        found = sorted(self.folder.glob("lib/python3*/site-packages/paddleocr-*.dist-info"))
        return found[-1].name.removeprefix("paddleocr-").removesuffix(".dist-info") if found else ""

    @property
    def missing(self) -> str:
        """Why it cannot be used, and what to do; empty where it can."""
        if self.interpreter.is_file() and self.version:
            return ""
        return (
            f"PaddleOCR needs a Python environment of its own, and {self.folder} has none. Create it with `pagemill "
            f"engines install {NAME}` (1.7 GB), then restart Pagemill."
        )
