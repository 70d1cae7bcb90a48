"""Documents of strangers, all through one server with default settings: `python -m proofs.samples FOLDER...`.

Every file of the folders is sent, eight at once, under one API key. Each must end: with a result, or with a refusal or
a failure that gives its reason; one of thousands of pages, by being cancelled. Meanwhile `--honest FOLDER` is sent
under another key, one document after the other, again and again: none may take more than three times its time alone,
which is the longer of one before and one after. No worker may hold more than 1.25 times what was reserved for it, and
the server's own memory afterwards must be within 50 MiB of before.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event, Thread

from proofs.sample_tables import print_fates, print_honest, print_summary
from proofs.sending import Fate, Sender
from proofs.watching import WorkerWatch, own_memory_mib
from tests.fixtures.server import Server

NO_DOCUMENTS = frozenset({".csv", ".md", ".tsv", ".txt"})
GROWTH_MIB = 50
SLOWER_AT_MOST = 3.0
SETTLE_S = 30.0
KEYS = {"SERVER__API_KEYS": '["strangers", "honest"]'}


def main() -> None:
    """Send everything, print the outcomes, and exit with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="of the strangers' documents")
    parser.add_argument("--honest", type=Path, help="folder of documents that are sent meanwhile")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--longest", type=float, default=300.0, help="seconds until a document is cancelled")
    parser.add_argument("--within", type=float, default=300.0, help="seconds without a finished page")
    given = parser.parse_args()
    strangers = [file for folder in given.folders for file in documents_in(folder)]
    honest = documents_in(given.honest) if given.honest else []
    broken = prove(strangers, honest, at_once=given.at_once, within_s=given.within, longest_s=given.longest)
    for promise in broken:
        print(f"BROKEN: {promise}")
    sys.exit(1 if broken else 0)


def documents_in(folder: Path) -> list[Path]:
    """The files by name, without those that only describe others."""
    return sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() not in NO_DOCUMENTS)


def prove(
    strangers: Sequence[Path], honest: Sequence[Path], *, at_once: int, within_s: float, longest_s: float
) -> list[str]:
    """Send the documents, print the tables, and return the broken promises, a sentence each."""
    with (
        tempfile.TemporaryDirectory(prefix="pagemill-samples-") as folder,
        _run_server(Path(folder)) as server,
        Sender(server.url, "honest", within_s=within_s, longest_s=longest_s) as ours,
        Sender(server.url, "strangers", within_s=within_s, longest_s=longest_s) as theirs,
    ):
        alone = _time_alone(ours, honest)
        before = own_memory_mib(server.process.pid)
        with (
            WorkerWatch(server.url, "honest") as watch,
            _send_repeatedly(ours, honest) as meanwhile,
            ThreadPoolExecutor(at_once) as threads,
        ):
            fates = list(threads.map(theirs.send, strangers))
        after = _wait_until_low(server.process.pid, before + GROWTH_MIB)
        alone = {name: max(seconds, alone[name]) for name, seconds in _time_alone(ours, honest).items()}
        late = [
            f"{fate.name} took {fate.seconds:.1f} s, alone {alone[fate.name]:.1f} s ({ours.story(fate)})."
            for fate in meanwhile
            if fate.task_id and fate.seconds > SLOWER_AT_MOST * alone[fate.name]
        ]
    print_fates(fates)
    print_honest(alone, meanwhile)
    print_summary(before_mib=before, after_mib=after, watch=watch)
    return [
        *(f"{fate.name} {fate.complaint}." for fate in (*fates, *meanwhile) if fate.complaint),
        *watch.complaints,
        *late,
        *([f"The server holds {after - before:.0f} MiB more than before."] if after - before > GROWTH_MIB else []),
    ]


@contextmanager
def _run_server(folder: Path) -> Iterator[Server]:
    with Server(folder / "data", settings=KEYS) as server:
        yield server


def _time_alone(sender: Sender, documents: Sequence[Path]) -> dict[str, float]:
    """Seconds of each document on a server with loaded models and no other work."""
    for document in documents[:1]:
        sender.send(document)
    return {fate.name: fate.seconds for fate in map(sender.send, documents)}


@contextmanager
def _send_repeatedly(sender: Sender, documents: Sequence[Path]) -> Iterator[list[Fate]]:
    """Send the documents again and again until the `with` statement ends, each at least once."""
    fates: list[Fate] = []
    over = Event()

    def send() -> None:
        for number, document in enumerate(cycle(documents)):
            if over.is_set() and number >= len(documents):
                return
            fates.append(sender.send(document))

    thread = Thread(target=send)
    thread.start()
    try:
        yield fates
    finally:
        over.set()
        thread.join()


def _wait_until_low(pid: int, enough_mib: float) -> float:
    """The server's own memory, once it is low enough or time is up."""
    end = time.monotonic() + SETTLE_S
    while (held := own_memory_mib(pid)) > enough_mib and time.monotonic() < end:
        time.sleep(0.5)
    return held


if __name__ == "__main__":
    main()
