"""What a page that stands on its side takes of RapidOCR: never the memory of two networks at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.data import make_pages

from pagemill.domain.work.engine_spec import EngineConfig
from pagemill.engines.pixels import Pixels
from pagemill.engines.rapidocr import on_onnxruntime
from pagemill.engines.rapidocr.engine import RapidOcrEngine
from pagemill.engines.rapidocr.models import (
    DetectionNetwork,
    Letters,
    ModelFiles,
    Networks,
    RecognitionNetwork,
    Tensor,
)


@dataclass
class Held:
    """Which networks hold what they took for a page.

    Attributes:
        most: How many did at the same time.
    """

    networks: set[str] = field(default_factory=set)
    most: int = 0

    def take(self, network: str) -> None:
        self.networks.add(network)
        self.most = max(self.most, len(self.networks))

    def give_back(self, network: str) -> None:
        self.networks.discard(network)


@dataclass
class WatchedDetection:
    network: DetectionNetwork
    held: Held

    def __call__(self, image: Pixels) -> Tensor:
        self.held.take("detection")
        return self.network(image)

    def shrink(self) -> None:
        self.held.give_back("detection")
        self.network.shrink()


@dataclass
class WatchedRecognition:
    network: RecognitionNetwork
    held: Held

    def read(self, pictures: Iterable[Pixels], *, batch_size: int) -> Iterator[Letters]:
        self.held.take("recognition")
        return self.network.read(pictures, batch_size=batch_size)

    def shrink(self) -> None:
        self.held.give_back("recognition")
        self.network.shrink()

    def characters(self) -> list[str]:
        return self.network.characters()


def test_what_one_network_took_is_given_back_before_the_other_begins() -> None:
    held = Held()

    def networks(files: ModelFiles, *, threads: int) -> Networks:
        loaded = on_onnxruntime.networks(files, threads=threads)
        return Networks(
            WatchedDetection(loaded.detection, held),
            WatchedRecognition(loaded.recognition, held),
            loaded.batch_size,
        )

    engine = RapidOcrEngine.load_ready("watched", EngineConfig(profile="accurate", threads=2), networks)
    sideways = make_pages.text_page().rotate(90, expand=True)
    page = engine.read(make_pages.page_image(sideways), number=1, rotation=None, batch_size=None)
    engine.close()
    assert page.rotation == 90
    assert held.most == 1
