"""What every engine must do; a new engine is one more parameter."""

import importlib
from collections.abc import Iterator
from contextlib import closing
from math import radians, tan
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from benchmarks.scoring import edit_distance
from PIL import Image
from tests.data import make_pages

from pagemill.domain.errors import EngineFailed
from pagemill.domain.memory import MIB
from pagemill.domain.page.page import Page, Point, Polygon
from pagemill.domain.work.engine_spec import Engine, EngineConfig, EngineFactory, EngineProfile, EngineSpec
from pagemill.engines.registry import engine_specs, unusable_engines

ENGINES = [("rapidocr", "accurate"), ("rapidocr-onnx", "accurate"), ("tesseract", "accurate")]


@pytest.fixture(scope="module", params=ENGINES, ids="/".join)
def choice(request: pytest.FixtureRequest) -> tuple[EngineSpec, str]:
    name, profile = request.param
    if reason := unusable_engines(engine_specs()).get(name):
        pytest.skip(reason)
    return engine_specs()[name], profile


@pytest.fixture(scope="module")
def engine(choice: tuple[EngineSpec, str]) -> Iterator[Engine]:
    engine = load(choice)
    yield engine
    engine.close()


def profile_of(choice: tuple[EngineSpec, str]) -> EngineProfile:
    spec, name = choice
    profile = spec.profile(name)
    assert profile is not None
    return profile


def load(choice: tuple[EngineSpec, str], *, languages: tuple[str, ...] = ()) -> Engine:
    spec, profile = choice
    module, _, attribute = spec.factory.partition(":")
    factory: EngineFactory = getattr(importlib.import_module(module), attribute)
    return factory(EngineConfig(profile=profile, languages=languages, threads=2))


def read(engine: Engine, image: Image.Image, *, rotation: int | None = None, batch_size: int | None = None) -> Page:
    return engine.read(make_pages.page_image(image), number=3, rotation=rotation, batch_size=batch_size)


def dense(text: str) -> str:
    return "".join(text.split())


def test_reads_english(engine: Engine) -> None:
    page = read(engine, make_pages.text_page())
    assert [line.text for line in page.lines] == list(make_pages.ENGLISH)
    assert (page.number, page.dpi, page.rotation) == (3, 150.0, 0)
    assert page.confidence is not None
    assert page.confidence > 0.9


def test_names_itself(choice: tuple[EngineSpec, str], engine: Engine) -> None:
    page = read(engine, make_pages.text_page())
    assert (page.engine, page.profile) == (choice[0].name, choice[1])


def test_reads_chinese_and_mixed_lines(choice: tuple[EngineSpec, str]) -> None:
    languages = ("en", "zh")
    if missing := set(languages) - set(profile_of(choice).languages):
        pytest.skip(f"This engine has no models for {', '.join(missing)} here.")
    with closing(load(choice, languages=languages)) as engine:
        page = read(engine, make_pages.chinese_page())
    assert [dense(line.text) for line in page.lines] == [dense(line) for line in make_pages.CHINESE]


def test_reads_column_by_column(engine: Engine) -> None:
    page = read(engine, make_pages.two_column_page())
    assert [line.text for line in page.lines] == [*make_pages.LEFT, *make_pages.RIGHT]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_finds_upright_by_itself(engine: Engine, turned: int) -> None:
    upright = make_pages.text_page()
    page = read(engine, upright.rotate(-turned, expand=True))
    assert page.rotation == (360 - turned) % 360
    assert (page.width_px, page.height_px) == upright.size
    assert [line.text for line in page.lines] == list(make_pages.ENGLISH)


