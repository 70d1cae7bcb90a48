import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "write_cli.py"


def test_the_reference_of_the_command_line_is_that_of_the_commands() -> None:
    spec = importlib.util.spec_from_file_location("write_cli", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    writing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writing)
    assert writing.PAGE.read_text() == writing.page(), "run: python scripts/write_cli.py"
