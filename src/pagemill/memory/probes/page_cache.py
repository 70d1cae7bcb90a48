"""How much of the file cache is free in truth: what the kernel gives back at once, without stalls and without swap.

    on the file lists (active and inactive)      clean pages are dropped when memory is wanted, however new they are
      less those that are mapped                 libraries and models in use: dropped, they are read again at once, over
                                                 and over (thrashing)
      less those that are dirty or being written are dropped once they are on the disk; told apart, since whoever wants
                                                 memory then waits, and ending somebody for it would be wrong
    half of what slabs can give back             an estimate: some of it is pinned (MemAvailable reckons alike)

Not among them: memory files (tmpfs, shared memory), which only swap could take, and locked pages; the kernel keeps
neither on the file lists. But it counts memory files among the mapped pages, so that only `mapped - shmem` are surely
pages of real files.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageUse:
    """Bytes of pages by kind, as the kernel counts them for a cgroup or the machine.

    Attributes:
        inactive_file: On the list of file pages that are dropped first.
        active_file: On the list of those that were used again.
        mapped: Mapped into a process, memory files included.
        shmem: Of memory files.
        dirty: To be written.
        writeback: Being written.
        slab: Of kernel objects that can be given back; 0 where that is not told.
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
    """What the kernel can give back of file pages and slabs, bytes.

    Attributes:
        free: At once.
        unwritten: Once it is on the disk.
    """

    free: int
    unwritten: int


def file_cache(pages: PageUse) -> FileCache:
    """What can be given back of these pages."""
    listed = pages.inactive_file + pages.active_file
    unmapped = max(0, listed - max(0, pages.mapped - pages.shmem))
    unwritten = min(unmapped, pages.dirty + pages.writeback)
    return FileCache(unmapped - unwritten + pages.slab // 2, unwritten)
