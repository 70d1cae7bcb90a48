"""A temporary application in this process, for its own use."""

from collections.abc import Mapping
from pathlib import Path

from pagemill import configs
from pagemill.app import Application
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.settings import Settings


def local_application(
    settings: Settings, folder: Path, *, engines: Mapping[str, EngineSpec] | None = None
) -> Application:
    """The application with its data in a folder; engines' environments stay where the settings have them.

    Args:
        settings: All settings.
        folder: The folder for documents, pages and the database; the caller deletes it.
        engines: As for `Application`.
    """
    local = settings.model_copy(update={"data_dir": folder, "database_url": None})
    return Application(local, engines=configs.engines(settings) if engines is None else engines)
