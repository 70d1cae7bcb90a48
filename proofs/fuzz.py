"""Damaged and made-up documents, all through one real server with its real readers: `make fuzz`.

Hypothesis builds PDFs, TIFFs and PNGs of parts that do not fit, and damages real documents (`tests.data.fuzzed`). Each
document must end, with a result or with a reason, and so must the picture of its first page and its searchable PDF. No
worker may hold more than 1.25 times what was reserved for it; no error may be one that no code expected; the server
lives on and gives all its memory back. What breaks this is kept in a folder, to be put into `tests/data/found`.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from proofs.sending import Fate, Sender
from proofs.watching import WorkerWatch
from tests.data.fuzzed import make_documents
from tests.fixtures.server import Server, until

from pagemill.domain.errors import TaskFailureReason
from pagemill.wire.status_wire import StatusWire

FOUND = Path(__file__).parents[1] / "tests" / "data" / "found"
"""Documents that once broke a promise."""
KEY = "fuzz"
SETTINGS = {
    "SERVER__API_KEYS": f'["{KEY}"]',
    "SERVER__UPLOADS_PER_MINUTE": "100000",
    "DOCUMENTS__INSPECT_TIMEOUT_SECONDS": "60",
}
FIELDS = {"ocr": "never", "time_to_live_seconds": "600"}
WITHIN_S = 300.0
LONGEST_S = 120.0
AT_ONCE = 3
BATCH = 60


@dataclass
class Findings:
    """What became of all documents.

    Attributes:
        ends: How often a document ended in each way.
        complaints: Promises that were broken, with the document that did it where that is known.
    """

    ends: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


def main() -> None:
    """Send documents until the time is over; exit with 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m proofs.fuzz", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="repeat an earlier run")
    parser.add_argument("--keep", type=Path, default=Path("found"), help="folder for what breaks a promise")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    findings = Findings()
    with tempfile.TemporaryDirectory(prefix="pagemill-fuzz-") as folder:
        end = time.monotonic() + given.minutes * 60
        prove(Path(folder), _batches(seed, end), findings, keep=given.keep)
    print_findings(findings)
    sys.exit(1 if findings.complaints else 0)


def prove(folder: Path, batches: Iterable[Sequence[bytes]], findings: Findings, *, keep: Path) -> None:
    """Send all batches to one server of our own; what breaks a promise is written to `keep`."""
    with Server(folder / "data", settings=SETTINGS) as server:
        server.api.http.headers["Authorization"] = f"Bearer {KEY}"
        with (
            Sender(server.url, KEY, within_s=WITHIN_S, longest_s=LONGEST_S, fields=FIELDS) as sender,
            WorkerWatch(server.url, KEY) as watch,
            ThreadPoolExecutor(AT_ONCE) as threads,
        ):
            for batch in batches:
                paths = [_write_document(folder / "documents", document) for document in dict.fromkeys(batch)]
                for path, complaint in threads.map(lambda path: _try(sender, path, findings), paths):
                    if complaint:
                        findings.complaints.append(f"{_write_document(keep, path.read_bytes()).name} {complaint}")
                    path.unlink(missing_ok=True)
                print_findings(findings)
                if server.process.poll() is not None:
                    findings.complaints.append(f"The server ended: {server.log[-2000:]}")
                    return
        findings.complaints.extend(watch.complaints)
        findings.complaints.extend(f"The server logged: {line}" for line in server.log.splitlines() if _is_fault(line))
        until(lambda: _is_at_rest(server), within=120)


def print_findings(findings: Findings) -> None:
    """One line now, and one for each promise that was broken."""
    ends = ", ".join(f"{end} {count}" for end, count in findings.ends.most_common())
    print(f"{findings.ends.total()} documents: {ends}", flush=True)
    for complaint in findings.complaints:
        print(f"BROKEN: {complaint}", flush=True)


def _batches(seed: int, end: float) -> Iterable[Sequence[bytes]]:
    while time.monotonic() < end:
        yield make_documents(seed, BATCH)
        seed += 1


def _write_document(folder: Path, document: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(document).hexdigest()[:16]
    path.write_bytes(document)
    return path


def _try(sender: Sender, path: Path, findings: Findings) -> tuple[Path, str]:
    fate = sender.send(path)
    findings.ends[_end(fate)] += 1
    if fate.complaint:
        return path, fate.complaint
    if TaskFailureReason.INTERNAL_ERROR in fate.reason:
        return path, f"ended as a fault of ours: {fate.reason}"
    return path, sender.look(fate) if fate.task_id else ""


def _end(fate: Fate) -> str:
    return f"{fate.end} {fate.reason.partition(':')[0]}".strip()


def _is_fault(line: str) -> bool:
    """Whether it tells of an error of the server that no code expected; workers may log what documents do."""
    return "[pagemill.worker]" not in line and ("Traceback" in line or "Error " in line)


def _is_at_rest(server: Server) -> bool:
    """Nothing is reserved but what workers hold that live."""
    status = StatusWire.model_validate_json(server.api.http.get("/status").content)
    reserved = sum(device.reserved_mb for device in status.devices.values())
    held = sum(models.reserved_mb for models in status.model_sets)
    return reserved <= held + len(status.model_sets) and not any(models.references for models in status.model_sets)


if __name__ == "__main__":
    main()
