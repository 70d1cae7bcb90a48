"""Where results go, and what the command ends with."""

from pathlib import Path

import pytest

from pagemill.cli.exits import ExitCode
from pagemill.cli.ocr import OcrRequest, overall_code, result_targets
from pagemill.domain.tasks import TaskOptions


def request(output: Path | None, *files: str) -> OcrRequest:
    return OcrRequest(tuple(map(Path, files)), TaskOptions(), "text", output)


def test_without_an_output_all_go_to_stdout() -> None:
    assert result_targets(request(None, "a.pdf", "x/a.pdf"), ".txt") == {Path("a.pdf"): None, Path("x/a.pdf"): None}


def test_one_document_goes_to_a_file_or_into_a_folder_that_is_there(tmp_path: Path) -> None:
    assert result_targets(request(tmp_path / "out", "x/a.pdf"), ".md") == {Path("x/a.pdf"): tmp_path / "out"}
    assert result_targets(request(tmp_path, "x/a.pdf"), ".md") == {Path("x/a.pdf"): tmp_path / "a.md"}


def test_several_go_into_a_folder_that_need_not_be_there(tmp_path: Path) -> None:
    targets = result_targets(request(tmp_path / "new", "x/a.pdf", "b.tar.png"), ".json")
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
