"""How much of a bad hidden layer comes out as text: `python -m benchmarks.accuracy --part hidden_layers`.

Scans are made with the hidden text of an earlier recognition: right, misread at several rates, and with one letter or
digit misread throughout.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.silent_errors import Case, find_errors, table
from tests.data.hidden_layers import INVOICE, LETTER, misread, scan_with_hidden_text

from pagemill import Session
from pagemill.settings_loading import load_settings

_SHOWN = {"letter": LETTER, "invoice": INVOICE}
_RATES = (0.03, 0.08, 0.15, 0.4)
_SEEDS = (1, 2, 3)


def cases() -> Iterator[Case]:
    """Every page."""
    for kind, shown in _SHOWN.items():
        yield _case(f"{kind}, right", shown, shown)
        for rate in _RATES:
            for seed in _SEEDS:
                yield _case(f"{kind}, {rate:.0%} of the letters misread", shown, misread(shown, rate=rate, seed=seed))
        yield _case(f"{kind}, one letter misread throughout", shown, tuple(line.replace("h", "b") for line in shown))
    digits = tuple(line.replace("5", "6").replace("1", "7") for line in INVOICE)
    yield _case("invoice, digits misread", INVOICE, digits)


def _case(name: str, shown: tuple[str, ...], hidden: tuple[str, ...]) -> Case:
    with tempfile.TemporaryDirectory() as folder:
        return Case(name, scan_with_hidden_text(Path(folder) / "a.pdf", shown, hidden).read_bytes(), shown)


def report() -> str:
    """The table."""
    with Session(load_settings()) as session:
        findings = []
        for case in cases():
            findings.append(find_errors(case, session))
            print(f"{case.name}: {findings[-1].wrong}", file=sys.stderr, flush=True)
    return table(findings, title="hidden layers")
