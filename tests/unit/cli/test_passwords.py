"""The password of a document comes from a prompt or a file, and a file that has none is told of."""

import io
from pathlib import Path

import pytest
import typer

from pagemill.cli.passwords import read_password


@pytest.mark.parametrize("content", ["sesame", "sesame\n", "sesame\r\n", "sesame\nsecond line"])
def test_the_first_line_of_a_file_is_the_password(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content, newline="")
    assert read_password(ask=False, file=file) == "sesame"


def test_blanks_belong_to_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" Grüße \n", encoding="utf-8")
    assert read_password(ask=False, file=file) == " Grüße "


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sesame\nmore"))
    assert read_password(ask=False, file=Path("-")) == "sesame"


def test_without_either_there_is_none() -> None:
    assert read_password(ask=False, file=None) is None


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_without_one_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(typer.Exit):
        read_password(ask=False, file=file)
    assert "password file" in capsys.readouterr().err
