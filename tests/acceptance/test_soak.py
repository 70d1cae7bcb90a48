"""The soak's own machinery: a short run records and draws everything, and a leak in any series is found."""

import random
import subprocess
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from benchmarks.soak import RECORDING
from benchmarks.soak_documents import Documents, samples
from benchmarks.soak_load import deck
from benchmarks.soak_report import judge_all, report
from benchmarks.soak_samples import Ending, Head, ProcessSeen, Recorded, Recording, Sample, read_recording
from benchmarks.soak_slopes import Point, Series, judge, robust_slope, slope_at_one_age
from tests.fixtures.server import clean_environment

HOURS = 2
EVERY_S = 10.0
CYCLE_S, REST_AFTER, LIFE_S = 300.0, 4, 1200.0
SWING = 0.3
"""What is pruned every ten minutes goes up and down by as much."""
FASTER = 0.3
"""Neighbours leave more of the cores from hour to hour: more tasks are done, and kept. Or less: −0.3."""
EMPTY_MIB = 2.0
"""The size of storage without a task."""
LEAKS = {
    "server's memory, at work": 5.0,
    "server's memory, at rest": 5.0,
    "rapidocr/accurate, from life to life": 20.0,
    "rapidocr/accurate, within a life": 150.0,
    "rapidocr/accurate, descriptors": 1.5,
    "server's descriptors, at work": 12.0,
    "server's descriptors, at rest": 2.0,
    "server's threads": 2.0,
    "child processes, at work": 9.0,
    "child processes, at rest": 1.0,
    "zombies, at rest": 1.0,
    "database in use, a task": 8.0,
    "database file, a task": 8.0,
    "write-ahead log": 2.0,
    "data folder, a task": 60.0,
    "CPU a page, rapidocr/accurate": 300.0,
    "CPU a page, server": 30.0,
}
"""What each series gains in an hour where it leaks, in its unit."""


@pytest.mark.timeout(300)
def test_a_short_run_records_everything_and_draws_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "--hours", "0.008", "--load", "4", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=280, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = read_recording(tmp_path / RECORDING)
    assert found.ending == Ending(complaints=[], leftovers=[])
    assert {"work", "rest"} <= {sample.phase for sample in found.samples}
    end = found.samples[-1]
    assert sum(end.tasks.values()) > 0
    assert end.pages["server"] > 0
    assert end.cpu_s["server"] > 0
    assert end.database_used_mib > 0
    assert {"server", "reader"} <= {process.kind for sample in found.samples for process in sample.processes}
    resting = [[process.kind for process in sample.processes] for sample in found.samples if sample.phase == "rest"]
    assert ["server"] in resting
    assert lines_drawn(tmp_path / "soak.svg") > 10
    assert not any((tmp_path / "steps").iterdir())


def test_a_run_that_was_cut_short_is_drawn_but_has_not_passed(tmp_path: Path) -> None:
    path = tmp_path / RECORDING
    with path.open("w") as file:
        recording = Recording(file, head())
        for sample in steady_run({}).samples[:50]:
            recording.add(sample)
        file.write('{"at_s": 51')
    found = read_recording(path)
    assert len(found.samples) == 50
    assert not report(found, plot=tmp_path / "soak.svg")
    assert lines_drawn(tmp_path / "soak.svg") > 10


@pytest.mark.parametrize("faster", [FASTER, 0.0, -FASTER])
def test_a_run_in_which_nothing_grows_passes_whatever_neighbours_leave_it_of_the_cores(
    faster: float, tmp_path: Path
) -> None:
    run = steady_run({}, faster=faster)
    assert {judgement.series.name for judgement in judge_all(run)} >= LEAKS.keys()
    assert report(run, plot=tmp_path / "soak.svg")


@pytest.mark.parametrize("leaking", LEAKS)
def test_a_leak_in_any_series_is_found_and_only_there(leaking: str, tmp_path: Path) -> None:
    run = steady_run({leaking: LEAKS[leaking]})
    assert [judgement.series.name for judgement in judge_all(run) if judgement.passed is False] == [leaking]
    assert not report(run, plot=tmp_path / "soak.svg")


@pytest.mark.parametrize(
    "ending", [Ending(complaints=["scanned: it failed"], leftovers=[]), Ending(complaints=[], leftovers=["a task"])]
)
def test_what_did_not_end_as_it_had_to_fails_the_run(ending: Ending, tmp_path: Path) -> None:
    run = steady_run({})
    assert not report(Recorded(run.head, run.samples, ending), plot=tmp_path / "soak.svg")


@pytest.mark.parametrize(("steps", "settles", "passes"), [(4, True, True), (4, False, False), (100, True, False)])
def test_a_rise_that_ends_is_no_leak_of_memory(steps: int, *, settles: bool, passes: bool) -> None:
    """It rises by 12 of 100 MiB in two hours: in a few steps that end before the second half, or all the time."""
    total_s = HOURS * 3600.0
    ends_s = total_s if steps == 100 else 0.6 * total_s
    at = [EVERY_S * number for number in range(int(total_s / EVERY_S))]
    points = [Point(at_s, 100 + 12 * min(1.0, int(steps * at_s / ends_s) / steps)) for at_s in at]
    judgement = judge(Series("memory", "MiB", points, settles=settles), total_s=total_s)
    assert (judgement.passed, judgement.slope is not None and judgement.slope > 4.5) == (passes, True)