@pytest.mark.parametrize("degrees", [-8, 3, 8])
def test_reads_a_page_that_lies_askew(engine: Engine, degrees: int) -> None:
    upright = make_pages.text_page(make_pages.ENGLISH * 2, width=1000, height=900)
    askew = upright.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    page = read(engine, askew)
    assert [line.text for line in page.lines] == list(make_pages.ENGLISH * 2)
    assert (page.rotation, page.width_px, page.height_px) == (0, *askew.size)
    slopes = [
        (line.polygon[1][1] - line.polygon[0][1]) / (line.polygon[1][0] - line.polygon[0][0]) for line in page.lines
    ]
    assert fmean(slopes) == pytest.approx(-tan(radians(degrees)), abs=0.02)


def test_turns_a_page_as_told(engine: Engine) -> None:
    page = read(engine, make_pages.text_page().rotate(90, expand=True), rotation=90)
    assert page.rotation == 90
    assert [line.text for line in page.lines] == list(make_pages.ENGLISH)


def test_leaves_a_page_as_told(engine: Engine) -> None:
    assert read(engine, make_pages.text_page().rotate(180), rotation=0).rotation == 0


@pytest.mark.parametrize("text", ["7", "I", "No", "§"])
def test_turns_no_page_because_of_a_single_sign(engine: Engine, text: str) -> None:
    assert read(engine, make_pages.text_page([text], width=400, height=300, size=60)).rotation == 0


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_blank_page_has_no_blocks(engine: Engine, mode: str) -> None:
    page = read(engine, make_pages.blank_page().convert(mode))
    assert page.blocks == ()
    assert page.text == ""


def test_reads_gray_and_colour_alike(engine: Engine) -> None:
    gray = make_pages.text_page()
    assert read(engine, gray).text == read(engine, gray.convert("RGB")).text


def test_reads_small_print(engine: Engine) -> None:
    six_points = round(6 * 200 / 72)
    page = make_pages.text_page(make_pages.ENGLISH * 4, width=1654, height=2339, size=six_points)
    truth = dense("".join(make_pages.ENGLISH * 4))
    assert edit_distance(dense(read(engine, page).text), truth) <= len(truth) // 50


def test_reads_small_print_on_grainy_paper(engine: Engine) -> None:
    written = make_pages.text_page(make_pages.ENGLISH * 4, width=1654, height=2339, size=round(6 * 200 / 72))
    grain = np.random.default_rng(1).normal(0, 5, (written.height, written.width))
    page = Image.fromarray(np.clip(np.asarray(written) * 0.95 + grain, 0, 255).astype(np.uint8))
    truth = dense("".join(make_pages.ENGLISH * 4))
    assert edit_distance(dense(read(engine, page).text), truth) <= len(truth) // 20


def test_reads_a_tight_crop_of_one_line(engine: Engine) -> None:
    crop = make_pages.text_page(make_pages.ENGLISH[:1], size=30)
    ink = Image.eval(crop, lambda value: 255 - value).getbbox()
    assert dense(read(engine, crop.crop(ink)).text) == dense(make_pages.ENGLISH[0])


def test_reads_a_line_far_longer_than_a_page(engine: Engine) -> None:
    words = " ".join(make_pages.ENGLISH * 3)
    strip = make_pages.blank_page(5200, 30)
    make_pages.write(strip, [words], x=20, y=4, size=20)
    page = read(engine, strip)
    assert edit_distance(dense(page.text), dense(words)) <= len(words) // 50


def test_reads_a_receipt_of_two_hundred_lines(engine: Engine) -> None:
    lines = [f"{line} {number}" for number in range(40) for line in make_pages.ENGLISH]
    page = read(engine, make_pages.text_page(lines, width=700, height=7000, size=20))
    truth = dense("".join(lines))
    assert edit_distance(dense(page.text), truth) <= len(truth) // 50


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 4000), (4000, 1), (30, 8000), (8000, 30)], ids=str)
def test_reads_odd_shapes_without_complaint(engine: Engine, size: tuple[int, int]) -> None:
    page = read(engine, make_pages.blank_page(*size))
    assert {page.width_px, page.height_px} == set(size)


