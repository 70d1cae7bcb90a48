"""What a killed server leaves half received or half made is gone when the next one is ready."""

import signal
import socket
from pathlib import Path

from tests.data.documents import make_numbered_scan
from tests.fixtures.server import FAULTY_ENGINE, Api, Server, faulty_server, until

HEAD = (
    "POST /tasks HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    "Content-Length: 9000000\r\n\r\n"
    '--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'
)


def begin_upload(server: Server) -> socket.socket:
    """Send the first megabytes of a document and no more."""
    url = server.api.http.base_url
    connection = socket.create_connection((url.host, url.port or 80), timeout=30)
    connection.sendall(HEAD.format(host=url.host).encode() + b"%PDF-1.7\n" + b"x" * 3_000_000)
    return connection


def parts(data: Path) -> list[Path]:
    return list(data.rglob("*.part"))


def finish_task(api: Api, document: Path) -> str:
    task_id = api.submit(document, **FAULTY_ENGINE)
    api.wait_until_clean(task_id)
    return task_id


def test_nothing_half_made_outlives_the_next_start(tmp_path: Path) -> None:
    data, document = tmp_path / "data", make_numbered_scan(tmp_path / "scan.pdf", 2)
    with faulty_server(data, {}) as server:
        task_id = finish_task(server.api, document)
        with begin_upload(server):
            until(lambda: bool(parts(data / "uploads")))
            assert server.end(signal.SIGKILL) == -signal.SIGKILL
    picture = data / "work" / task_id / "page-1-0.jpg"
    picture.parent.mkdir(parents=True)
    picture.with_suffix(".part").write_bytes(b"half a picture")
    results = data / "work" / f"{task_id}.results"
    results.mkdir()
    (results / ".tag.pdf.part").write_bytes(b"half a PDF")
    (results / "tmp0abc").write_bytes(b"half an archive")
    assert len(parts(data)) == 3
    with faulty_server(data, {}) as server:
        assert parts(data) == []
        assert not results.exists()
        assert server.api.text(task_id).startswith("page 1"), "and nothing else is"
        assert len(list((data / "uploads").iterdir())) == 1
