"""Script models are copied or downloaded whole, with the content that RapidOCR's list names, or not at all."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.data.script_models import CYRILLIC, make_model

from pagemill.domain.errors import InvalidRequest, InvalidSettings
from pagemill.engines.rapidocr.script_install import ListedModel, install_models, listed_models, models_for
from pagemill.engines.rapidocr.script_models import FAMILIES, script_models

NAME = "cyrillic_PP-OCRv5_rec_mobile.onnx"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("source") / NAME, CYRILLIC, language="ru").parent


@pytest.fixture
def address(source: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(source))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def model_at(source: Path, address: str, name: str = NAME) -> ListedModel:
    return ListedModel(NAME, f"{address}/{name}", hashlib.sha256((source / NAME).read_bytes()).hexdigest())


def install(model: ListedModel, folder: Path, **how: bool | Path) -> list[str]:
    told: list[str] = []
    source = how.get("source")
    install_models(
        [model],
        folder,
        source=source if isinstance(source, Path) else None,
        allow_download=how.get("allow_download") is True,
        tell=told.append,
    )
    return told


def test_a_download_that_is_allowed_installs_the_model(tmp_path: Path, source: Path, address: str) -> None:
    told = install(model_at(source, address), tmp_path / "models", allow_download=True)
    (model,) = script_models(tmp_path / "models")
    assert "ru" in model.languages
    assert any("Downloading" in line for line in told)
    assert any("reads ru" in line for line in told)


def test_a_folder_comes_before_a_download(tmp_path: Path, source: Path) -> None:
    told = install(model_at(source, "http://127.0.0.1:1"), tmp_path, source=source, allow_download=True)
    assert any("Copying" in line for line in told)


def test_without_leave_nothing_is_asked_of_the_network(tmp_path: Path, source: Path) -> None:
    with pytest.raises(InvalidRequest, match="--allow-download"):
        install(model_at(source, "http://127.0.0.1:1"), tmp_path)


@pytest.mark.parametrize("file", ["no_such_file", ""])
def test_a_download_that_fails_leaves_nothing(tmp_path: Path, source: Path, address: str, file: str) -> None:
    with pytest.raises(InvalidSettings, match=r"could not be downloaded|damaged or another version"):
        install(model_at(source, address, file), tmp_path, allow_download=True)
    assert list(tmp_path.iterdir()) == []


def test_the_packages_list_has_models_of_every_script_and_the_newest_is_chosen() -> None:
    names = [model.name for model in listed_models()]
    assert {name.partition("_")[0] for name in names} == set(FAMILIES)
    assert all(model.address.startswith("https://") and len(model.sha256) == 64 for model in listed_models())
    chosen = [model.name for model in models_for(["ru", "uk", "ko", "kn"], listed_models())]
    assert chosen == [NAME, "korean_PP-OCRv5_rec_mobile.onnx", "ka_PP-OCRv4_rec_mobile.onnx"]
