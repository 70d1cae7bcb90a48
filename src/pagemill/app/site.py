"""What every room needs: the settings, the time, the engines, and the folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from pagemill import configs
from pagemill.domain.clocks import SteadyClock, SystemClock
from pagemill.domain.errors import InvalidSettings
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec
from pagemill.engines.registry import structure_spec
from pagemill.settings import Settings


class Role(StrEnum):
    """What a server does."""

    SERVER = "server"
    """It takes requests and reads pages."""
    FRONT = "front"
    """It takes requests, and leaves the pages to nodes."""
    NODE = "node"
    """It reads pages, and answers nothing but probes and metrics."""

    @property
    def reads_pages(self) -> bool:
        """Whether it is a node."""
        return self is not Role.FRONT


@dataclass(frozen=True)
class Site:
    """One server.

    Attributes:
        settings: All settings.
        clock: The time.
        owner: The name of this server in leases.
        engines: The available engines, by name.
        structure: The structure models.
        role: What it does.
    """

    settings: Settings
    clock: SteadyClock
    owner: str
    engines: Mapping[str, EngineSpec]
    structure: StructureSpec
    role: Role = Role.SERVER

    @classmethod
    def of(
        cls, settings: Settings, engines: Mapping[str, EngineSpec] | None = None, *, role: Role = Role.SERVER
    ) -> Self:
        """The site for these settings; `engines` defaults to those that come with Pagemill.

        Raises:
            InvalidSettings: A front or a node alone needs PostgreSQL.
        """
        if role is not Role.SERVER and configs.is_alone(settings):
            raise InvalidSettings(
                f"`pagemill {role}` works with other servers, and SQLite supports only one. Set database_url to a "
                "PostgreSQL database, or use `pagemill serve`."
            )
        return cls(
            settings=settings,
            clock=SteadyClock(SystemClock()),
            owner=configs.owner(settings),
            engines=configs.engines(settings) if engines is None else engines,
            structure=structure_spec(),
            role=role,
        )

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.settings.resolved_database_url

    @property
    def is_alone(self) -> bool:
        """Whether no other server can work on the same tasks."""
        return configs.is_alone(self.settings)

    @property
    def data_dir(self) -> Path:
        """The data folder; absolute."""
        return self.settings.data_dir.resolve()

    @property
    def uploads(self) -> Path:
        """The folder of documents."""
        return self.data_dir / "uploads"

    @property
    def work_dir(self) -> Path:
        """The folder of tasks' temporary folders."""
        return self.data_dir / "work"

    def file_time(self) -> datetime:
        """The time to compare with the times of files, which come from the machine's own clock."""
        return min(self.clock.now(), SystemClock().now())
