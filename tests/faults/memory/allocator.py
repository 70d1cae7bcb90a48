"""Takes memory until the kernel ends it; prints after every mebibyte what it holds by itself, in bytes."""

import os
from pathlib import Path

MIB = 1 << 20


def main() -> None:
    """Take it all."""
    Path("/proc/self/oom_score_adj").write_text("1000")
    page = os.sysconf("SC_PAGE_SIZE")
    taken: list[bytearray] = []
    while True:
        taken.append(bytearray(b"x" * MIB))
        _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
        os.write(1, f"{(resident - shared) * page}\n".encode())


if __name__ == "__main__":
    main()
