import json
import subprocess
import sys
from pathlib import Path

from tests.fixtures.server import clean_environment
from typer.testing import CliRunner

from pagemill.cli.main import cli
from pagemill.memory.probes.host import HostProbe


def test_what_was_found_is_told_to_people_and_to_programs(tmp_path: Path) -> None:
    nowhere = tmp_path / "data"
    environment = {"PAGEMILL_DATA_DIR": str(nowhere)}
    told = CliRunner().invoke(cli, ["doctor"], env=environment)
    report = json.loads(CliRunner().invoke(cli, ["doctor", "--json"], env=environment).stdout)
    assert told.exit_code == 0
    assert [limit["source"] for limit in report["limits"]] == [bound.source for bound in HostProbe().bounds()]
    assert report["devices"][0]["device"] == "cpu"
    assert report["engines"][0] == {"engine": "rapidocr", "usable": True, "reason": ""}
    for fit in report["services"]:
        assert fit["fit_now"] <= fit["fit_at_most"]
        assert f"{fit['service']} on {fit['device']}" in told.stdout
        assert f"takes up to {fit['need_mb']} MiB" in told.stdout
    assert not nowhere.exists()


def test_less_memory_fits_fewer_services(tmp_path: Path) -> None:
    def fits(limit_mb: int) -> int:
        """In a process of its own, because what the process takes itself counts."""
        settings = {"DATA_DIR": str(tmp_path), "MEMORY__LIMIT_MB": str(limit_mb)}
        command = [sys.executable, "-m", "pagemill", "doctor", "--json"]
        run = subprocess.run(command, env=clean_environment(settings), capture_output=True, text=True, check=True)
        report = json.loads(run.stdout)
        return int(report["services"][0]["fit_at_most"])

    assert fits(600) <= 1 < fits(2000) <= 5
