"""The documents that a command gets."""

import io
import sys
from pathlib import Path

import pytest

from pagemill.cli.inputs import NAME_OF_STDIN, STDIN, find_inputs
from pagemill.domain.errors import InvalidRequest


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Documents in folders, and what is none."""
    for name in ("a/x.pdf", "a/deep/y.PNG", "a/.hidden/z.pdf", "a/notes.txt", "b/x.pdf", "empty/no.txt", "in/keep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find_in(tree: Path, *given: str) -> list[tuple[str, str]]:
    inputs = find_inputs([Path(each) for each in given], stdin_folder=tree / "in")
    return [(each.name, each.label) for each in inputs]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a/x.pdf"], [("x.pdf", "a/x.pdf")]),
        (["a/notes.txt"], [("notes.txt", "a/notes.txt")]),
        (["a"], [("deep/y.PNG", "a/deep/y.PNG"), ("x.pdf", "a/x.pdf")]),
        (["b/x.pdf", "a/x.pdf"], [("b/x.pdf", "b/x.pdf"), ("a/x.pdf", "a/x.pdf")]),
        (["a/x.pdf", "a/x.pdf"], [("x.pdf", "a/x.pdf")]),
        (["a", "b/x.pdf"], [("a/deep/y.PNG", "a/deep/y.PNG"), ("a/x.pdf", "a/x.pdf"), ("b/x.pdf", "b/x.pdf")]),
    ],
)
def test_files_and_folders_keep_their_place_below_what_they_share(
    tree: Path, given: list[str], expected: list[tuple[str, str]]
) -> None:
    assert find_in(tree, *given) == expected


@pytest.mark.parametrize(("given", "words"), [("missing.pdf", "no file missing.pdf"), ("empty", "No documents found")])
def test_what_is_not_there_is_named(tree: Path, given: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        find_in(tree, given)


@pytest.mark.parametrize("given", [["-"], ["a/x.pdf", "-"]])
def test_standard_input_is_a_document(tree: Path, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"%PDF")))
    inputs = find_inputs([Path(each) for each in given], stdin_folder=tree / "in")
    assert (inputs[-1].name, inputs[-1].path.read_bytes()) == (NAME_OF_STDIN, b"%PDF")


def test_an_empty_standard_input_is_none(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(InvalidRequest, match="Standard input was empty"):
        find_inputs([STDIN], stdin_folder=tree / "in")
