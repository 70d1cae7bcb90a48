"""Recognition models of other scripts in a folder are found, checked against their alphabets, and read lines.

The models that RapidOCR publishes are in no package, so these are the packaged one with another alphabet: it reads
Latin print and writes it in the letters of the other script.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.data.script_models import ARABIC, CYRILLIC, make_model, packaged_alphabet, packaged_model, write_model

from pagemill.domain.errors import EngineFailed
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Line, Page, PageSource
from pagemill.domain.work.engine_spec import Engine, EngineConfig, EngineSpec
from pagemill.engines import scripts
from pagemill.engines.alphabets import letters_of
from pagemill.engines.rapidocr.script_models import model_for, script_models
from pagemill.engines.rapidocr.single_lines import RapidOcrLines
from pagemill.engines.registry import engine_specs
from pagemill.pool.script_reading import read_again

TEXT = "all human beings are born free"
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "cyrillic_PP-OCRv5_rec_mobile.onnx", CYRILLIC, language="ru")
    make_model(folder / "arabic_PP-OCRv5_rec_mobile.onnx", ARABIC, language="ar")
    return folder


def spec_with(folder: Path) -> EngineSpec:
    options = {"rapidocr": {"script_models_dir": str(folder)}, "tesseract": {"tessdata_dir": str(folder)}}
    return engine_specs(options)["scripts"]


def load(spec: EngineSpec, *languages: str) -> Engine:
    return scripts.load(EngineConfig(profile="accurate", languages=languages, options=spec.options))


@pytest.fixture(scope="module")
def engines(folder: Path) -> Iterator[dict[str, Engine]]:
    loaded = {code: load(spec_with(folder), code) for code in ("ru", "ar")}
    yield loaded
    for engine in loaded.values():
        engine.close()


def draw(*lines: str, size: int = 32) -> Image.Image:
    if not FONT.exists():
        pytest.skip(f"needs {FONT.name}; scripts/system-parts installs it")
    font = ImageFont.truetype(str(FONT), size)
    width = max(round(font.getlength(line)) for line in lines) + 80
    picture = Image.new("L", (width, 2 * size * len(lines) + 40), 255)
    for at, line in enumerate(lines):
        ImageDraw.Draw(picture).text((40, 20 + 2 * size * at), line, fill=0, font=font)
    return picture


def image_of(picture: Image.Image) -> PageImage:
    pixels = np.asarray(picture, dtype=np.uint8)[..., None].copy()
    return PageImage(pixels.data, picture.width, picture.height, 1, 200)


def line_image(text: str) -> PageImage:
    """A picture of a line, cut close, as doubtful lines are."""
    picture = draw(text)
    inked = Image.eval(picture, lambda value: 255 - value).getbbox()
    assert inked is not None
    return image_of(picture.crop(inked))


def read_line(engine: Engine, text: str) -> Line:
    (line,) = engine.read(line_image(text), number=1, rotation=0, batch_size=None).lines
    return line


def as_cyrillic(text: str) -> str:
    return "".join(CYRILLIC.get(letter, letter) for letter in text)


def as_arabic(text: str) -> str:
    """The text in reading order of a line that shows these letters from left to right."""
    return "".join(ARABIC.get(letter, letter) for letter in reversed(text))


def lefts(line: Line) -> list[float]:
    return [min(x for x, _ in word.polygon) for word in line.words]


def test_a_model_reads_the_languages_of_its_script_whose_letters_it_has(folder: Path) -> None:
    spec = spec_with(folder)
    (profile,) = spec.profiles
    assert {"ru", "bg", "ar"} <= set(profile.languages)
    assert not {"uk", "kk", "fa", "el", "en"} & set(profile.languages)
    assert profile.model_languages(()) == ("ar", "ru")
    assert not spec.unusable
    assert str(folder) in spec.files


@pytest.mark.parametrize("letter", ["ё", "Ж"])
def test_a_language_that_lacks_a_letter_is_not_claimed(tmp_path: Path, letter: str) -> None:
    make_model(tmp_path / "cyrillic.onnx", CYRILLIC, language="ru", without=letter)
    spec = spec_with(tmp_path)
    assert "ru" not in spec.profiles[0].languages
    assert ("bg" in spec.profiles[0].languages) == (letter == "ё")


def test_a_line_is_read_with_words_in_their_places(engines: dict[str, Engine]) -> None:
    line = read_line(engines["ru"], TEXT)
    assert line.text == as_cyrillic(TEXT)
    assert [word.text for word in line.words] == line.text.split()
    assert lefts(line) == sorted(lefts(line))
    assert line.confidence is not None
    assert line.confidence > 0.9


def test_a_line_from_right_to_left_is_read_in_reading_order(engines: dict[str, Engine]) -> None:
    line = read_line(engines["ar"], TEXT)
    assert line.text == as_arabic(TEXT)
    assert [word.text for word in line.words] == line.text.split()
    assert lefts(line) == sorted(lefts(line), reverse=True)


def test_numbers_in_a_line_from_right_to_left_keep_their_digits(engines: dict[str, Engine]) -> None:
    words = read_line(engines["ar"], "free 25,000 born").text.split()
    assert words == [as_arabic("born"), "25,000", as_arabic("free")]


def test_a_line_too_long_for_one_run_is_read_in_pieces(engines: dict[str, Engine]) -> None:
    text = " ".join([TEXT] * 6)
    line = read_line(engines["ru"], text)
    assert line.text == as_cyrillic(text)
    assert lefts(line) == sorted(lefts(line))


def test_the_lines_of_a_page_go_to_the_model_one_by_one(engines: dict[str, Engine]) -> None:
    lines = (TEXT, "and equal in dignity and rights", "they are endowed with reason")
    image = image_of(draw(*lines))
    unread = Page(number=1, width_px=image.width_px, height_px=image.height_px, dpi=200, source=PageSource.OCR)
    again = read_again(unread, image, engines["ru"])
    assert [line.text for line in again.lines] == [as_cyrillic(line) for line in lines]
    assert not again.warnings


@pytest.mark.parametrize("text", ["", "12.50"])
def test_what_is_no_line_of_the_script_is_left(engines: dict[str, Engine], text: str) -> None:
    image = line_image(text) if text else image_of(Image.new("L", (300, 40), 255))
    assert not list(engines["ru"].read(image, number=1, rotation=0, batch_size=None).lines)


def test_a_newer_model_is_preferred_and_then_the_one_for_fewer_languages(tmp_path: Path) -> None:
    for name in ("cyrillic_PP-OCRv3_rec.onnx", "cyrillic_PP-OCRv5_rec.onnx", "eslav_PP-OCRv5_rec.onnx"):
        make_model(tmp_path / name, CYRILLIC, language="ru", without="" if name.startswith("cyr") else "ѓѕјљњќџ")
    chosen = model_for("ru", script_models(tmp_path))
    assert chosen is not None
    assert "v5" in chosen.path.name


def broken_half(path: Path) -> None:
    path.write_bytes(packaged_model().read_bytes()[:1_000_000])


def broken_text(path: Path) -> None:
    path.write_text("no model")


def broken_without_alphabet(path: Path) -> None:
    write_model(path, None)


def broken_foreign(path: Path) -> None:
    write_model(path, "\n".join(packaged_alphabet()) + "\n")


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (broken_half, "not a complete ONNX model"),
        (broken_text, "not a complete ONNX model"),
        (broken_without_alphabet, "has no alphabet"),
        (broken_foreign, "lacks letters of every language in Korean"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_of_with_what_to_do(tmp_path: Path, breaking: object, said: str) -> None:
    assert callable(breaking)
    breaking(tmp_path / "korean_PP-OCRv5_rec_mobile.onnx")
    spec = spec_with(tmp_path)
    assert spec.unusable
    assert said in spec.more_languages
    assert "korean_PP-OCRv5_rec_mobile.onnx" in spec.more_languages


def test_a_model_whose_alphabet_belongs_to_another_network_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "cyrillic.onnx", "".join(f"{letter}\n" for letter in sorted(letters_of("ru"))))
    assert "ru" in spec_with(tmp_path).profiles[0].languages
    with pytest.raises(EngineFailed, match="letters, but the model tells"):
        RapidOcrLines(path, threads=1)


def test_the_runtime_of_models_is_kept_from_reporting_before_it_is_imported() -> None:
    program = (
        "import os, sys; from pagemill.domain.work.engine_spec import EngineConfig;"
        "from pagemill.engines import scripts;"
        "scripts.load(EngineConfig('accurate'));"
        "print(os.environ.get('ORT_DISABLE_TELEMETRY'), 'onnxruntime' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["1", "False"]


def test_files_with_other_names_are_left_alone(tmp_path: Path) -> None:
    make_model(tmp_path / "ch_PP-OCRv5_rec_mobile.onnx", CYRILLIC, language="ru")
    assert spec_with(tmp_path).unusable


def test_the_remedy_names_the_command_for_the_scripts_that_have_models(folder: Path) -> None:
    remedy = spec_with(folder).more_languages
    assert "pagemill engines install rapidocr --languages hi,el,ko,th" in remedy
    assert "tesseract-ocr-heb" in remedy
    assert "Cyrillic" not in remedy
