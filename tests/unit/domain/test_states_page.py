import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts" / "write_states.py"


def test_the_drawn_state_machine_is_the_one_that_is_enforced() -> None:
    spec = importlib.util.spec_from_file_location("write_states", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert drawing.PAGE.read_text() == drawing.page(), "run: python scripts/write_states.py"
