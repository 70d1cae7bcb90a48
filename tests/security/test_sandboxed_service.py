"""The whole service with an engine that tries to break out: nothing of the server or of other tasks is reachable."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures import intruding_server
from tests.fixtures.sandboxing import needs_the_kernel
from tests.fixtures.server import Server

from pagemill.testing.intruder import INTRUDER, SERVER

READ_BY_IT = {"engine": INTRUDER.name, "profile": "plain", "ocr": "force"}
KEY = "a-secret-that-is-nobody-s"


def attempts(data: Path) -> Mapping[str, str]:
    return {
        "names of documents": f"list:{data / 'uploads'}",
        "names of desks": f"list:{data / 'desks'}",
        "names in the data folder": f"list:{data}",
        "database": f"read:{data / 'pagemill.db'}",
        "database written": f"append:{data / 'pagemill.db'}",
        "document of another": f"read:{data / 'uploads' / 'other.pdf'}",
        "a document of its own": f"make:{data / 'uploads' / 'new'}",
        "settings": f"read:{data.parent / 'pagemill.yaml'}",
        "secrets": f"read:/proc/{SERVER}/environ",
        "files of the server": f"list:/proc/{SERVER}/fd",
        "signal to the server": f"signal:{SERVER}",
        "signal by the kernel": f"own_signal:{SERVER}",
        "limits of the server": f"limit:{SERVER}",
        "program": "execute",
        "process": "fork",
    }


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Server]:
    data = folder / "data"
    (folder / "pagemill.yaml").write_text("secret")
    given = {
        "SERVER__PORT": "0",
        "SERVER__API_KEYS": json.dumps([KEY]),
        "ENGINES": json.dumps({INTRUDER.name: attempts(data)}),
        **settings,
    }
    with Server(data, settings=given, command=(sys.executable, intruding_server.__file__)) as server:
        server.api.http.headers["Authorization"] = f"Bearer {KEY}"
        (data / "uploads" / "other.pdf").write_text("of another task")
        yield server


@needs_the_kernel
def test_an_engine_that_tries_to_break_out_is_refused_and_its_task_is_done(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        task = server.api.read(make_numbered_scan(tmp_path / "scan.pdf", 2), **READ_BY_IT)
        assert task.status == "succeeded"
        text = server.api.text(task.task_id)
        picture = server.api.http.get(f"/tasks/{task.task_id}/pages/1/image")
        pdf = server.api.http.get(f"/tasks/{task.task_id}/result", params={"format": "pdf"})
        environments = [Path(f"/proc/{worker.pid}/environ").read_text() for worker in server.workers]
    pages = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert len(pages) == 2
    for outcomes in pages:
        assert outcomes.keys() == attempts(tmp_path).keys()
        assert {name: said for name, said in outcomes.items() if said not in ("EACCES", "EPERM")} == {}
    assert picture.content[:2] == b"\xff\xd8", "a reader's picture leaves the sandbox"
    assert pdf.content[:5] == b"%PDF-"
    assert environments
    assert not any(KEY in environment for environment in environments)
    assert "pool.sandbox" not in server.log


def test_without_the_sandbox_the_log_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, POOL__SANDBOX="false") as server:
        task = server.api.read(make_numbered_scan(tmp_path / "scan.pdf", 1), **READ_BY_IT)
        (outcomes,) = [json.loads(line) for line in server.api.text(task.task_id).splitlines() if line.startswith("{")]
    assert outcomes["database"] == outcomes["document of another"] == outcomes["secrets"] == "done"
    assert "pool.sandbox is off" in server.log
