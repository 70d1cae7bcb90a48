"""Time lost waiting for memory (PSI): only a hint to measure more often.

Without swap, a machine can run out of memory within milliseconds of stall, so no level and no kill depends on it.
"""

import re
from pathlib import Path

from pagemill.memory.probes.cgroup import locate

_SOME = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)


class PressureProbe:
    """Reads the pressure of our own cgroup (version 2), or else of the machine."""

    def __init__(self, root: Path = Path("/")) -> None:
        own = [cgroup.path / "memory.pressure" for cgroup in locate(root)[:1] if cgroup.version == 2]
        self._files = [*own, root / "proc" / "pressure" / "memory"]

    def stalled_share(self) -> float:
        """The share of the last ten seconds in which some process waited for memory, 0 … 1; 0 if unknown."""
        for file in self._files:
            try:
                found = _SOME.search(file.read_text())
            except OSError:
                continue
            if found is not None:
                return float(found[1]) / 100
        return 0.0
