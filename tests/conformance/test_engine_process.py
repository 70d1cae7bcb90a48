"""What every engine promises as a process: no network, typed errors when memory runs out."""

import subprocess
import sys
from pathlib import Path

import pytest

from pagemill.engines.rapidocr.spec import has_openvino
from pagemill.engines.registry import engine_specs, unusable_engines

UNUSABLE = unusable_engines(engine_specs())
PREPARE = """
import resource, sys
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.domain.errors import PagemillError
from {module} import {attribute} as load
from tests.data import make_pages
image = make_pages.page_image(make_pages.text_page(make_pages.ENGLISH * 4, width=1654, height=2339))
"""

WITHOUT_NETWORK = """
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"went to the network: {event} {args}")
sys.addaudithook(refuse)
engine = load(EngineConfig(profile="accurate"))
print(len(list(engine.read(image, number=1, rotation=None, batch_size=None).lines)))
"""

WITHOUT_MEMORY = """
engine = load(EngineConfig(profile="accurate"))
in_use = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (in_use + {spare} * 2**20,) * 2)
try:
    engine.read(image, number=1, rotation=None, batch_size=None)
except PagemillError as error:
    print(error.code)
"""

WITHOUT_MODELS = """
try:
    load(EngineConfig({config}))
except PagemillError as error:
    print(error.code, error.message)
"""


@pytest.fixture(params=["rapidocr", "rapidocr-onnx", "tesseract"])
def engine(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name in UNUSABLE:
        pytest.skip(UNUSABLE[name])
    return name


def run(engine: str, program: str) -> str:
    module, _, attribute = engine_specs()[engine].factory.partition(":")
    result = subprocess.run(
        [sys.executable, "-c", PREPARE.format(module=module, attribute=attribute) + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_loads_and_reads_without_a_network(engine: str) -> None:
    assert run(engine, WITHOUT_NETWORK) == "20"


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA covers private mappings on Linux only.")
@pytest.mark.parametrize("spare_mb", [2, 6, 20])
def test_a_failed_allocation_is_an_out_of_memory_error(engine: str, spare_mb: int) -> None:
    assert run(engine, WITHOUT_MEMORY.format(spare=spare_mb)) == "out_of_memory"


@pytest.mark.parametrize(
    ("engine", "config", "remedy"),
    [
        ("rapidocr", "profile='fast'", "PP-OCRv6_rec_tiny.onnx"),
        ("rapidocr", "profile='fast'", "engines.rapidocr.det_model"),
        ("rapidocr-onnx", "profile='fast'", "engines.rapidocr-onnx.det_model"),
        ("tesseract", "profile='accurate', languages=('xx',)", "apt-get install tesseract-ocr-xx"),
        ("tesseract", "profile='accurate', options={'tessdata_dir': '/nowhere'}", "apt-get install tesseract-ocr-eng"),
    ],
)
def test_missing_models_are_an_error_that_says_how_to_get_them(engine: str, config: str, remedy: str) -> None:
    if engine in UNUSABLE:
        pytest.skip(UNUSABLE[engine])
    answer = run(engine, WITHOUT_MODELS.replace("{config}", config))
    assert answer.startswith("engine_error ")
    assert remedy in answer


REPORTING = """
import importlib, pathlib, sys
pathlib.Path("openvino_telemetry").mkdir()
pathlib.Path("openvino_telemetry/__init__.py").write_text("raise SystemExit('OpenVINO reports to its maker')")
sys.path.insert(0, "")
importlib.invalidate_caches()
engine = load(EngineConfig(profile="accurate"))
print("openvino" in sys.modules)
"""


def test_openvino_cannot_report_to_its_maker(tmp_path: Path) -> None:
    if not has_openvino():
        pytest.skip("OpenVINO is not installed here.")
    assert run("rapidocr", f"import os; os.chdir({str(tmp_path)!r})" + REPORTING) == "True"


WITHOUT_OPENVINO = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "openvino" else found(name, *more)
from pagemill.engines.rapidocr import spec
spec.find_spec = importlib.util.find_spec
engine = load(EngineConfig(profile="accurate"))
page = engine.read(image, number=1, rotation=None, batch_size=None)
print(page.engine, len(list(page.lines)), "openvino" in sys.modules)
"""


def test_rapidocr_runs_where_openvino_is_not_installed() -> None:
    assert run("rapidocr", WITHOUT_OPENVINO) == "rapidocr 20 False"
