"""`pagemill serve` on a machine that says it has a GPU, with the engine that does as it is told."""

import sys
from collections.abc import Mapping
from pathlib import Path

from pagemill.cli.exits import run_command
from pagemill.cli.serve import serve_http
from pagemill.domain.memory import MIB
from pagemill.memory.probes.host import HostProbe
from pagemill.memory.probes.machine import MachineProbe
from pagemill.memory.probes.nvml import NvmlProbe
from pagemill.memory.probes.process import ProcessProbe
from pagemill.settings_loading import load_settings
from pagemill.testing.engines import FAULTY, make_faulty


class OneGpu:
    """`Nvml` of a driver with one GPU of 8 GiB, nearly empty."""

    def start(self) -> None:
        return

    def stop(self) -> None:
        return

    def count(self) -> int:
        return 1

    def uuid(self, index: int) -> str:
        return f"GPU-{index}"

    def memory(self, _index: int) -> tuple[int, int]:
        return 8192 * MIB, 8000 * MIB

    def processes(self, _index: int) -> Mapping[int, int | None]:
        return {}


if __name__ == "__main__":
    settings = load_settings(overrides={"server": {"port": 0}, "data_dir": Path(sys.argv[-1])})
    machine = MachineProbe(HostProbe(), ProcessProbe(), NvmlProbe(OneGpu()))
    run_command(
        serve_http(settings, engines={FAULTY.name: make_faulty(settings.engines.get(FAULTY.name, {}))}, machine=machine)
    )
