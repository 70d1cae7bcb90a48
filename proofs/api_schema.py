"""Every kind of request that the API's own description allows, and many that it does not: `make schema`.

schemathesis makes requests from `/openapi.json` of a real server and checks each answer against it: status, media type,
headers and body are described; nothing is a server error; what does not fit the schema is refused; what fits is not
refused for its form (`proofs.schema_checks`); `Allow` names the methods there are; what is deleted is gone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.data.documents import make_scan, make_typed
from tests.fixtures.server import Server, until

ROOT = Path(__file__).parents[1]
REQUEST_TIMEOUT_S = 60
SETTINGS = {"SERVER__MAX_WAIT_SECONDS": "0.2", "TASKS__MAX_QUEUE_SIZE": "1000", "SERVER__UPLOADS_PER_MINUTE": "100000"}


@dataclass(frozen=True)
class Extent:
    """How much to try.

    Attributes:
        phases: Of schemathesis: examples, coverage (every boundary of every field), fuzzing, stateful.
        examples: Most requests of an operation in the last two.
        seed: Makes the run repeatable; None makes another each time.
        longest_s: Ends the run after this time; until then, the last two phases are repeated. None tries each once.
    """

    phases: Sequence[str] = ("examples", "coverage", "fuzzing", "stateful")
    examples: int = 100
    seed: int | None = None
    longest_s: int | None = None


def main() -> None:
    """Run it and exit as schemathesis does."""
    parser = argparse.ArgumentParser(prog="python -m proofs.api_schema", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=100, help="maximum requests of an operation (default 100)")
    parser.add_argument("--seed", type=int, help="repeat an earlier run")
    parser.add_argument("--longest", type=int, help="repeat for this many seconds, with other requests each time")
    given = parser.parse_args()
    extent = Extent(examples=given.examples, seed=given.seed, longest_s=given.longest)
    with tempfile.TemporaryDirectory(prefix="pagemill-schema-") as folder:
        sys.exit(prove(Path(folder), extent).returncode)


def prove(folder: Path, extent: Extent, *, output: int | None = None) -> subprocess.CompletedProcess[str]:
    """Ask a server of our own, which has read some documents; what schemathesis printed is in the result."""
    with Server(folder / "data", settings=SETTINGS) as server:
        api = server.api
        read = [
            api.submit(make_typed(folder / "typed.pdf", 3), labels='{"customer": "17"}'),
            api.submit(make_scan(folder / "scan.png", ["Number 101"])),
        ]
        api.submit(make_typed(folder / "later.pdf", 1), start="false")
        until(lambda: all(api.task(task_id).status.is_final for task_id in read))
        return subprocess.run(
            _command(server.url, extent),
            env={**os.environ, "SCHEMATHESIS_HOOKS": "proofs.schema_checks", "PYTHONPATH": str(ROOT)},
            cwd=folder,
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            check=False,
        )


def _command(url: str, extent: Extent) -> Sequence[str]:
    seed = () if extent.seed is None else ("--seed", str(extent.seed))
    longest = () if extent.longest_s is None else ("--max-time", str(extent.longest_s))
    return (
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        "run",
        f"{url}/openapi.json",
        *("--phases", ",".join(extent.phases)),
        *("--max-examples", str(extent.examples)),
        *("--request-timeout", str(REQUEST_TIMEOUT_S)),
        *("--exclude-checks", "positive_data_acceptance"),
        *("--generation-database", "none"),
        *seed,
        *longest,
        "--continue-on-failure",
        "--no-shrink",
        "--no-color",
        "--warnings=off",
    )


if __name__ == "__main__":
    main()
