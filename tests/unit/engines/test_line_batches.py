"""Lines of one width are read together, as many as are asked for: the memory lever of the out-of-memory ladder."""

import numpy as np
import pytest

from pagemill.domain.memory import MIB
from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr.models import Networks, model_files
from pagemill.engines.rapidocr.on_onnxruntime import networks
from pagemill.pool.linux import peak_rss_bytes, reset_peak, rss_bytes


@pytest.fixture(scope="module")
def loaded() -> Networks:
    return networks(model_files(EngineConfig("accurate"), engine="rapidocr-onnx"), threads=1)


def pictures(*widths: int) -> list[Pixels]:
    random = np.random.default_rng(7)
    return [random.integers(0, 256, (48, width, 3), dtype=np.uint8) for width in widths]


@pytest.mark.parametrize("batch_size", [2, 3, 8])
def test_lines_of_mixed_widths_come_back_in_their_order(loaded: Networks, batch_size: int) -> None:
    lines = pictures(320, 320, 320, 320, 320, 160, 160, 96, 320)
    alone = list(loaded.recognition.read(lines, batch_size=1))
    together = list(loaded.recognition.read(lines, batch_size=batch_size))
    assert len(together) == len(lines)
    for one, other in zip(alone, together, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-3)


def test_a_smaller_batch_takes_less_memory(loaded: Networks) -> None:
    lines = pictures(*[1280] * 8)
    whole, half, single = (grown_by(loaded, lines, batch_size) for batch_size in (8, 4, 1))
    assert single < half - 20 * MIB
    assert half < whole - 40 * MIB


def grown_by(loaded: Networks, lines: list[Pixels], batch_size: int) -> int:
    loaded.recognition.shrink()
    reset_peak()
    before = rss_bytes()
    list(loaded.recognition.read(lines, batch_size=batch_size))
    return peak_rss_bytes() - before
