"""Where results go, and what the command ends with."""

from pathlib import Path

import pytest

from pagemill.cli.exits import ExitCode
from pagemill.cli.targets import overall_code, targets_for


def name_targets(output: Path | None, extension: str, *files: str) -> dict[Path, Path | None]:
    return targets_for([*map(Path, files)], output, extension)


def test_without_an_output_all_go_to_stdout() -> None:
    assert name_targets(None, ".txt", "a.pdf", "x/a.pdf") == {Path("a.pdf"): None, Path("x/a.pdf"): None}


def test_one_document_goes_to_a_file_or_into_a_folder_that_is_there(tmp_path: Path) -> None:
    assert name_targets(tmp_path / "out", ".md", "x/a.pdf") == {Path("x/a.pdf"): tmp_path / "out"}
    assert name_targets(tmp_path, ".md", "x/a.pdf") == {Path("x/a.pdf"): tmp_path / "a.md"}


def test_several_go_into_a_folder_that_need_not_be_there(tmp_path: Path) -> None:
    targets = name_targets(tmp_path / "new", ".json", "x/a.pdf", "b.tar.png")
    assert [*targets.values()] == [tmp_path / "new" / "a.json", tmp_path / "new" / "b.tar.json"]


@pytest.mark.parametrize(
    ("codes", "overall"),
    [
        ([ExitCode.OK, ExitCode.OK], ExitCode.OK),
        ([ExitCode.NOTHING_READ, ExitCode.NOTHING_READ], ExitCode.NOTHING_READ),
        ([ExitCode.OK, ExitCode.NOTHING_READ], ExitCode.PARTLY_READ),
        ([ExitCode.USAGE, ExitCode.OK], ExitCode.PARTLY_READ),
    ],
)
def test_some_of_everything_is_partly_read(codes: list[ExitCode], overall: ExitCode) -> None:
    assert overall_code(codes) is overall
