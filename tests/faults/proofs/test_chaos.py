"""A short run of `make chaos`: no promise is broken, and a run in which one is says so."""

from pathlib import Path

import pytest
from proofs.chaos import Options, prove
from tests.fixtures.databases import BACKENDS

KILLS = 6
PAGES = 100


@pytest.mark.timeout(420)
@pytest.mark.parametrize("database", BACKENDS)
def test_kills_lose_no_page_and_repeat_none(tmp_path: Path, database: str) -> None:
    options = Options(
        kills=KILLS,
        pages=PAGES,
        seed=KILLS,
        databases=(database,),
        limit_mib=2048,
        patience_s=120,
        keep=tmp_path / "chaos",
    )
    assert prove(options) == []
