"""What is wrong with a command line is found before anything is read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pagemill.cli.main import cli
from pagemill.version import __version__


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs: two documents of the same name, never opened."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("a.pdf", "elsewhere/a.pdf", "taken.txt"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.pdf", "--format", "docx"], ["docx", "json", "markdown", "text"]),
        (["a.pdf", "-o", "taken.txt"], ["taken.txt is there already", "--force"]),
        (["a.pdf", "-o", "a.pdf", "--force"], ["would replace the document a.pdf"]),
        (["a.pdf", "-o", "b.docx"], [".docx", "markdown"]),
        (["a.pdf", "--json"], ["--output", "--format json"]),
        (["-", "--password-file", "-"], ["Standard input"]),
        (["a.pdf", "elsewhere/a.pdf", "-o", "taken.txt"], ["taken.txt is a file"]),
        (["a.pdf", "--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["a.pdf", "--ocr", "perhaps"], ["perhaps", "auto"]),
        (["a.pdf", "--dpi", "7"], ["dpi", "50"]),
        (["missing.pdf"], ["missing.pdf"]),
        (["empty"], ["No documents found in empty"]),
        ([], ["files"]),
    ],
)
def test_bad_usage_is_explained_and_ends_with_2(arguments: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(cli, ["ocr", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert [word for word in words if word not in result.stderr] == []


def test_version_and_help() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"pagemill {__version__}\n"
    assert "serve" in CliRunner().invoke(cli, ["--help"]).stdout


@pytest.mark.parametrize("group", [[], ["db"], ["config"], ["engines"], ["keys"]], ids=" ".join)
def test_summaries_of_commands_are_whole_sentences(group: list[str]) -> None:
    shown = CliRunner().invoke(cli, [*group, "--help"], env={"COLUMNS": "80"}).stdout.split("Commands:\n")[1]
    assert [line for line in shown.splitlines() if not line.endswith(".") or line.endswith("...")] == []
