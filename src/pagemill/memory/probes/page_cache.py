"""How much of the file cache is really free: what the kernel frees at once, without stalls and without swap.

    on the file lists (active and inactive)      clean pages are dropped when memory is wanted, however new they are
      less those that are mapped                 libraries and models in use: dropped, they are read again at once, over
                                                 and over (thrashing)
      less those that are dirty or being written are dropped once they are on the disk. Counted separately, because an
                                                 allocation waits for them, and no process is to blame
    half of what slabs can give back             an estimate: some of it is pinned (MemAvailable does the same)

Memory files (tmpfs, shared memory), which can only go to swap, and locked pages are not free; the kernel does not list
them as file pages. But it counts memory files as mapped pages, so only `mapped - shmem` are certainly pages of real
files.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageUse:
    """Bytes of pages by kind, as the kernel counts them for a cgroup or the machine.

    Attributes:
        inactive_file: File pages that the kernel drops first.
        active_file: File pages that were used again.
        mapped: Pages mapped into a process, including memory files.
        shmem: Pages of memory files.
        dirty: Pages to be written.
        writeback: Pages being written.
        slab: Reclaimable kernel objects; 0 if unknown.
    """

    inactive_file: int = 0
    active_file: int = 0
    mapped: int = 0
    shmem: int = 0
    dirty: int = 0
    writeback: int = 0
    slab: int = 0


@dataclass(frozen=True)
class FileCache:
    """File pages and slabs that the kernel can free, bytes.

    Attributes:
        free: Free at once.
        unwritten: Free once they are on the disk.
    """

    free: int
    unwritten: int


def file_cache(pages: PageUse) -> FileCache:
    """The part of these pages that the kernel can free."""
    listed = pages.inactive_file + pages.active_file
    unmapped = max(0, listed - max(0, pages.mapped - pages.shmem))
    unwritten = min(unmapped, pages.dirty + pages.writeback)
    return FileCache(unmapped - unwritten + pages.slab // 2, unwritten)
