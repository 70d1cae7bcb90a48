"""One node of a database on a machine: two ledgers would both promise its memory."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from pagemill.domain.errors import InvalidSettings
from pagemill.store.machine_lock import locked_machine

URL = "postgresql+psycopg://user:secret@host/name"
SAME = (URL, "postgresql://other@host/name")
OTHER = ("postgresql://user@host/other", "postgresql://user@elsewhere/name", "postgresql://user@host:5433/name")


@pytest.mark.parametrize("machine", ["m", "n"])
@pytest.mark.parametrize("url", [*SAME, *OTHER])
def test_a_second_node_is_refused_for_the_same_database_on_the_same_machine(
    tmp_path: Path, url: str, machine: str
) -> None:
    refused = url in SAME and machine == "m"
    with locked_machine(URL, "m", folder=tmp_path):
        expected = pytest.raises(InvalidSettings, match="Stop it") if refused else nullcontext()
        with expected, locked_machine(url, machine, folder=tmp_path):
            pass
    with locked_machine(URL, "m", folder=tmp_path):
        assert not any("secret" in file.name for file in tmp_path.iterdir())


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    with locked_machine(URL, "m", folder=tmp_path):
        (file,) = tmp_path.iterdir()
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidSettings, match="cannot open"), locked_machine(URL, "m", folder=tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
