"""The file cache on recorded readings: the same pages are as free in a cgroup of either version as on the machine."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.memory import CPU, MIB, MemoryLevel, MemoryReading
from pagemill.memory.levels import Levels, Polling, next_level
from pagemill.memory.probes.cgroup import MemoryCgroup
from pagemill.memory.probes.host import Bound, cgroup_bounds, machine_bound, tightest
from pagemill.memory.probes.page_cache import PageUse, file_cache

LIMIT = 300
NO_LIMIT_V1 = "9223372036854771712\n"
Pages = Mapping[str, int]
"""MiB: `anon`, `inactive`, `active`, `mapped` (memory files included), `shmem`, `dirty`, `writeback`, `slab`."""


def recorded_v1(folder: Path, pages: Pages, *, swapped: int = 0, with_swap: int | None = None) -> list[Bound]:
    """As /sys/fs/cgroup/memory shows it (Linux 6.18), the cgroups below in the `total_` figures only."""
    inactive, active, mapped, shmem, dirty, writeback, _ = _figures(pages)
    usage = _usage(pages)
    stat = {
        "cache": inactive + active + shmem,
        "mapped_file": 1,
        "active_file": 2,
        "hierarchical_memory_limit": LIMIT,
        "total_cache": inactive + active + shmem,
        "total_rss": pages.get("anon", 0),
        "total_shmem": shmem,
        "total_mapped_file": mapped,
        "total_dirty": dirty,
        "total_writeback": writeback,
        "total_swap": swapped,
        "total_inactive_anon": pages.get("anon", 0) + shmem,
        "total_inactive_file": inactive,
        "total_active_file": active,
        "total_unevictable": 0,
    }
    _write(folder, "memory.stat", "".join(f"{name} {size * MIB}\n" for name, size in stat.items()))
    _write(folder, "memory.limit_in_bytes", f"{LIMIT * MIB}\n")
    _write(folder, "memory.usage_in_bytes", f"{usage * MIB}\n")
    _write(folder, "memory.memsw.limit_in_bytes", NO_LIMIT_V1 if with_swap is None else f"{with_swap * MIB}\n")
    _write(folder, "memory.memsw.usage_in_bytes", f"{(usage + swapped) * MIB}\n")
    return list(cgroup_bounds(MemoryCgroup(folder, 1)))


def recorded_v2(folder: Path, pages: Pages) -> list[Bound]:
    """As Documentation/admin-guide/cgroup-v2.rst names the figures."""
    inactive, active, mapped, shmem, dirty, writeback, slab = _figures(pages)
    stat = {
        "anon": pages.get("anon", 0),
        "file": inactive + active + shmem,
        "kernel": slab,
        "shmem": shmem,
        "file_mapped": mapped,
        "file_dirty": dirty,
        "file_writeback": writeback,
        "inactive_anon": pages.get("anon", 0) + shmem,
        "inactive_file": inactive,
        "active_file": active,
        "unevictable": 0,
        "slab_reclaimable": slab,
        "slab_unreclaimable": 0,
        "slab": slab,
    }
    _write(folder, "memory.stat", "".join(f"{name} {size * MIB}\n" for name, size in stat.items()))
    _write(folder, "memory.max", f"{LIMIT * MIB}\n")
    _write(folder, "memory.current", f"{_usage(pages) * MIB}\n")
    _write(folder, "memory.swap.max", "0\n")
    return list(cgroup_bounds(MemoryCgroup(folder, 2)))


def recorded_machine(_folder: Path, pages: Pages) -> list[Bound]:
    """As /proc/meminfo shows it; `MemAvailable` has the whole file lists and half of what slabs can give back."""
    inactive, active, mapped, shmem, dirty, writeback, slab = _figures(pages)
    free = LIMIT - _usage(pages)
    figures = {
        "MemTotal": LIMIT,
        "MemFree": free,
        "MemAvailable": free + inactive + active + slab // 2,
        "Active(file)": active,
        "Inactive(file)": inactive,
        "Dirty": dirty,
        "Writeback": writeback,
        "Mapped": mapped,
        "Shmem": shmem,
        "SReclaimable": slab,
    }
    return [machine_bound("".join(f"{name}: {size * 1024} kB\n" for name, size in figures.items()))]


Recorded = Callable[[Path, Pages], list[Bound]]
WAYS: Mapping[str, Recorded] = {"v1": recorded_v1, "v2": recorded_v2, "machine": recorded_machine}
NORMAL, SOFT, EMERGENCY = MemoryLevel.NORMAL, MemoryLevel.SOFT, MemoryLevel.EMERGENCY

CASES: Mapping[str, tuple[Pages, int, int, MemoryLevel]] = {
    "a file read once": ({"inactive": 270}, 0, 0, NORMAL),
    "a file read four times": ({"active": 270}, 0, 0, NORMAL),
    "a file read four times beside work": ({"anon": 20, "active": 270}, 20, 0, NORMAL),
    "half is cache": ({"anon": 150, "active": 75, "inactive": 75}, 150, 0, NORMAL),
    "a file just written": ({"anon": 20, "inactive": 270, "dirty": 200, "writeback": 60}, 280, 260, NORMAL),
    "a file in use": ({"anon": 10, "active": 280, "mapped": 280}, 290, 0, EMERGENCY),
    "models in use beside a cache": ({"anon": 100, "active": 180, "mapped": 80}, 180, 0, NORMAL),
    "written through a mapping": ({"active": 280, "mapped": 280, "dirty": 280}, 280, 0, MemoryLevel.HARD),
    "memory files": ({"shmem": 250}, 250, 0, SOFT),
    "memory files in use": ({"shmem": 250, "mapped": 250, "active": 40}, 250, 0, SOFT),
    "memory files and libraries in use": ({"shmem": 100, "mapped": 140, "active": 100}, 140, 0, NORMAL),
    "memory of processes": ({"anon": 290}, 290, 0, EMERGENCY),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_what_the_kernel_gives_back_at_once_is_free(name: str, way: str, tmp_path: Path) -> None:
    pages, used, unwritten, level = CASES[name]
    reading = tightest(WAYS[way](tmp_path, pages))
    assert (reading.used_bytes / MIB, reading.unwritten_bytes / MIB) == (used, unwritten)
    assert _level(reading) is level


def test_slabs_count_half_in_v2_and_not_at_all_in_v1_which_does_not_tell(tmp_path: Path) -> None:
    pages = {"anon": 100, "slab": 80}
    found = {way: tightest(WAYS[way](tmp_path / way, pages)).used_bytes // MIB for way in WAYS}
    assert found == {"v1": 180, "v2": 140, "machine": 140}


@pytest.mark.parametrize(
    ("swapped", "with_swap", "free", "named"),
    [
        (0, None, 200, "v1"),
        (500, None, 200, "v1"),
        (0, 300, 200, "v1"),
        (150, 400, 150, "v1 (memory and swap)"),
        (350, 400, 0, "v1 (memory and swap)"),
    ],
)
def test_a_limit_of_memory_and_swap_together_is_a_limit_of_its_own(
    swapped: int, with_swap: int | None, free: int, named: str, tmp_path: Path
) -> None:
    pages = {"anon": 100, "active": 80}
    reading = tightest(recorded_v1(tmp_path / "v1", pages, swapped=swapped, with_swap=with_swap))
    assert (reading.limit_bytes, reading.free_bytes) == (LIMIT * MIB, free * MIB)
    assert reading.source == str(tmp_path / named)


def test_what_is_unwritten_under_one_bound_leaves_no_more_than_another_has() -> None:
    bounds = [Bound(300, 280, "own", unwritten_bytes=260), Bound(1000, 950, "machine")]
    reading = tightest(bounds)
    assert (reading.free_bytes, reading.slack_bytes, reading.source) == (20, 50, "own")


SIZES = st.sampled_from([0, 1, 50, 150, 280])
PAGES = st.builds(
    PageUse,
    inactive_file=SIZES,
    active_file=SIZES,
    mapped=SIZES,
    shmem=SIZES,
    dirty=SIZES,
    writeback=SIZES,
    slab=SIZES,
)


@given(PAGES)
def test_no_more_is_free_than_is_on_the_lists_and_half_the_slabs(pages: PageUse) -> None:
    cache, listed = file_cache(pages), pages.inactive_file + pages.active_file
    assert min(cache.free, cache.unwritten) >= 0
    assert cache.free + cache.unwritten <= listed + pages.slab // 2
    assert cache.unwritten <= pages.dirty + pages.writeback
    if pages.mapped <= pages.shmem and not pages.dirty + pages.writeback:
        assert cache.free == listed + pages.slab // 2


@given(PAGES, st.sampled_from([0, 1, 50, 150]))
def test_half_of_it_clean_and_not_in_use_is_no_emergency(pages: PageUse, anonymous: int) -> None:
    cache = file_cache(pages)
    held = anonymous + pages.inactive_file + pages.active_file + pages.slab
    if held and cache.free + cache.unwritten >= held / 2:
        reading = MemoryReading(CPU, held, held - cache.free, "test", unwritten_bytes=cache.unwritten)
        assert _level(reading) is NORMAL


def _level(reading: MemoryReading) -> MemoryLevel:
    return next_level(NORMAL, reading, bytes_per_s=0.0, levels=Levels(), polling=Polling())


def _figures(pages: Pages) -> tuple[int, ...]:
    names = ("inactive", "active", "mapped", "shmem", "dirty", "writeback", "slab")
    return tuple(pages.get(name, 0) for name in names)


def _usage(pages: Pages) -> int:
    return sum(pages.get(name, 0) for name in ("anon", "inactive", "active", "shmem", "slab"))


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
