"""A document that took its worker over gets nowhere: engine and reader, on a real kernel, against real victims.

Each attempt is also made without the sandbox, where it succeeds: so it is one that would tell.
"""

import json
import platform
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.data.pdfs import PdfPageSpec, make_pdf, text_at
from tests.fixtures.pool import Outcomes, WorkerMaker, chunk, make_document
from tests.fixtures.sandboxing import HAS_SECCOMP, needs_the_kernel

from pagemill.domain.page.page import Page
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.work.outcomes import PageRead
from pagemill.domain.work.recognition import Stage
from pagemill.pool.messages import Load
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.testing.intruder import INTRUDER, STRUCTURE, script

REFUSALS = {"EACCES", "EPERM", "ENOSYS", "EXDEV"}
"""EXDEV: Landlock on a link from one folder to another. ENOSYS: of `clone3`, so that libraries use `clone`."""

CALLS = "ptrace process_vm_readv keyctl bpf perf_event_open userfaultfd io_uring mount clone3"
BY_NUMBER = {name: name for name in CALLS.split()}
"""Refused to many users by kernels anyway, so that these are not tried without the sandbox."""


class Scene:
    """What a server has that a document must not reach; every victim is the victim of one attempt."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.folder = folder
        self.data = folder / "data"
        (self.data / "uploads").mkdir(parents=True)
        victim = closing.enter_context(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        closing.callback(victim.kill)
        self.victim = victim.pid
        self.tcp = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.udp = closing.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.udp.bind(("127.0.0.1", 0))
        self.unix = closing.enter_context(socket.socket(socket.AF_UNIX))
        self.unix.bind(str(folder / "socket"))
        self.unix.listen()

    def file(self, name: str) -> Path:
        """A victim."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"secret")
        return path

    def attempts(self) -> Mapping[str, str]:
        """Everything that is tried."""
        return {
            "another task's document": f"read:{self.file('data/uploads/other.pdf')}",
            "another worker's document": f"read:{self.file('data/desks/.other/1/documents/1')}",
            "another worker's result": f"append:{self.file('data/desks/.other/1/results/result')}",
            "the database": f"read:{self.file('data/pagemill.db')}",
            "the database's log": f"append:{self.file('data/pagemill.db-wal')}",
            "the names of documents": f"list:{self.data / 'uploads'}",
            "the user's own files": f"read:{self.file('home/.ssh/id_rsa')}",
            "the users of the machine": "read:/etc/passwd",
            "the server's secrets": f"read:/proc/{self.victim}/environ",
            "the server's memory": f"list:/proc/{self.victim}/fd",
            "a file anywhere": f"make:{self.folder / 'new'}",
            "a folder anywhere": f"make_folder:{self.folder / 'new-folder'}",
            "a file in the common place": f"make:/tmp/pagemill-intruder-{self.victim}",
            "more at the end": f"append:{self.file('data/append')}",
            "nothing left of it": f"truncate:{self.file('data/truncate')}",
            "a file removed": f"remove:{self.file('data/remove')}",
            "a file renamed": f"rename:{self.file('data/rename')}",
            "rights": f"chmod:{self.file('data/chmod')}",
            "times": f"touch:{self.file('data/touch')}",
            "a second name": f"link_to:{self.file('data/link')}",
            "a pointer": f"symlink_to:{self.file('data/symlink')}",
            "TCP": f"connect:{self.tcp.getsockname()[1]}",
            "UDP": f"send:{self.udp.getsockname()[1]}",
            "a local socket": f"connect_unix:{self.folder / 'socket'}",
            "a process": "fork",
            "a program": "execute",
            "a signal": f"signal:{self.victim}",
            "a signal by the kernel": f"own_signal:{self.victim}",
            "limits of another": f"limit:{self.victim}",
        }


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as closing:
        scene = Scene(tmp_path, closing)
        yield scene
        Path(f"/tmp/pagemill-intruder-{scene.victim}").unlink(missing_ok=True)


@pytest.fixture
async def confined(scene: Scene) -> AsyncIterator[WorkerMaker]:
    workers = WorkerMaker(placement=LocalPlacement(sandbox=Sandbox(scene.data)))
    yield workers
    await workers.stop()


@pytest.fixture
async def free() -> AsyncIterator[WorkerMaker]:
    workers = WorkerMaker()
    yield workers
    await workers.stop()


