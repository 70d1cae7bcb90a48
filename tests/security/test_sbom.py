"""What Pagemill consists of is listed in full: each pinned package, with its version."""

import json
import re
from pathlib import Path

import pytest
from scripts.make_sbom import PINNED, write_sbom

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[^\s;]+)")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(requirements: Path) -> set[tuple[str, str]]:
    lines = [line for line in requirements.read_text().splitlines() if line and not line.startswith("#")]
    found = [PIN.match(line) for line in lines]
    assert all(found), "each line pins a package"
    return {(canonical(pin["name"]), pin["version"]) for pin in found if pin}


@pytest.mark.parametrize("name", PINNED)
def test_each_pinned_package_is_in_the_list(name: str, tmp_path: Path) -> None:
    write_sbom(PINNED[name], tmp_path / "sbom.json")
    written = json.loads((tmp_path / "sbom.json").read_text())
    assert written["bomFormat"] == "CycloneDX"
    assert written["metadata"]["component"]["name"] == "pagemill"
    listed = {(canonical(each["name"]), each["version"]) for each in written["components"]}
    assert listed == pins(PINNED[name])


def test_the_list_is_the_same_for_the_same_pins(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        write_sbom(PINNED["pagemill"], tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
