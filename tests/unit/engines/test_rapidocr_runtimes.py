"""Both runtimes take images as they are, and make the same of them: OpenVINO normalises in its networks."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr import on_onnxruntime, on_openvino
from pagemill.engines.rapidocr.models import Letters, Networks, model_files


@pytest.fixture(scope="module")
def runtimes() -> tuple[Networks, Networks]:
    files = model_files(EngineConfig("accurate"), engine="rapidocr")
    return on_openvino.networks(files, threads=1), on_onnxruntime.networks(files, threads=1)


def write_line(text: str, *, width: int, height: int, ink: tuple[int, int, int]) -> Pixels:
    """On paper that is yellow in blue, green and red."""
    picture = np.full((height, width, 3), (160, 230, 250), dtype=np.uint8)
    cv2.putText(picture, text, (12, height - 14), cv2.FONT_HERSHEY_SIMPLEX, 1.0, ink, 2)
    return picture


def test_they_read_the_same_letters(runtimes: tuple[Networks, Networks]) -> None:
    pictures = [
        write_line("Pagemill", width=160, height=48, ink=(0, 0, 0)),
        write_line("Total 12.50", width=224, height=48, ink=(30, 30, 200)),
        write_line("faint and blue", width=272, height=48, ink=(220, 180, 160)),
    ]
    ours, plain = (list(networks.recognition.read(pictures, batch_size=1)) for networks in runtimes)
    assert [line.indices.tolist() for line in ours] == [line.indices.tolist() for line in plain]
    assert confidences(ours) == pytest.approx(confidences(plain), abs=0.03)


def test_they_find_the_same_lines(runtimes: tuple[Networks, Networks]) -> None:
    page = np.vstack([write_line(word, width=320, height=96, ink=(40, 40, 40)) for word in ("Pagemill", "reads")])
    ours, plain = (networks.detection(page) for networks in runtimes)
    assert ours.shape == plain.shape == page.shape[:2]
    assert (plain > 0.5).sum() > 2000
    assert ours == pytest.approx(plain, abs=0.3)


def confidences(lines: Sequence[Letters]) -> list[float]:
    return [float(line.probabilities.mean()) for line in lines]
