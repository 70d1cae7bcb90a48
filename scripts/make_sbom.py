"""Writes what Pagemill consists of, as CycloneDX, a file for each set of pinned packages: `make sbom`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINNED = {
    "pagemill": ROOT / "requirements.txt",
    "ppstructure": ROOT / "src" / "pagemill" / "engines" / "paddle" / "requirements.txt",
}
"""The packages of the service, and those of PaddleOCR's own environment."""


def main() -> None:
    """Write both files into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, requirements in PINNED.items():
        write_sbom(requirements, folder / f"{name}.json")


def write_sbom(requirements: Path, output: Path) -> None:
    """Write the packages of a file of pinned requirements; the same for the same file.

    Raises:
        subprocess.CalledProcessError: The result is not valid CycloneDX.
    """
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ("--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--validate", "--of", "JSON")
    command = (str(program), "requirements", *options, "-o", str(output), str(requirements))
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    main()
