"""The server process opens no document itself: no engine, numpy, pdfium or Pillow is ever loaded into it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, clean_environment, faulty_server

KEPT_OUT = {
    "PIL",
    "cv2",
    "numpy",
    "onnxruntime",
    "paddle",
    "pikepdf",
    "pypdfium2",
    "pypdfium2_raw",
    "rapidocr",
    "tesserocr",
    "torch",
}
SERVE_ONE_DOCUMENT = """
import asyncio, json, sys
from pathlib import Path
import httpx
from pagemill.app import Application, http_api
from pagemill.settings_loading import load_settings

async def main(document, data):
    application = Application(load_settings(overrides={"data_dir": data}))
    transport = httpx.ASGITransport(http_api(application))
    async with application.running(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        form = {"files": {"file": document.read_bytes()}, "data": {"ocr": "never"}}
        answer = await client.post("/tasks", headers={"Prefer": "wait=60"}, **form)
        result = await client.get(answer.json()["links"]["result"], params={"format": "markdown"})
    roots = {name.partition(".")[0] for name in sys.modules}
    print(json.dumps([answer.json()["status"], result.status_code, sorted(roots)]))

asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def test_a_served_document_loads_nothing_into_the_server(tmp_path: Path) -> None:
    document = make_numbered_scan(tmp_path / "scan.pdf", 1)
    served = subprocess.run(
        [sys.executable, "-c", SERVE_ONE_DOCUMENT, str(document), str(tmp_path / "data")],
        env=clean_environment(),
        capture_output=True,
        timeout=60,
        check=True,
    )
    status, result, roots = json.loads(served.stdout)
    assert (status, result) == ("succeeded", 200)
    assert "sqlalchemy" in roots, "the list is that of the server"
    assert KEPT_OUT & set(roots) == set()


def test_no_such_library_is_mapped_into_a_running_server_but_into_its_workers(tmp_path: Path) -> None:
    with faulty_server(tmp_path / "data", {}) as server:
        server.api.read(make_numbered_scan(tmp_path / "scan.pdf", 1), **FAULTY_ENGINE)
        assert find_mapped(server.process.pid) == set()
        assert "pdfium" in set().union(*(find_mapped(worker.pid) for worker in server.workers))


def test_a_reader_loads_only_what_takes_text_from_a_document(tmp_path: Path) -> None:
    """Every worker holds what is loaded with its code: numpy and OpenCV take 26 MiB, asyncio takes 3."""
    loading = "import pagemill.pool.child, pagemill.documents.opening, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", loading], cwd=tmp_path, env=clean_environment(), capture_output=True, check=True
    )
    roots = {name.partition(".")[0] for name in loaded.stdout.decode().split()}
    assert {"pikepdf", "pypdfium2"} <= roots, "the list is that of a reader"
    assert {"numpy", "cv2", "asyncio"} & roots == set()


def find_mapped(pid: int) -> set[str]:
    """Which of the heavy libraries are in the process's memory."""
    maps = Path(f"/proc/{pid}/maps").read_text().lower()
    return {name for name in ("numpy", "onnxruntime", "pdfium", "libopencv", "/pil/", "pikepdf") if name in maps}
