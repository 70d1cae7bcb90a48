"""A real server with real engines, killed, stopped, starved and cut off again and again: `python -m proofs.chaos`.

A server that is left alone reads the documents first. Then, on each database, a second server reads them, which is
disturbed: its workers, its readers, PostgreSQL and itself are killed and stopped, its disk is filled, a neighbour takes
memory. Clients follow their tasks over HTTP meanwhile. At the end every promise is checked against the server's
records, the results of the undisturbed server, and the notes of the engines. Exits with 1 if one is broken.

The plan follows from `--seed`; at which moment of the work a step comes does not.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from proofs.audit import Digests, audit, digests_of
from proofs.campaign import PATIENT, Progress, Sent, send_all
from proofs.chaos_documents import ChaosDocument, make_documents
from proofs.chaos_plan import KILLS, Step, make_plan
from proofs.chaos_report import Run, print_table
from proofs.chaos_site import Ground, disturbed_site, undisturbed_server
from proofs.disturbing import Disturber, wake_all
from proofs.journal import judge
from proofs.witnessed_server import witnessed_engines

from pagemill.client import Client
from pagemill.settings import Settings

DATABASES = ("sqlite", "postgresql")
STEP_WITHIN_S = 120.0
FIRST_STEP_AFTER_S = 2.0


@dataclass(frozen=True)
class Options:
    """The options of the command line.

    Attributes:
        patience_s: How long a task has to end once nothing is disturbed any more.
        keep: Where data, logs and journals are kept; None removes them.
    """

    kills: int
    pages: int
    seed: int
    databases: Sequence[str]
    limit_mib: int
    patience_s: float
    keep: Path | None = None

    @property
    def kills_each(self) -> int:
        """On each database."""
        return -(-self.kills // len(self.databases))

    @property
    def pages_each(self) -> int:
        """On each database, the same pages."""
        return -(-self.pages // len(self.databases))


def main() -> None:
    """Run everything, print the table, and exit with 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=80, help="on all databases together")
    parser.add_argument("--pages", type=int, default=800, help="on all databases together")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--limit-mb", type=int, default=2048, help="of the memory cgroup")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for tasks to end after the last step")
    parser.add_argument("--keep", type=Path, help="an empty folder for data, logs and journals")
    given = parser.parse_args()
    options = Options(
        kills=given.kills,
        pages=given.pages,
        seed=given.seed,
        databases=DATABASES if given.database == "both" else (given.database,),
        limit_mib=given.limit_mb,
        patience_s=given.patience,
        keep=given.keep,
    )
    try:
        broken = prove(options)
    except pytest.skip.Exception as missing:
        sys.exit(f"{missing} Or leave PostgreSQL out: --database sqlite.")
    for promise in broken:
        print(f"BROKEN: {promise}")
    sys.exit(1 if broken else 0)


def prove(options: Options) -> list[str]:
    """Run everything, print the table, and return the broken promises, a sentence each."""
    with tempfile.TemporaryDirectory(prefix="pagemill-chaos-") as scratch:
        folder = options.keep or Path(scratch)
        (folder / "documents").mkdir(parents=True)
        documents = make_documents(folder / "documents", pages=options.pages_each, seed=options.seed)
        engines = list(witnessed_engines(Settings()))
        expected = _run_undisturbed(folder / "undisturbed", documents, engines)
        runs = [
            _run_disturbed(folder / each, each, documents, engines, expected, options) for each in options.databases
        ]
    print_table(runs)
    return [f"{run.database}: {promise}" for run in runs for promise in run.broken]


def _run_undisturbed(folder: Path, documents: Sequence[ChaosDocument], engines: Sequence[str]) -> Digests:
    with undisturbed_server(folder) as supervisor:
        progress = Progress(pages=1, kills=0, lead_pages=sum(document.pages for document in documents))
        sent = send_all(supervisor.url, documents, engines=engines, progress=progress, patience_s=lambda: 1.0)
        with Client(supervisor.url, retries=PATIENT) as client:
            return digests_of(client, sent)


def _run_disturbed(
    folder: Path,
    database: str,
    documents: Sequence[ChaosDocument],
    engines: Sequence[str],
    expected: Digests,
    options: Options,
) -> Run:
    began = time.monotonic()
    volume_mib = 256 + options.pages_each // 5
    with disturbed_site(folder, database, limit_mib=options.limit_mib, volume_mib=volume_mib) as (site, ground):
        pages = sum(document.pages for document in documents)
        progress = Progress(pages=pages, kills=options.kills_each, lead_pages=max(30, pages // 20))
        disturber = Disturber(site, want_work=progress.want_work)
        plan = make_plan(kills=options.kills_each, possible=site.possible, seed=options.seed)
        sent = _send_and_disturb(disturber, plan, progress, documents, engines, options)
        site.supervisor.wait_until_ready()
        with Client(site.supervisor.url, retries=PATIENT) as client:
            findings = audit(client, sent, expected)
        run = Run(
            database=database,
            seconds=time.monotonic() - began,
            done=disturber.done,
            missed=disturber.missed,
            impossible=site.impossible,
            findings=findings,
            readings=judge(site.journal, disturber.interruptions),
            ends=[end for end in site.supervisor.ends if not disturber.was_kept(end.at_s)],
            oom_kills=_oom_kills(ground),
        )
    run.left_over = len(site.supervisor.left_over())
    return run


def _send_and_disturb(
    disturber: Disturber,
    plan: Sequence[Step],
    progress: Progress,
    documents: Sequence[ChaosDocument],
    engines: Sequence[str],
    options: Options,
) -> list[Sent]:
    supervisor = disturber.supervisor
    over_at: list[float] = []

    def patience_s() -> float:
        return over_at[0] + options.patience_s - time.monotonic() if over_at else options.patience_s

    def disturb() -> None:
        try:
            time.sleep(FIRST_STEP_AFTER_S)
            for step in plan:
                progress.wait_to_disturb(STEP_WITHIN_S)
                time.sleep(step.after_s)
                disturber.take(step)
                if step.kind in KILLS:
                    progress.note_kill()
        finally:
            wake_all(supervisor)
            over_at.append(time.monotonic())
            progress.release()

    with ThreadPoolExecutor(1) as thread:
        disturbing = thread.submit(disturb)
        sent = send_all(supervisor.url, documents, engines=engines, progress=progress, patience_s=patience_s)
        disturbing.result()
    return sent


def _oom_kills(ground: Ground) -> int | None:
    return ground.cgroup.oom_kills() if ground.cgroup is not None else None


if __name__ == "__main__":
    main()
