"""Where the kernel lacks a part of the sandbox, `doctor` and the log say so once, and the rest holds."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.data.documents import make_typed
from tests.fixtures import lesser_kernel
from tests.fixtures.sandboxing import needs_the_kernel
from tests.fixtures.server import Server, clean_environment

pytestmark = needs_the_kernel
WORDS = {"landlock": "does not offer Landlock", "seccomp": "cannot filter system calls"}
HOLDS = {"landlock": {"socket": "refused", "passwd": "done"}, "seccomp": {"socket": "done", "passwd": "refused"}}

CONFINED = """
import json, os, socket
from pathlib import Path
from pagemill.pool.sandbox.confinement import Confinement
home = Path.cwd()
Confinement(home, home, home, home / "apart").apply()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
told = {"privileges": status["NoNewPrivs"].strip(), "umask": status["Umask"].strip()}
for name, attempt in {"socket": socket.socket, "passwd": lambda: open("/etc/passwd")}.items():
    try:
        attempt()
        told[name] = "done"
    except PermissionError:
        told[name] = "refused"
print(json.dumps(told))
"""


def without(what: str, *command: str, folder: Path) -> str:
    lesser = (sys.executable, lesser_kernel.__file__, what, sys.executable)
    run = subprocess.run(
        [*lesser, *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=100,
        env=clean_environment(),
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("what", WORDS)
def test_doctor_says_so(what: str, tmp_path: Path) -> None:
    advice = json.loads(without(what, "-m", "pagemill", "doctor", "--json", folder=tmp_path))["advice"]
    assert [words for words in WORDS.values() if any(words in each for each in advice)] == [WORDS[what]]


@pytest.mark.parametrize("what", WORDS)
def test_the_rest_holds(what: str, tmp_path: Path) -> None:
    told: Mapping[str, str] = json.loads(without(what, "-c", CONFINED, folder=tmp_path))
    assert told == {"privileges": "1", "umask": "0077"} | HOLDS[what]


@pytest.mark.parametrize("what", WORDS)
def test_the_log_says_so_once_and_documents_are_read(what: str, tmp_path: Path) -> None:
    command = (sys.executable, lesser_kernel.__file__, what, sys.executable, "-m", "pagemill")
    with Server(tmp_path / "data", command=command, settings={"SERVER__PORT": "0"}) as server:
        task = server.api.read(make_typed(tmp_path / "typed.pdf", 2), ocr="never")
        assert task.status == "succeeded"
    assert server.log.count(WORDS[what]) == 1
