"""`pagemill serve` with its real engines, each behind a witness: `python -m proofs.witnessed_server PORT DATA_DIR`."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from proofs.witness import JOURNAL_OPTION, JOURNAL_VARIABLE

from pagemill import configs
from pagemill.cli.exits import run_command
from pagemill.cli.serve import serve_http
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.settings import Settings
from pagemill.settings_loading import load_settings

WITNESSED = ("rapidocr", "tesseract")


def witnessed_engines(settings: Settings) -> Mapping[str, EngineSpec]:
    """The engines that this machine can use, the default first."""
    known = configs.engines(settings)
    return {
        name: replace(known[name], factory=f"proofs.witness:{name}") for name in WITNESSED if not known[name].unusable
    }


def writing_to(journal: Path, engines: Mapping[str, EngineSpec]) -> Mapping[str, EngineSpec]:
    """The engines, with a sandbox that lets them write to that file, which is made."""
    journal.touch()
    return {name: replace(spec, writes=(str(journal),)) for name, spec in engines.items()}


if __name__ == "__main__":
    notes = Path(os.environ[JOURNAL_VARIABLE]).absolute()
    options = {name: {JOURNAL_OPTION: str(notes)} for name in WITNESSED}
    overrides = {"server": {"port": int(sys.argv[1])}, "data_dir": Path(sys.argv[2]), "engines": options}
    given = load_settings(overrides=overrides)
    run_command(serve_http(given, engines=writing_to(notes, witnessed_engines(given))))
