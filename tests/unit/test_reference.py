"""The pages of `docs/reference/` that scripts write say what the code says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "scripts").glob("write_*.py"))


def load_script(script: Path) -> ModuleType:
    """The script as a module: `page()` makes what belongs into the file `PAGE`."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_a_page_of_the_reference_is_the_one_its_script_writes(script: Path) -> None:
    writer = load_script(script)
    assert writer.PAGE.read_text() == writer.page(), f"run: make reference (scripts/{script.name})"


def test_there_are_such_scripts() -> None:
    assert {script.stem for script in SCRIPTS} >= {
        "write_api",
        "write_errors",
        "write_metrics",
        "write_settings",
        "write_states",
    }
