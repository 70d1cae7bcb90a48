"""`pagemill serve` with its real engines, each behind a witness: `python -m proofs.witnessed_server PORT DATA_DIR`."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pagemill import configs
from pagemill.cli.exits import run_command
from pagemill.cli.serve import serve_http
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.settings import Settings, load_settings

WITNESSED = ("rapidocr", "tesseract")


def witnessed_engines(settings: Settings) -> Mapping[str, EngineSpec]:
    """Those of the engines that can be used here, the default first."""
    known = configs.engines(settings)
    return {
        name: replace(known[name], factory=f"proofs.witness:{name}") for name in WITNESSED if not known[name].unusable
    }


if __name__ == "__main__":
    given = load_settings(overrides={"server": {"port": int(sys.argv[1])}, "data_dir": Path(sys.argv[2])})
    run_command(serve_http(given, engines=witnessed_engines(given)))
