"""What every room is told: the settings, the time, the engines, and where files lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from pagemill import configs
from pagemill.domain.clocks import SteadyClock, SystemClock
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec
from pagemill.engines.registry import structure_spec
from pagemill.settings import Settings


@dataclass(frozen=True)
class Site:
    """One server.

    Attributes:
        settings: All settings.
        clock: The time.
        owner: How leases name this server.
        engines: The engines that may be asked for, by name.
        structure: What finds the structure of a page.
    """

    settings: Settings
    clock: SteadyClock
    owner: str
    engines: Mapping[str, EngineSpec]
    structure: StructureSpec

    @classmethod
    def of(cls, settings: Settings, engines: Mapping[str, EngineSpec] | None = None) -> Self:
        """The site that these settings describe; without engines it has those that come with Pagemill."""
        return cls(
            settings=settings,
            clock=SteadyClock(SystemClock()),
            owner=configs.owner(settings),
            engines=configs.engines(settings) if engines is None else engines,
            structure=structure_spec(),
        )

    @property
    def database_url(self) -> str:
        """The database."""
        return self.settings.resolved_database_url

    @property
    def is_alone(self) -> bool:
        """Whether no other server can be at the same tasks."""
        return configs.is_alone(self.settings)

    @property
    def data_dir(self) -> Path:
        """The data folder; absolute."""
        return self.settings.data_dir.resolve()

    @property
    def uploads(self) -> Path:
        """Where documents are kept."""
        return self.data_dir / "uploads"

    @property
    def work_dir(self) -> Path:
        """Where tasks have their temporary folders."""
        return self.data_dir / "work"

    def file_time(self) -> datetime:
        """The time by which to tell the age of files: that of the machine's file systems."""
        return min(self.clock.now(), SystemClock().now())
