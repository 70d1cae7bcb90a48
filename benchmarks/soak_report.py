"""The table and the plot of a soak, from its recording."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.memory_plot import Panel, Points, write_panels
from benchmarks.soak_samples import SERVER, ProcessSeen, Recorded, Sample
from benchmarks.soak_slopes import Judgement, Series, all_series, judge, page_costs, sum_kind, worker_kinds

_PANEL = 230
_AROUND = (SERVER, "reader")


def report(run: Recorded, *, plot: Path) -> bool:
    """Print the table and draw the plot; whether the run passed."""
    judgements = judge_all(run)
    end = run.samples[-1]
    print(f"\nSoak at {run.head.commit}, seed {run.head.seed}, load {run.head.load} of a core")
    print(f"{_describe_counts(end)} in {end.at_s / 3600:.2f} h, {end.unloads} model sets unloaded")
    print(f"dashboard: {run.head.dashboard}")
    print_table(judgements)
    troubles = [*(run.ending.complaints if run.ending else []), *(run.ending.leftovers if run.ending else [])]
    if run.ending is None:
        print("The run has not come to its end: this is what was seen so far.")
    print(f"\nnot as expected: {max(end.unexpected, len(troubles))}")
    for trouble in troubles:
        print(f"  {trouble}")
    write_panels(plot, panels(run.samples))
    print(f"plot: {plot}")
    rising = [judgement for judgement in judgements if judgement.passed is False]
    return run.ending is not None and not troubles and not end.unexpected and not rising


def judge_all(run: Recorded) -> list[Judgement]:
    """Every series of a recording."""
    total_s = run.samples[-1].at_s
    return [judge(series, total_s=total_s) for series in all_series(run.samples)]


def print_table(judgements: Sequence[Judgement]) -> None:
    """A line for each series: its median after the warm-up, its slopes, the most that may be, and the verdict."""
    width = max(len(judgement.series.name) for judgement in judgements)
    print(f"\n{'after the warm-up':{width}}{'points':>8}{'median':>11}{'slope/h':>11}{'2nd half':>11}{'limit/h':>10}")
    for judgement in judgements:
        slope, later = ("–" if each is None else f"{each:+.2f}" for each in (judgement.slope, judgement.later))
        limit = "–" if judgement.limit is None else f"{judgement.limit:.2f}"
        print(
            f"{judgement.series.name:{width}}{judgement.points:8}{judgement.median:11.2f}{slope:>11}{later:>11}{limit:>10}"
            f"  {judgement.series.unit:4}{_verdict(judgement)}"
        )


def _verdict(judgement: Judgement) -> str:
    if judgement.passed is not None:
        return "PASS" if judgement.passed else "FAIL"
    if judgement.limit is None:
        return "shown"
    return "too few" if judgement.slope is None else "too short"


def panels(samples: Sequence[Sample]) -> list[Panel]:
    """Memory, handles, storage, cost and answers, below each other on one axis of time."""
    right = samples[-1].at_s / 60

    def panel(title: str, y_name: str, lines: dict[str, Points]) -> Panel:
        return Panel(title, lines, "minutes", y_name, right=right, height=_PANEL)

    kinds = worker_kinds(samples)
    storage: dict[str, Callable[[Sample], float]] = {
        "data folder": lambda sample: sample.data_mib,
        "database file": lambda sample: sample.database_mib,
        "database in use": lambda sample: sample.database_used_mib,
        "write-ahead log": lambda sample: sample.wal_mib,
    }
    handles: dict[str, Callable[[Sample], float]] = {
        "descriptors": _of_server(lambda server: server.descriptors),
        "threads": _of_server(lambda server: server.threads),
        "child processes": lambda sample: sample.children,
    }
    server: dict[str, Callable[[Sample], float]] = {
        "PSS": _of_server(lambda process: process.pss_mib),
        "anonymous": _of_server(lambda process: process.own_mib),
    }
    costs = {series.name.removeprefix("CPU a page, "): _draw_points(series) for series in page_costs(samples)}
    around = {kind: points for kind, points in costs.items() if kind.startswith(_AROUND)}
    engines = {kind: points for kind, points in costs.items() if kind not in around}
    return [
        panel("Memory of the server", "MiB", _lines(samples, server)),
        panel("Memory of its workers, by kind", "MiB", {kind: _held_points(samples, kind) for kind in kinds}),
        panel("What the server holds", "number", _lines(samples, handles)),
        panel("Storage", "MiB", _lines(samples, storage)),
        panel("CPU time a recognised page, by engine", "ms", engines),
        panel("CPU time a page beside it", "ms", around),
        panel("How long GET /livez takes", "ms", _lines(samples, {"answer": lambda sample: sample.answer_ms})),
    ]


def _describe_counts(end: Sample) -> str:
    tasks = ", ".join(f"{number} {status}" for status, number in sorted(end.tasks.items()))
    engines = {kind: number for kind, number in end.pages.items() if not kind.startswith(_AROUND)}
    recognised = ", ".join(f"{number} by {kind}" for kind, number in sorted(engines.items()))
    return (
        f"{sum(end.tasks.values())} tasks ({tasks}), {end.pages.get(SERVER, 0)} pages, of which recognised {recognised}"
    )


def _of_server(value: Callable[[ProcessSeen], float]) -> Callable[[Sample], float]:
    return lambda sample: value(sample.processes[0])


def _lines(samples: Sequence[Sample], values: dict[str, Callable[[Sample], float]]) -> dict[str, Points]:
    return {name: [(sample.at_s / 60, value(sample)) for sample in samples] for name, value in values.items()}


def _held_points(samples: Sequence[Sample], kind: str) -> Points:
    return [(sample.at_s / 60, sum_kind(sample, kind)) for sample in samples]


def _draw_points(series: Series) -> Points:
    return [(point.at_s / 60, point.value) for point in series.points]