async def as_engine(workers: WorkerMaker, attempts: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    worker = await workers.bare()
    config = EngineConfig("plain", options=dict(attempts))
    await worker.load(Load(factory=INTRUDER.factory, config=config, visible_gpus=""))
    pages = Outcomes()
    await worker.process(chunk(make_document(folder / "uploads" / "scan.pdf"), 1), pages)
    return parse_outcomes(next(iter(read(pages).lines)).text)


async def as_reader(workers: WorkerMaker, attempts: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    worker = await workers.bare()
    await worker.load(Load(structure=STRUCTURE, visible_gpus=""))
    digits, width = script(attempts), 100
    lines = [digits[start : start + width] for start in range(0, len(digits), width)]
    size = (800.0, 20.0 * (len(lines) + 4))
    content = "".join(text_at(20, size[1] - 40 - 20 * row, line, size=10) for row, line in enumerate(lines))
    document = make_pdf(folder / "uploads" / "typed.pdf", [PdfPageSpec(content, size=size)])
    pages = Outcomes()
    await worker.process(chunk(document, 1, stage=Stage.TEXT), pages)
    return parse_outcomes(read(pages).warnings[-1].message)


WAYS = {"engine": as_engine, "reader": as_reader}


def read(pages: Outcomes) -> Page:
    (outcome,) = pages.seen
    assert isinstance(outcome, PageRead), outcome
    return Page.from_json(outcome.payload)


def parse_outcomes(outcomes: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(outcomes)
    return found


@needs_the_kernel
@pytest.mark.parametrize("way", WAYS)
async def test_whatever_it_tries_is_refused(way: str, scene: Scene, confined: WorkerMaker) -> None:
    attempts = dict(scene.attempts()) | (BY_NUMBER if platform.machine() == "x86_64" else {})
    outcomes = await WAYS[way](confined, attempts, scene.data)
    assert {name: outcome for name, outcome in outcomes.items() if outcome not in REFUSALS} == {}
    assert outcomes.keys() == attempts.keys()


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_sandbox_all_of_it_succeeds(
    way: str, scene: Scene, free: WorkerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(scene.folder))
    outcomes = await WAYS[way](free, scene.attempts(), scene.data)
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "done"} == {}


@needs_the_kernel
async def test_it_reads_its_own_document_and_leaves_it_as_it_is(scene: Scene, confined: WorkerMaker) -> None:
    worker = await confined.bare()
    document = make_document(scene.data / "uploads" / "scan.pdf")
    (desk,) = (scene.data / "desks").glob("*/*")
    attempts = {
        "read": f"read:{desk / 'documents' / '1'}",
        "change": f"append:{desk / 'documents' / '1'}",
        "remove": f"remove:{desk / 'documents' / '1'}",
        "make": f"make:{desk / 'documents' / 'new'}",
        "result": f"make:{desk / 'results' / 'result'}",
        "temporary": f"make:{desk / 'home' / 'new'}",
        "elsewhere": f"make:{desk / 'new'}",
        "out": f"rename:{desk / 'home' / 'new'}",
    }
    await worker.load(Load(factory=INTRUDER.factory, config=EngineConfig("plain", options=attempts)))
    before = document.read_bytes()
    pages = Outcomes()
    await worker.process(chunk(document, 1), pages)
    outcomes = parse_outcomes(next(iter(read(pages).lines)).text)
    assert {name for name, outcome in outcomes.items() if outcome == "done"} == {"read", "result", "temporary", "out"}
    assert document.read_bytes() == before


@needs_the_kernel
async def test_the_document_before_is_not_there_any_more(scene: Scene, confined: WorkerMaker) -> None:
    worker = await confined.bare()
    (desk,) = (scene.data / "desks").glob("*/*")
    attempts = {"first": f"read:{desk / 'documents' / '1'}", "second": f"read:{desk / 'documents' / '2'}"}
    await worker.load(Load(factory=INTRUDER.factory, config=EngineConfig("plain", options=attempts)))
    seen = []
    for name in ("b.pdf", "a.pdf"):
        pages = Outcomes()
        await worker.process(chunk(make_document(scene.data / "uploads" / name), 1), pages)
        seen.append(parse_outcomes(next(iter(read(pages).lines)).text))
    assert seen == [{"first": "done", "second": "ENOENT"}, {"first": "ENOENT", "second": "done"}]


def facts(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


async def test_its_environment_has_no_secrets(confined: WorkerMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAGEMILL_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "TOKEN"):
        monkeypatch.setenv(name, "secret")
    worker = await confined.bare()
    environment = facts(worker.pid, "environ")
    assert "HOME=" in environment
    assert "secret" not in environment
    assert "TOKEN" not in environment


async def test_its_limits_and_rights_are_few(confined: WorkerMaker) -> None:
    worker = await confined.bare()
    await worker.load(Load(visible_gpus=""))
    status = dict(line.split(":\t", 1) for line in facts(worker.pid, "status").splitlines() if ":\t" in line)
    (cores,) = [line for line in facts(worker.pid, "limits").splitlines() if line.startswith("Max core file size")]
    assert (status["NoNewPrivs"], status["Umask"]) == ("1", "0077")
    assert status["Seccomp"] == ("2" if HAS_SECCOMP else "0")
    assert int(status["CapEff"], 16) | 0b110 == 0b110, "no capabilities but those that Landlock binds"
    assert cores.split()[4:6] == ["0", "0"]
