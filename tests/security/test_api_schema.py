"""The API does what `/openapi.json` says, whatever it is asked: a short form of `make schema`."""

import re
import subprocess
from pathlib import Path

import pytest
from proofs.api_schema import Extent, prove

SHORT = Extent(phases=("examples", "coverage", "fuzzing"), examples=4, seed=15)


@pytest.mark.timeout(600)
def test_every_answer_fits_the_schema_and_every_fitting_request_is_understood(tmp_path: Path) -> None:
    done = prove(tmp_path, SHORT, output=subprocess.PIPE)
    assert done.returncode == 0, done.stdout[-20_000:]
    found = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.stdout)
    assert found is not None, done.stdout
    assert len({*found.groups()}) == 1, "each operation was asked"
