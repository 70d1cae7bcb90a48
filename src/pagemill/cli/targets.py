"""Where a command's results go, in which form, and the exit code of a command for several documents."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pagemill.cli.exits import ExitCode
from pagemill.cli.inputs import Input
from pagemill.domain.errors import InvalidRequest
from pagemill.domain.task.results import ResultFormat, explain_unknown_format, result_names

STDOUT = Path("-")
DEFAULT_FORMAT = "text"


def overall_code(codes: Sequence[ExitCode]) -> ExitCode:
    """The common exit code if all are equal; otherwise "partly read"."""
    return codes[0] if len(set(codes)) == 1 else ExitCode.PARTLY_READ


def choose_format(
    asked: str | None, output: Path | None, known: Collection[ResultFormat], *, into_folder: bool = False
) -> ResultFormat:
    """The form of results: the one asked for, or else the one whose extension the output has, or else text.

    Args:
        asked: Its name.
        output: The file or folder for the results; None or `STDOUT` for stdout.
        known: Every format.
        into_folder: The output is a folder, even if it is not there yet.

    Raises:
        InvalidRequest: There is no such format, or its files are binary and would go to a terminal.
    """
    by_name = {each.name: each for each in known}
    name = asked or (DEFAULT_FORMAT if into_folder else _name_for(output, known))
    if name not in by_name:
        raise InvalidRequest(explain_unknown_format(name, by_name))
    chosen = by_name[name]
    if output in (None, STDOUT) and _is_binary(chosen) and sys.stdout.isatty():
        raise InvalidRequest(f"A terminal cannot show the format {name}. Name a file with --output, or use a pipe.")
    return chosen


def _name_for(output: Path | None, known: Collection[ResultFormat]) -> str:
    if output in (None, STDOUT) or output.is_dir() or not output.suffix:
        return DEFAULT_FORMAT
    fitting = [each for each in known if output.name.lower().endswith(each.extension)]
    if not fitting:
        raise InvalidRequest(
            f"No format has files that end in {output.suffix}. Name the format with --format: "
            f"{', '.join(sorted(each.name for each in known))}."
        )
    return fitting[0].name


def _is_binary(chosen: ResultFormat) -> bool:
    kind = chosen.media_type.partition(";")[0]
    return not (kind.startswith("text/") or kind.endswith(("json", "xml")))


def targets_for(
    inputs: Sequence[Input], output: Path | None, extension: str, *, into_folder: bool, force: bool
) -> Mapping[Input, Path | None]:
    """The file each result goes to; None for stdout.

    Args:
        inputs: The documents.
        output: None or `STDOUT` for stdout; a folder for several documents or a folder of them, otherwise a file.
        extension: Of result files, with its dot.
        into_folder: The output is a folder, even if it is not there yet.
        force: Replace files that are there already.

    Raises:
        InvalidRequest: A result would replace a document, or another file without `force`.
    """
    if output in (None, STDOUT):
        return dict.fromkeys(inputs)
    if not (into_folder or output.is_dir()):
        targets = {inputs[0]: output}
    elif output.exists() and not output.is_dir():
        raise InvalidRequest(f"{output} is a file. Name a folder for several documents.")
    else:
        names = result_names([each.name for each in inputs], extension)
        targets = {each: output / name for each, name in zip(inputs, names, strict=True)}
    check_targets([*targets.values()], documents=[each.path for each in inputs], force=force)
    return {**targets}


def check_targets(targets: Sequence[Path], *, documents: Sequence[Path], force: bool) -> None:
    """See that no result replaces a document or, without `force`, another file.

    Raises:
        InvalidRequest: One would.
    """
    there = [target for target in targets if target.exists()]
    for target in there:
        if any(document.exists() and target.samefile(document) for document in documents):
            raise InvalidRequest(f"The result would replace the document {target}. Name another output.")
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        verb = "are" if more else "is"
        raise InvalidRequest(f"{there[0]}{more} {verb} there already. To replace what is there, add --force.")


def partial_target(target: Path) -> Path:
    """The file for a result with only the pages that were read before an interruption."""
    return target.with_name(f"{target.stem}.partial{target.suffix}")