def test_finds_nothing_in_noise_or_says_so_without_failing(engine: Engine) -> None:
    noise = np.random.default_rng(7).integers(0, 255, (400, 400, 3), dtype=np.uint8)
    read(engine, Image.fromarray(noise))


@pytest.mark.parametrize("turned", [0, 90])
def test_words_lie_inside_their_line(engine: Engine, turned: int) -> None:
    page = read(engine, make_pages.text_page().rotate(3, fillcolor=255).rotate(turned, expand=True), rotation=0)
    lines = [line for line in page.lines if line.words]
    assert lines
    for line in lines:
        assert dense(line.text) == "".join(word.text for word in line.words)
        for word in line.words:
            assert all(inside(point, line.polygon, slack=0.5) for point in word.polygon)


def test_words_follow_each_other_along_the_line(engine: Engine) -> None:
    for line in read(engine, make_pages.text_page()).lines:
        edges = [x for word in line.words for x in (word.polygon[0][0], word.polygon[1][0])]
        assert len(line.words) == len(line.text.split())
        assert edges == sorted(edges)


def test_words_stand_where_they_were_written(engine: Engine) -> None:
    gap = make_pages.blank_page(1000, 200)
    make_pages.write(gap, ["First"], x=50, y=80, size=34)
    make_pages.write(gap, ["Last"], x=800, y=80, size=34)
    words = {word.text: word for word in read(engine, gap).words}
    assert words["First"].polygon[1][0] < 160
    assert words["Last"].polygon[0][0] > 780


def test_batches_of_any_size_read_the_same(engine: Engine) -> None:
    page = make_pages.two_column_page()
    texts = [read(engine, page, batch_size=size).text for size in (None, 1, 3, 8)]
    assert texts == texts[:1] * 4


def test_survives_the_way_to_json_and_back(engine: Engine) -> None:
    page = read(engine, make_pages.two_column_page())
    assert Page.from_json(page.to_json()) == page


def test_trim_gives_memory_back(engine: Engine) -> None:
    read(engine, make_pages.text_page())
    engine.trim()
    settled = resident()
    for _ in range(3):
        read(engine, make_pages.text_page(make_pages.ENGLISH * 2, width=1000, height=1400))
        engine.trim()
    assert resident() - settled < 20 * MIB


@pytest.mark.parametrize(
    ("size", "turned"),
    [((1654, 2339), 0), ((1654, 2339), 180), ((200, 20000), 0), ((700, 9000), 0), ((4000, 4000), 0)],
    ids=str,
)
def test_a_page_takes_no_more_than_the_seed_says(
    choice: tuple[EngineSpec, str], engine: Engine, size: tuple[int, int], turned: int
) -> None:
    page = make_pages.text_page(make_pages.ENGLISH * 3, width=size[0], height=size[1])
    image = make_pages.page_image(page.rotate(turned))
    engine.trim()
    before = resident(reset_peak=True)
    engine.read(image, number=1, rotation=None, batch_size=None)
    seed = profile_of(choice).seed
    assert peak() - before <= seed.fixed.ram_bytes + seed.ram_per_pixel * image.pixels


def test_close_lets_go_of_the_models(choice: tuple[EngineSpec, str]) -> None:
    load(choice).close()
    before = resident()
    engine = load(choice)
    loaded = resident()
    engine.close()
    assert loaded - before > 5 * MIB
    assert loaded - resident() > 0.7 * (loaded - before)
    with pytest.raises(EngineFailed, match="closed"):
        read(engine, make_pages.blank_page())


def inside(point: Point, polygon: Polygon, *, slack: float) -> bool:
    corners = np.array(polygon)
    edges = np.roll(corners, -1, axis=0) - corners
    to_point = np.array(point) - corners
    distances = (edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0]) / np.hypot(edges[:, 0], edges[:, 1])
    return bool((distances >= -slack).all())


def resident(*, reset_peak: bool = False) -> int:
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(key: str) -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("Resident memory is read from /proc, which this system does not have.")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024
