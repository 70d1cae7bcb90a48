"""Targets of results, and the exit code of a command for several documents."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pagemill.cli.exits import ExitCode
from pagemill.domain.errors import InvalidRequest


def overall_code(codes: Sequence[ExitCode]) -> ExitCode:
    """The common exit code if all are equal; otherwise "partly read"."""
    return codes[0] if len(set(codes)) == 1 else ExitCode.PARTLY_READ


def targets_for(files: Sequence[Path], output: Path | None, extension: str) -> dict[Path, Path | None]:
    """The file each result goes to; None for stdout.

    Args:
        files: The documents.
        output: None for stdout; a folder for several documents, otherwise a file.
        extension: Of result files, with its dot.

    Raises:
        InvalidRequest: Several documents would go to the same file.
    """
    if output is None:
        return dict.fromkeys(files)
    if len(files) == 1 and not output.is_dir():
        return {files[0]: output}
    if output.exists() and not output.is_dir():
        raise InvalidRequest(f"{output} is a file. Name a folder for several documents.")
    targets: dict[Path, Path | None] = {file: output / f"{file.stem}{extension}" for file in files}
    for target, times in Counter(targets.values()).items():
        if times > 1:
            raise InvalidRequest(f"{times} documents would be written to {target}. Read them one at a time.")
    return targets
