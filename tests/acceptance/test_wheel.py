"""The wheel in an environment of its own, far from the checkout: it has all that the service needs."""

import json
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.data.documents import make_numbered_scan
from tests.fixtures.server import Server, clean_environment

ROOT = Path(__file__).parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE")
LIMIT_S = 300
WHERE = "import pagemill, sys; print(pagemill.__file__, sys.prefix)"


def run(command: Sequence[str | Path], *, folder: Path) -> str:
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, which have nothing of earlier builds."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        ROOT / "src" / "pagemill", source / "src" / "pagemill", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in NEEDED:
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run([*build, "--wheel-dir", folder, source], folder=folder)
    (found,) = folder.glob("pagemill-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel; packages that it needs come from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "others.pth").write_text("\n".join(path for path in site.getsitepackages()))
    interpreter = folder / "bin" / "python"
    install: list[str | Path] = [sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet"]
    run([*install, "--disable-pip-version-check", "--no-deps", "--ignore-installed", wheel], folder=folder)
    return interpreter


def test_it_has_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("pagemill/")}
    source = ROOT / "src"
    there = {str(path.relative_to(source)) for path in (source / "pagemill").rglob("*") if path.is_file()}
    assert packed == {name for name in there if "__pycache__" not in name}


def test_it_serves_from_any_folder(python: Path, tmp_path: Path) -> None:
    package, prefix = run([python, "-c", WHERE], folder=tmp_path).split()
    assert Path(package).is_relative_to(prefix)
    assert not Path(package).is_relative_to(ROOT)
    command = [str(python.with_name("pagemill"))]
    with Server(tmp_path / "data", command=command) as server:
        page = server.api.http.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, "Pagemill" in page.text) == (200, True)
        scan = make_numbered_scan(tmp_path / "scan.pdf", 1)
        assert run([command[0], "submit", "--server", server.url, "--wait", scan], folder=tmp_path) == "Number 101\n\f"


def test_it_reads_without_a_server(python: Path, tmp_path: Path) -> None:
    scan = make_numbered_scan(tmp_path / "scan.pdf", 1)
    assert run([python.with_name("pagemill"), "ocr", scan], folder=tmp_path) == "Number 101\n\f"
    found = json.loads(run([python.with_name("pagemill"), "doctor", "--json"], folder=tmp_path))
    assert {each["engine"] for each in found["engines"] if each["usable"]} >= {"rapidocr", "rapidocr-onnx"}