def test_outliers_do_not_move_the_slope() -> None:
    points = [Point(60.0 * number, 100 + number % 3 + (5000 if number % 10 == 0 else 0)) for number in range(100)]
    slope = robust_slope(points)
    assert slope is not None
    assert abs(slope) < 1


@pytest.mark.parametrize("leak", [0.0, 20.0])
def test_workers_of_different_ages_do_not_look_like_a_leak_nor_hide_one(leak: float) -> None:
    """Each worker takes more as it ages, and each lives longer than the one before."""
    ends = list(accumulate(600.0 * (1 + life / 4) for life in range(8)))
    points = [
        Point(at_s, 300 + 0.05 * (at_s - born) + leak * at_s / 3600, life, at_s - born)
        for life, (born, end) in enumerate(pairwise([0.0, *ends]))
        for at_s in range(int(born), int(end), 60)
    ]
    slope = slope_at_one_age(points)
    assert slope is not None
    assert abs(slope - leak) < 2


def test_a_seed_decides_the_steps_and_the_documents(tmp_path: Path) -> None:
    def make_steps(seed: int) -> list[object]:
        steps = deck(["tesseract"], structure=True, chance=random.Random(seed))  # noqa: S311 - the order of steps
        documents = Documents(samples(seed), seed=seed, number=3)
        image = documents.image(tmp_path / "image.png").read_bytes()
        return [*(step.__name__ for step in steps), image]

    assert make_steps(1) == make_steps(1)
    assert make_steps(1) != make_steps(2)


def lines_drawn(plot: Path) -> int:
    tree = ET.parse(plot)  # noqa: S314 - our own file
    lines = tree.findall(".//{http://www.w3.org/2000/svg}polyline")
    return sum(len(line.attrib["points"].split()) > 1 for line in lines)


def head() -> Head:
    return Head(seed=1, hours=HOURS, load=0.7, commit="none", settings={}, dashboard="none")


def steady_run(leaks: dict[str, float], *, faster: float = FASTER) -> Recorded:
    """Two hours in which nothing grows but what leaks, by so much an hour; the rest goes up and down."""
    chance = random.Random(1)  # noqa: S311 - noise
    found = [moment(number * EVERY_S, leaks, chance, faster) for number in range(int(HOURS * 3600 / EVERY_S))]
    return Recorded(head(), found, Ending(complaints=[], leftovers=[]))


def moment(at_s: float, leaks: dict[str, float], chance: random.Random, faster: float) -> Sample:
    hours, cycle = at_s / 3600, int(at_s // CYCLE_S)
    share = at_s % CYCLE_S / CYCLE_S
    rests = share > 0.7 and cycle % REST_AFTER == REST_AFTER - 1
    phase = "rest" if rests else "work"

    def leak_of(name: str) -> float:
        return leaks.get(name, 0.0) * hours

    throughput = 300 * (1 + faster * hours)
    kept = round(throughput * (1 + SWING * (at_s % 600 / 600 - 0.5)))
    at = "at rest" if rests else "at work"
    server = ProcessSeen(
        pid=1,
        kind="server",
        own_mib=90 + chance.uniform(-2, 2) + leak_of(f"server's memory, {at}"),
        pss_mib=92,
        descriptors=round((25 if rests else 40) + chance.uniform(-3, 3) + leak_of(f"server's descriptors, {at}")),
        threads=round(12 + leak_of("server's threads")),
    )
    worker = ProcessSeen(
        pid=2 + int(at_s // LIFE_S),
        kind="rapidocr/accurate",
        own_mib=350
        + chance.uniform(-30, 30)
        + leak_of("rapidocr/accurate, from life to life")
        + leaks.get("rapidocr/accurate, within a life", 0.0) * (at_s % LIFE_S) / 3600,
        pss_mib=360,
        descriptors=round(6 + leak_of("rapidocr/accurate, descriptors")),
        threads=5,
    )
    pages = round(60 * hours * 20)
    return Sample(
        at_s=at_s,
        phase=phase,
        cycle=cycle,
        deck_ended=share > 0.6,
        processes=[server] if rests else [server, worker],
        children=round((0 if rests else 2 + chance.uniform(-1, 1)) + leak_of(f"child processes, {at}")),
        zombies=round(leak_of("zombies, at rest")) if rests else 0,
        database_mib=EMPTY_MIB + throughput * (30 + leak_of("database file, a task")) / 1024,
        database_used_mib=EMPTY_MIB + kept * (25 + leak_of("database in use, a task")) / 1024,
        wal_mib=4 + leak_of("write-ahead log"),
        data_mib=EMPTY_MIB + kept * (120 + leak_of("data folder, a task")) / 1024,
        answer_ms=chance.uniform(1, 50),
        cpu_s={name: spend(name, hours, leaks) for name in ("server", "rapidocr/accurate")},
        pages={"server": pages, "rapidocr/accurate": pages},
        tasks={"succeeded": pages // 2},
        unexpected=0,
        unloads=cycle,
        kept=kept,
    )


def spend(kind: str, hours: float, leaks: dict[str, float]) -> float:
    """CPU seconds for 1,200 pages an hour, each of which costs more by the hour where that leaks."""
    a_page_ms = {"server": 60.0, "rapidocr/accurate": 500.0}[kind] + leaks.get(f"CPU a page, {kind}", 0.0) * hours / 2
    return 1.2 * hours * a_page_ms
