"""Workers under the interpreter of an environment that knows nothing of Pagemill run the server's own code."""

import subprocess
import sysconfig
import venv
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from tests.fixtures.pool import QUICK, Outcomes, chunk, faulty_load, is_buried, make_document, make_yard, no_oom

from pagemill.domain.memory import CPU
from pagemill.domain.work.outcomes import PageRead
from pagemill.engines.registry import engine_specs
from pagemill.pool.placement import LocalPlacement
from pagemill.pool.sandbox.desks import Sandbox
from pagemill.pool.worker import Worker
from pagemill.testing.clock import FakeClock
from pagemill.testing.engines import FAULTY


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of an environment that has the packages of ours, but not what is installed in it to be edited."""
    folder = tmp_path_factory.mktemp("environment")
    venv.EnvBuilder(symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    return str(folder / "bin" / "python")


def test_the_other_environment_knows_nothing_of_pagemill(interpreter: str) -> None:
    alone = subprocess.run([interpreter, "-P", "-c", "import pagemill"], capture_output=True, text=True, check=False)
    assert "No module named 'pagemill'" in alone.stderr


@pytest.mark.parametrize("is_confined", [False, True])
async def test_a_worker_of_another_environment_reads(interpreter: str, tmp_path: Path, *, is_confined: bool) -> None:
    sandbox = Sandbox(tmp_path / "data") if is_confined else None
    process = await LocalPlacement(sandbox=sandbox).start(interpreter=interpreter)
    worker = Worker("other", process, QUICK, watch_oom=no_oom)
    try:
        await worker.load(faulty_load({}))
        assert psutil.Process(worker.pid).cmdline()[0] == interpreter
        pages = Outcomes()
        outcome = await worker.process(chunk(make_document(tmp_path / "five.pdf"), 3), pages)
    finally:
        await worker.stop()
    assert (outcome.settled, outcome.loss) == ((3,), None)
    assert isinstance(pages.seen[0], PageRead)


async def test_an_engine_with_an_environment_is_unloaded_like_any_other(interpreter: str) -> None:
    """PP-StructureV3 as the server knows it; only what it loads is another engine's, its own models being elsewhere."""
    spec = replace(engine_specs()["ppstructure"], factory=FAULTY.factory, interpreter=interpreter)
    clock = FakeClock()
    yard = make_yard(clock=clock, engine=spec)
    await yard.pool.start()
    try:
        await yard.pool.release(await yard.pool.acquire(device=CPU, engine=spec.name))
        (resident,) = yard.pool.snapshot().model_sets
        clock.advance(timedelta(seconds=300))
        await yard.models.run_once()
        assert yard.pool.snapshot().model_sets == ()
        assert is_buried(resident.pid)
        assert yard.admission.reservations == ()
    finally:
        await yard.pool.stop()


async def test_an_interpreter_that_is_not_there_cannot_be_started() -> None:
    with pytest.raises(OSError, match="nowhere"):
        await LocalPlacement().start(interpreter="/nowhere/bin/python")
