"""The application for a while, in this process and for its own use."""

from collections.abc import Mapping
from pathlib import Path

from pagemill import configs
from pagemill.app import Application
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.settings import Settings


def local_application(
    settings: Settings, folder: Path, *, engines: Mapping[str, EngineSpec] | None = None
) -> Application:
    """The application with its data in that folder; engines' own environments stay where the settings have them.

    Args:
        settings: All settings.
        folder: Where documents, pages and the database go; the caller's to remove.
        engines: As `Application` takes them.
    """
    local = settings.model_copy(update={"data_dir": folder, "database_url": None})
    return Application(local, engines=configs.engines(settings) if engines is None else engines)
