"""What an engine promises as a process: no network, typed errors when memory runs out."""

import subprocess
import sys

import pytest

from pagemill.engines.registry import engine_specs, unusable_engines

pytestmark = pytest.mark.skipif(
    "rapidocr" in unusable_engines(engine_specs()), reason="RapidOCR is not installed here."
)

PREPARE = """
import resource, sys
from pagemill.domain.engines import EngineConfig
from pagemill.domain.errors import PagemillError
from pagemill.engines.rapidocr import load
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
resource.setrlimit(resource.RLIMIT_DATA, (in_use + 20 * 2**20,) * 2)
try:
    engine.read(image, number=1, rotation=None, batch_size=None)
except PagemillError as error:
    print(error.code)
"""

WITHOUT_MODELS = """
try:
    load(EngineConfig(profile="fast"))
except PagemillError as error:
    print(error.code, error.message)
"""


def run(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", PREPARE + program], capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_loads_and_reads_without_a_network() -> None:
    assert run(WITHOUT_NETWORK) == "20"


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA covers private mappings on Linux only.")
def test_a_failed_allocation_is_an_out_of_memory_error() -> None:
    assert run(WITHOUT_MEMORY) == "out_of_memory"


def test_missing_model_files_are_an_error_that_says_how_to_get_them() -> None:
    answer = run(WITHOUT_MODELS)
    assert answer.startswith("engine_error ")
    assert "PP-OCRv6_rec_tiny.onnx" in answer
