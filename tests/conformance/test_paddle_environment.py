"""The engines on Paddle, in the environment that `pagemill engines install ppstructure` makes in the data directory.

It is too large to be made for tests; where it is not there, these skip.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data import make_pages
from tests.data.documents import make_scan
from tests.fixtures.server import Server, until

import pagemill
from pagemill.engines.paddle.environment import PaddleEnvironment
from pagemill.engines.paddle.models import STRUCTURE, models_of
from pagemill.engines.registry import ENVIRONMENTS
from pagemill.wire.status_wire import StatusWire

PADDLE = PaddleEnvironment.of({}, ENVIRONMENTS)
pytestmark = [
    pytest.mark.skipif(bool(PADDLE.missing), reason=PADDLE.missing),
    pytest.mark.timeout(400),
]

AS_A_WORKER = f"""
import sys
sys.path.insert(0, {str(Path(pagemill.__file__).parents[1])!r})
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"went to the network: {{event}} {{args}}")
sys.addaudithook(refuse)
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.errors import PagemillError
from pagemill.domain.page.image import PageImage
from pagemill.engines.paddle import load_structure, load_text
"""

LOAD_WITHOUT_MODELS = """
try:
    load_structure(EngineConfig("accurate"))
except PagemillError as error:
    print(error.code, error.message)
"""

WHAT_THE_PIPELINE_LOADS = """
from paddlex.inference.pipelines import base
from pagemill.engines.paddle import models
from pathlib import Path
loaded = []
def create_model(self, config, **kwargs):
    loaded.append(config["model_name"])
base.BasePipeline.create_model = create_model
from pagemill.engines.paddle.pipelines import make_reader
make_reader(models.STRUCTURE, EngineConfig("accurate", options={"allow_download": True}), Path("nowhere"))
print("LOADED", *sorted(set(loaded)))
"""

WITHOUT_MEMORY = """
import resource
engine = load_text(EngineConfig("accurate", threads=2))
image = PageImage(memoryview(open(sys.argv[1], "rb").read()), 1654, 2339, 1, None)
in_use = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (in_use + 20 * 2**20,) * 2)
try:
    engine.read(image, number=1, rotation=None, batch_size=None)
except PagemillError as error:
    print(error.code)
"""


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(PADDLE.interpreter), "-P", "-c", AS_A_WORKER + program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = f'{{"ppstructure": {{"environment": "{PADDLE.folder}"}}}}'
    settings = {"ENGINES": options, "POOL__IDLE_TIMEOUT_SECONDS": "3", "POOL__SERVICES_PER_DEVICE": "1"}
    with Server(tmp_path_factory.mktemp("paddle") / "data", settings=settings) as running:
        yield running


def test_real_paddle_weights_read_and_their_memory_is_back_after_unloading(server: Server, tmp_path: Path) -> None:
    lines = ["Harbour 4711", "Number 1,284.50", "Anchor 2026"]
    task = server.api.read(make_scan(tmp_path / "scan.pdf", lines), engine="paddleocr", languages="en")
    assert task.status == "succeeded"
    read = "".join(server.api.text(task.task_id).split())
    assert read == "".join("".join(lines).split())
    until(lambda: not status(server).model_sets)
    assert status(server).unloaded_mb > 100


def test_a_page_that_was_turned_is_turned_back(server: Server, tmp_path: Path) -> None:
    scan = tmp_path / "turned.png"
    make_pages.text_page(["Turned by one hundred", "and eighty degrees"], width=700, height=300).rotate(180).save(scan)
    task = server.api.read(scan, engine="paddleocr")
    page = server.api.http.get(f"/tasks/{task.task_id}/pages/1").json()
    assert page["rotation"] == 180
    assert "Turnedbyone" in "".join(server.api.text(task.task_id).split())


def test_without_models_structure_is_refused_at_the_door_with_each_of_them(server: Server, tmp_path: Path) -> None:
    answer = server.api.post(make_scan(tmp_path / "a.png", ["Kettle"]), engine="ppstructure")
    assert (answer.status_code, answer.json()["code"]) == (422, "engine_unavailable")
    for model in models_of(STRUCTURE, {}, PADDLE.models):
        assert f"{model.name} ({model.stage}) in {model.folder}" in answer.json()["detail"]


def test_without_models_loading_fails_with_each_of_them_and_without_a_network() -> None:
    answer = run(LOAD_WITHOUT_MODELS)
    assert answer.startswith("engine_error ")
    for model in models_of(STRUCTURE, {}, PADDLE.models):
        assert f"{model.name} ({model.stage})" in answer


def test_the_models_that_are_asked_for_are_those_that_the_pipeline_loads() -> None:
    loaded = run(WHAT_THE_PIPELINE_LOADS).rpartition("LOADED ")[2].split()
    assert loaded == sorted({model.name for model in models_of(STRUCTURE, {}, PADDLE.models)})


def test_a_failed_allocation_is_an_out_of_memory_error(tmp_path: Path) -> None:
    page = tmp_path / "page.gray"
    page.write_bytes(make_pages.text_page(make_pages.ENGLISH * 4, width=1654, height=2339).tobytes())
    assert run(WITHOUT_MEMORY, str(page)).splitlines()[-1] == "out_of_memory"


def status(server: Server) -> StatusWire:
    """The service now."""
    return StatusWire.model_validate_json(server.api.http.get("/status").content)
