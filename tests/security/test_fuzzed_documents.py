"""Damaged and made-up documents harm nothing: a short form of `make fuzz`, and all that it ever found."""

from pathlib import Path

import pytest
from proofs.fuzz import FOUND, Findings, prove
from tests.data.fuzzed import make_documents

EXAMPLES = 40
SEED = 15


@pytest.mark.timeout(600)
def test_every_document_ends_and_nothing_of_the_server_does(tmp_path: Path) -> None:
    found = [path.read_bytes() for path in sorted(FOUND.iterdir()) if path.suffix != ".md"]
    findings = Findings()
    prove(tmp_path, [make_documents(SEED, EXAMPLES), found], findings, keep=tmp_path / "kept")
    assert findings.complaints == []
    assert findings.ends.total() >= EXAMPLES // 2 + len(found)
