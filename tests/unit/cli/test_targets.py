"""Where results go, in which form, and what the command ends with."""

import sys
from pathlib import Path

import pytest

from pagemill.cli.exits import ExitCode
from pagemill.cli.inputs import Input
from pagemill.cli.targets import STDOUT, choose_format, overall_code, targets_for
from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import InvalidRequest
from pagemill.domain.task.results import result_formats

FORMATS = result_formats(ResultWriters()).values()


def name_targets(
    output: Path | None, extension: str, *names: str, into_folder: bool = True, force: bool = False
) -> list[Path | None]:
    inputs = [Input(Path(name), name, name) for name in names]
    return [*targets_for(inputs, output, extension, into_folder=into_folder, force=force).values()]


@pytest.mark.parametrize("output", [None, STDOUT])
def test_without_an_output_all_go_to_stdout(output: Path | None) -> None:
    assert name_targets(output, ".txt", "a.pdf", "x/a.pdf") == [None, None]


def test_one_document_goes_to_a_file_or_into_a_folder_that_is_there(tmp_path: Path) -> None:
    assert name_targets(tmp_path / "out", ".md", "a.pdf", into_folder=False) == [tmp_path / "out"]
    assert name_targets(tmp_path, ".md", "a.pdf", into_folder=False) == [tmp_path / "a.md"]


def test_several_go_into_a_folder_that_need_not_be_there(tmp_path: Path) -> None:
    targets = name_targets(tmp_path / "new", ".json", "a.pdf", "b.tar.png")
    assert targets == [tmp_path / "new" / "a.json", tmp_path / "new" / "b.tar.json"]


def test_documents_of_one_name_get_results_of_their_own(tmp_path: Path) -> None:
    names = ("a/x.pdf", "b/x.pdf", "a/x.png", "b/X.PDF", "a.d/y", "z.pdf")
    found = name_targets(tmp_path, ".txt", *names)
    expected = ("a/x.pdf.txt", "b/x.pdf.txt", "a/x.png.txt", "b/X.PDF.txt", "a.d/y.txt", "z.txt")
    assert found == [tmp_path / name for name in expected]


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("into_folder", [True, False])
def test_a_result_never_replaces_a_document_and_other_files_only_when_forced(
    tmp_path: Path, *, into_folder: bool, force: bool
) -> None:
    document, other = tmp_path / "scan.txt", tmp_path / "other.txt"
    document.touch()
    other.touch()
    output = tmp_path if into_folder else document
    inputs = [Input(document, "scan.pdf", "scan.pdf")]
    with pytest.raises(InvalidRequest, match="would replace the document"):
        targets_for(inputs, output, ".txt", into_folder=into_folder, force=force)
    inputs = [Input(tmp_path / "other.pdf", "other.pdf", "other.pdf")]
    output = tmp_path if into_folder else other
    if force:
        assert [*targets_for(inputs, output, ".txt", into_folder=into_folder, force=force).values()] == [other]
        return
    with pytest.raises(InvalidRequest, match=r"other\.txt is there already.*--force"):
        targets_for(inputs, output, ".txt", into_folder=into_folder, force=force)


@pytest.mark.parametrize(
    ("asked", "output", "into_folder", "chosen"),
    [
        (None, None, False, "text"),
        (None, "-", False, "text"),
        (None, "out", False, "text"),
        (None, "new.d", True, "text"),
        (None, "t.pdf", False, "pdf"),
        (None, "T.PDF", False, "pdf"),
        (None, "t.md", False, "markdown"),
        (None, "t.alto.xml", False, "alto"),
        (None, "t.zip", False, "zip"),
        ("pdf-inert", "t.pdf", False, "pdf-inert"),
        ("json", "t.pdf", False, "json"),
    ],
)
def test_the_output_names_the_form(asked: str | None, output: str | None, chosen: str, *, into_folder: bool) -> None:
    path = None if output is None else Path(output)
    assert choose_format(asked, path, FORMATS, into_folder=into_folder).name == chosen


@pytest.mark.parametrize(("asked", "output"), [("docx", None), (None, "t.docx"), (None, "t.xml")])
def test_an_unknown_form_is_refused_with_those_there_are(asked: str | None, output: str | None) -> None:
    with pytest.raises(InvalidRequest, match="markdown"):
        choose_format(asked, None if output is None else Path(output), FORMATS)


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
@pytest.mark.parametrize("output", [None, STDOUT, Path("file")])
def test_only_text_goes_to_a_terminal(each: object, output: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    name = getattr(each, "name")  # noqa: B009 - any format
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    if name in ("pdf", "pdf-inert", "zip") and output != Path("file"):
        with pytest.raises(InvalidRequest, match="terminal"):
            choose_format(name, output, FORMATS)
    else:
        assert choose_format(name, output, FORMATS).name == name


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
