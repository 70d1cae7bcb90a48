"""Starts a worker under the interpreter of an engine's own environment: `python boot.py` and the arguments of `child`.

Such an environment holds the engine and what it needs, but not Pagemill. The worker runs the server's own code, found
next to this file, so both ends of the pipe always have the same version.
"""

import importlib.util
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Make the package of this file importable, and no other; then become a worker."""
    package = Path(__file__).resolve().parents[1]
    found = importlib.util.spec_from_file_location(
        "pagemill", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if found is None or found.loader is None:
        raise SystemExit(f"{package} is not a Python package.")
    sys.modules["pagemill"] = module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    runpy.run_module("pagemill.pool.child", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
