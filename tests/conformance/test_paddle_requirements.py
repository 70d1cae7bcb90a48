"""The environment of Paddle holds what a worker of Pagemill needs: its requirements say so, without making it."""

import json
import re
import subprocess
import sys

from pagemill.engines.paddle.install import REQUIREMENTS

WHAT_A_WORKER_IMPORTS = """
import importlib, importlib.metadata, json, sys
for name in (
    "pool.child", "pool.boot", "documents.opening", "engines.allocator", "engines.assembly", "engines.failures",
    "engines.pixels", "engines.upright", "engines.paddle",
    "engines.paddle.lines", "engines.paddle.layout", "engines.paddle.results",
):
    importlib.import_module(f"pagemill.{name}")
owners = importlib.metadata.packages_distributions()
roots = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
print(json.dumps(sorted({owner for root in roots for owner in owners.get(root, ())})))
"""
OURS = {"pagemill"}
THE_SAME = {"opencv-python-headless": "opencv-contrib-python"}
"""What stands in for a package there: the same module of another build."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_whatever_a_worker_imports_is_pinned_for_the_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WHAT_A_WORKER_IMPORTS], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    pinned = {canonical(line.partition("==")[0]) for line in lines}
    imported = {canonical(name) for name in json.loads(done.stdout)} - OURS
    assert {"pydantic", "numpy", "pypdfium2"} <= imported
    assert {THE_SAME.get(name, name) for name in imported} <= pinned
    assert {"paddlepaddle", "paddleocr", "rapidocr-paddle"} <= pinned
