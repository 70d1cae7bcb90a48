from pathlib import Path

import pytest

from pagemill.domain.errors import EngineFailed
from pagemill.engines.tesseract.languages import data_files
from pagemill.engines.tesseract.spec import tesseract_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("srp_latn", "chi_sim", "eng", "osd", "equ", "tlh"):
        (tmp_path / f"{name}.traineddata").touch()
    (tmp_path / "configs").mkdir()
    return tmp_path


def test_languages_are_those_whose_data_is_there(folder: Path) -> None:
    spec = tesseract_spec({"tessdata_dir": str(folder)})
    assert spec.profiles[0].languages == ("en", "sr-Latn", "tlh", "zh")
    assert spec.unusable == ""


def test_without_a_language_english_is_read(folder: Path) -> None:
    profile = tesseract_spec({"tessdata_dir": str(folder)}).profiles[0]
    assert profile.model_languages(()) == profile.model_languages(("en",)) == ("en",)


def test_without_english_the_first_is_read(folder: Path) -> None:
    (folder / "eng.traineddata").unlink()
    assert tesseract_spec({"tessdata_dir": str(folder)}).profiles[0].model_languages(()) == ("sr-Latn",)
    assert data_files({"tessdata_dir": str(folder)}, ()) == (folder, ["srp_latn"])


def test_codes_lead_to_data_files(folder: Path) -> None:
    assert data_files({"tessdata_dir": str(folder)}, ("zh", "tlh")) == (folder, ["chi_sim", "tlh"])


@pytest.mark.parametrize(("code", "package"), [("de", "tesseract-ocr-deu"), ("zh-Hant", "tesseract-ocr-chi-tra")])
def test_a_missing_language_says_how_to_get_it(folder: Path, code: str, package: str) -> None:
    with pytest.raises(EngineFailed, match=package) as failure:
        data_files({"tessdata_dir": str(folder)}, (code, "en"))
    assert str(folder) in failure.value.message


def test_without_any_data_the_engine_cannot_be_used_and_says_what_to_install(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        spec = tesseract_spec({"tessdata_dir": str(place)})
        assert "apt-get install tesseract-ocr-eng" in spec.unusable
        assert spec.profiles[0].languages == ()
