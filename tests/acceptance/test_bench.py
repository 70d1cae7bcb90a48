"""`pagemill bench` measures what is there."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.fixtures.server import PATIENCE_S, are_gone, clean_environment, until
from typer.testing import CliRunner

from pagemill.cli.bench import words_found
from pagemill.cli.bench_pages import LINES, WORDS, page_words
from pagemill.cli.main import cli
from pagemill.domain.page.page import Block, Line, Page, PageSource

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


def page_of(words: list[str], number: int) -> Page:
    line = Line(text=" ".join(words), polygon=CORNERS)
    block = Block(polygon=CORNERS, lines=(line,))
    return Page(number=number, width_px=1, height_px=1, dpi=None, source=PageSource.OCR, blocks=(block,))


def test_only_words_that_stand_on_the_page_count_and_each_as_often_as_it_stands_there() -> None:
    words = [word for line in page_words(1) for word in line]
    assert len(words) == LINES * WORDS
    assert words_found([page_of(words, 1)]) == 1
    assert words_found([page_of([*words[:-1], "other"], 1)]) == pytest.approx(1 - 1 / len(words))
    assert words_found([page_of(["account"] * len(words), 1)]) < 0.05
    assert page_words(1) != page_words(2)


def test_this_machine_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGEMILL_DATA_DIR", str(tmp_path / "unused"))
    run = CliRunner().invoke(cli, ["bench", "--pages", "2", "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert (told["engine"], told["pages"], told["device"]) == ("rapidocr", 2, "cpu")
    assert told["words_found"] > 0.98
    assert 100 < told["peak_mb"] <= told["reserved_mb"] * 1.25
    assert told["pages_per_s"] > 0 < told["first_page_s"]
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_is_not_there_is_refused_in_one_sentence() -> None:
    run = CliRunner().invoke(cli, ["bench", "--engine", "abacus"])
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith("pagemill: There is no engine 'abacus'")


def test_an_interrupted_measurement_leaves_nothing_behind(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "pagemill", "bench", "--pages", "1000"],
        env=clean_environment() | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process = psutil.Process(run.pid)
    until(lambda: len(process.children()) == 2)
    workers = process.children()
    run.send_signal(signal.SIGTERM)
    stdout, stderr = run.communicate(timeout=PATIENCE_S)
    assert (run.returncode, stdout, stderr) == (130, b"", b"pagemill: interrupted.\n")
    until(lambda: are_gone(workers), within=10)
    assert list(tmp_path.iterdir()) == []
