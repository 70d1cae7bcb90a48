"""The map of the rooms agrees with the tree: the architecture page, CONTRIBUTING, the list of test folders."""

import re
import tomllib
from pathlib import Path

import pagemill

SOURCE = Path(pagemill.__file__).parent
ROOT = SOURCE.parents[1]
INNER = ("domain", "tasks")
"""Rooms whose own rooms the architecture page lists, too."""


def names(folder: Path) -> set[str]:
    """Its rooms as the documentation writes them: `tasks/`, `settings.py`."""
    rooms = {f"{each.name}/" for each in folder.iterdir() if (each / "__init__.py").is_file()}
    return rooms | {each.name for each in folder.glob("*.py") if not each.name.startswith("__")}


def layers() -> list[list[str]]:
    """The layers that import-linter checks, from the top."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contract = next(each for each in tool["contracts"] if each["type"] == "layers" and "pagemill" in each["containers"])
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def table() -> list[list[str]]:
    """The rows of the table of rooms: floor, names, and what is said about them."""
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    rows = page.split("## Rooms")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def test_the_architecture_page_lists_every_room_and_no_other() -> None:
    listed = [name for _, rooms, _ in table() for name in re.findall(r"`([^`]+)`", rooms)]
    assert sorted(listed) == sorted(names(SOURCE))


def test_the_floors_are_the_layers() -> None:
    floors: list[list[str]] = []
    for floor, rooms, _ in table():
        if floor:
            floors.append([])
        floors[-1] += [name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", rooms)]
    assert [sorted(floor) for floor in floors] == [sorted(layer) for layer in layers()]


def test_rooms_within_rooms_are_listed() -> None:
    described = {name: text for _, rooms, text in table() for name in re.findall(r"`([^`]+)/`", rooms)}
    for room in INNER:
        inner = {name for name in names(SOURCE / room) if name.endswith("/")}
        assert inner == set(re.findall(r"`([a-z_]+/)`", described[room])), room


def test_contributing_draws_the_same_layers() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawn = next(line for line in text.splitlines() if " → " in line)
    assert [re.findall(r"\w+", layer) for layer in drawn.split(" → ")] == layers()


def test_the_readme_of_the_tests_lists_every_folder() -> None:
    rows = re.findall(r"^\| `([a-z_]+/)`", (ROOT / "tests/README.md").read_text(), re.MULTILINE)
    folders = [f"{each.name}/" for each in (ROOT / "tests").iterdir() if each.is_dir() and each.name[0] not in "_."]
    assert sorted(rows) == sorted(folders)
