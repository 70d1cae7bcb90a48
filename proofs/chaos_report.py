"""The table of a run of chaos, and the promises that it shows broken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofs.audit import Findings
from proofs.chaos_plan import KILLS, Kind
from proofs.journal import Readings
from proofs.supervisor import End

STORIES = 20


@dataclass
class Run:
    """The disturbances on one database, and their results.

    Attributes:
        ends: Of the server, by itself, while nothing kept it from its work.
        oom_kills: By the kernel; None if it does not count them here.
        left_over: Workers that outlived the last server.
    """

    database: str
    seconds: float
    done: Mapping[Kind, int]
    missed: Mapping[Kind, int]
    impossible: Mapping[Kind, str]
    findings: Findings
    readings: Readings
    ends: Sequence[End]
    oom_kills: int | None
    left_over: int = 0

    @property
    def broken(self) -> list[str]:
        """The broken promises, a sentence each."""
        found = self.findings
        checks = {
            f"{found.lost} pages were lost": found.lost,
            f"{found.twice} pages were stored twice": found.twice,
            f"{self.readings.beyond} pages were read again that had not been in flight": self.readings.beyond,
            f"{found.tasks - found.identical} results differ from the undisturbed ones": found.tasks - found.identical,
            f"{found.not_ended} tasks did not end": found.not_ended,
            f"{found.stalled} tasks were ended by the watchdog": found.stalled,
            f"pages were retried for other reasons: {found.retried_for_nothing}": len(found.retried_for_nothing),
            f"the kernel killed {self.oom_kills} processes": self.oom_kills or 0,
            f"the server ended by itself: {[end.code for end in self.ends]}": len(self.ends),
            f"{self.left_over} workers outlived their server": self.left_over,
        }
        return [words for words, count in checks.items() if count] + found.stories[:STORIES]


def print_table(runs: Sequence[Run]) -> None:
    """One column for each database."""
    rows = [("", *(run.database for run in runs)), ("---", *("---:" for _ in runs))]
    rows += [(kind.value, *(_count(run, kind) for run in runs)) for kind in Kind]
    rows += [
        ("**kills**", *(f"**{sum(run.done[kind] for kind in KILLS)}**" for run in runs)),
        ("tasks, pages", *(f"{run.findings.tasks}, {run.findings.pages}" for run in runs)),
        ("tasks that did not end", *(str(run.findings.not_ended) for run in runs)),
        ("tasks the watchdog had to end", *(str(run.findings.stalled) for run in runs)),
        ("pages lost", *(str(run.findings.lost) for run in runs)),
        ("pages stored twice", *(str(run.findings.twice) for run in runs)),
        ("pages recognised", *(str(run.readings.pages) for run in runs)),
        ("… begun again after an interruption", *(str(run.readings.redone) for run in runs)),
        ("… of these not in flight at it", *(str(run.readings.beyond) for run in runs)),
        ("pages queued again, by reason", *(_by_reason(run.findings.retried) for run in runs)),
        ("results byte-identical", *(f"{run.findings.identical} of {run.findings.tasks}" for run in runs)),
        ("kernel OOM kills", *("not counted here" if run.oom_kills is None else str(run.oom_kills) for run in runs)),
        ("server ended by itself", *(str(len(run.ends)) for run in runs)),
        ("workers that outlived a server", *(str(run.left_over) for run in runs)),
        ("longest task, s", *(f"{run.findings.longest_task_s:.0f}" for run in runs)),
        (
            "longest from a page's last interruption to its result, s",
            *(f"{run.findings.longest_page_s:.0f}" for run in runs),
        ),
        ("minutes", *(f"{run.seconds / 60:.1f}" for run in runs)),
    ]
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _by_reason(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "none"


def _count(run: Run, kind: Kind) -> str:
    if kind in run.impossible:
        return f"no: {run.impossible[kind]}"
    missed = f" ({run.missed[kind]} found nothing)" if run.missed[kind] else ""
    return f"{run.done[kind]}{missed}"
