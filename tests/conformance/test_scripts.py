"""Lines in scripts that RapidOCR lacks are read by what is installed for them, or the page says where they are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scripts import FONTS, MIXED, TEXTS, ScriptPage, draw_page

from pagemill.documents.accounting import with_warnings
from pagemill.domain.page.doubt import is_doubtful, warn_of_doubt
from pagemill.domain.page.image import PageImage
from pagemill.domain.page.page import Page, WarningKind
from pagemill.domain.work.engine_spec import Engine, EngineConfig
from pagemill.domain.work.scripts import SCRIPTS, missing_scripts, one_for_each_script
from pagemill.engines import rapidocr, scripts
from pagemill.engines.registry import engine_specs
from pagemill.engines.scripts.spec import scripts_spec
from pagemill.pool.script_reading import read_again

SPEC = engine_specs()["scripts"]
FOREIGN = [language for language in TEXTS if language != "en"]


@pytest.fixture(scope="module")
def first() -> Iterator[Engine]:
    engine = rapidocr.load(EngineConfig(profile="accurate", threads=1))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def second() -> Iterator[Engine]:
    if SPEC.unusable:
        pytest.skip(f"{SPEC.unusable} scripts/system-parts installs some")
    languages = SPEC.profiles[0].model_languages(())
    engine = scripts.load(EngineConfig(profile="accurate", languages=languages, threads=1, options=SPEC.options))
    yield engine
    engine.close()


def draw(*lines: tuple[str, int]) -> ScriptPage:
    for language, _ in lines:
        if not FONTS[language][0].exists():
            pytest.skip(f"needs {FONTS[language][0].name}; scripts/system-parts installs it")
    return draw_page("a", [(TEXTS[language][at], FONTS[language][0]) for language, at in lines], size=34)


def image_of(page: ScriptPage) -> PageImage:
    pixels = np.asarray(page.image, dtype=np.uint8)[..., None].copy()
    return PageImage(pixels.data, page.image.width, page.image.height, 1, 200)


def read(engine: Engine, image: PageImage) -> Page:
    return with_warnings(engine.read(image, number=1, rotation=None, batch_size=None), image)


@pytest.mark.parametrize("language", FOREIGN)
def test_a_line_is_read_in_its_script(first: Engine, second: Engine, language: str) -> None:
    if language not in SPEC.profiles[0].languages:
        pytest.skip(f"needs Tesseract's data for {language}; scripts/system-parts installs it")
    image = image_of(draw((language, 0)))
    page = read(first, image)
    assert is_doubtful(page)
    again = warn_of_doubt(read_again(page, image, second))
    words = TEXTS[language][0].split()
    found = again.text.split()
    assert sum(word in found for word in words) >= 0.7 * len(words)
    assert not again.warnings


@pytest.mark.parametrize("language", FOREIGN)
def test_a_line_that_nothing_reads_is_told_of_with_its_place_and_what_to_install(first: Engine, language: str) -> None:
    picture = draw(("en", 0), (language, 0))
    remedy = "Install what reads it."
    page = warn_of_doubt(read(first, image_of(picture)), remedy)
    left, top, right, bottom = picture.lines[1].place
    told = [warning for warning in page.warnings if warning.kind is WarningKind.UNREAD_INK]
    assert told
    assert all(remedy in warning.message for warning in told)
    boxes = [warning.box for warning in told if warning.box is not None]
    assert all(box[1] < bottom and box[3] > top for box in boxes)
    assert sum(min(box[2], right) - max(box[0], left) for box in boxes) > 0.5 * (right - left)


def test_lines_of_several_scripts_on_a_page_are_each_read_in_their_own(first: Engine, second: Engine) -> None:
    if {language for language, _ in MIXED} - {"en", *SPEC.profiles[0].languages}:
        pytest.skip("needs Tesseract's data; scripts/system-parts installs it")
    image = image_of(draw(*MIXED))
    again = read_again(read(first, image), image, second)
    assert len(list(again.lines)) == len(MIXED)
    for line, (language, at) in zip(again.lines, MIXED, strict=True):
        words = TEXTS[language][at].split()
        assert sum(word in line.text for word in words) >= 0.6 * len(words)


def test_a_page_in_latin_needs_no_second_reading(first: Engine) -> None:
    image = image_of(draw(*(("en", at) for at in range(4))))
    assert not is_doubtful(read(first, image))


def test_what_is_not_installed_is_named_with_its_package(tmp_path: Path) -> None:
    (tmp_path / "rus.traineddata").touch()
    (tmp_path / "eng.traineddata").touch()
    spec = scripts_spec({"tesseract": {"tessdata_dir": str(tmp_path)}}, tmp_path)
    assert spec.profiles[0].languages == ("ru",)
    assert "tesseract-ocr-ell" in spec.more_languages
    assert "tesseract-ocr-rus" not in spec.more_languages
    assert not spec.unusable
    assert scripts_spec({"tesseract": {"tessdata_dir": str(tmp_path / "none")}}, tmp_path).unusable


def test_every_common_script_is_found_by_its_languages() -> None:
    languages = [script.languages[0] for script in SCRIPTS]
    assert set(one_for_each_script([*languages, "en", "zh"])) == set(languages)
    assert missing_scripts(languages) == ()
    assert {script.name for script in missing_scripts(["ru"])} == {
        "Arabic", "Devanagari", "Greek", "Hebrew", "Korean", "Thai"
    }  # fmt: skip
