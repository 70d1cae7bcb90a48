"""`pagemill serve` with the engine that does as it is told; on SIGUSR1 it counts all that it holds.

python counted_server.py … DATA_DIR; the counts come into DATA_DIR/counts.
"""

import gc
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from pagemill.cli.exits import run_command
from pagemill.cli.serve import serve_http
from pagemill.settings_loading import load_settings
from pagemill.testing.engines import FAULTY, make_faulty

DATA = Path(sys.argv[-1])


def count(_number: int, _frame: object) -> None:
    """Everything that is left once garbage is gone: containers by type, and allocated blocks of any kind."""
    gc.collect()
    blocks = sys.getallocatedblocks()
    containers = Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())
    part = DATA / "counts.part"
    part.write_text(json.dumps({"blocks": blocks, "containers": containers}))
    part.rename(DATA / "counts")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, count)
    settings = load_settings(overrides={"server": {"port": 0}, "data_dir": DATA})
    run_command(serve_http(settings, engines={FAULTY.name: make_faulty(settings.engines.get(FAULTY.name, {}))}))
