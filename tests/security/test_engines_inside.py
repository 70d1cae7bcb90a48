"""Every engine passes its own conformance suite inside the sandbox: the suite's process confines itself first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pagemill.engines.registry import engine_specs, unusable_engines

ROOT = Path(__file__).parents[2]
UNUSABLE = unusable_engines(engine_specs())

INSIDE = """
import sys
import pytest
from pathlib import Path
from pagemill.engines.registry import engine_specs
from pagemill.pool.sandbox.confinement import Confinement
suite, chosen, root, home, *files = sys.argv[1:]
Confinement(Path(home), Path(home), Path(home), Path(home) / "apart").apply(files=[root, *files])
own = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", f"--basetemp={home}/tests", "--rootdir", root]
sys.exit(pytest.main([suite, "-k", chosen, *own]))
"""


def run_inside(suite: str, chosen: str, home: Path, *files: str) -> str:
    """The suite's last line."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            INSIDE,
            str(ROOT / "tests" / "conformance" / suite),
            chosen,
            str(ROOT),
            str(home),
            *files,
        ],
        env={"HOME": str(home), "TMPDIR": str(home), "PATH": os.environ.get("PATH", "")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    return run.stdout.strip().splitlines()[-1]


@pytest.mark.timeout(560)
@pytest.mark.parametrize("engine", ["rapidocr", "rapidocr-onnx", "tesseract"])
def test_an_engine_passes_its_suite(engine: str, tmp_path: Path) -> None:
    if engine in UNUSABLE:
        pytest.skip(UNUSABLE[engine])
    told = run_inside("test_engine_suite.py", f"{engine}/accurate", tmp_path, *engine_specs()[engine].files)
    assert "passed" in told


@pytest.mark.timeout(560)
def test_the_structure_models_pass_theirs(tmp_path: Path) -> None:
    told = run_inside("test_structure.py", "", tmp_path)
    assert "passed" in told
