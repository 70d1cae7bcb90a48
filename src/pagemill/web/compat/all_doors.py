"""All doors."""

from collections.abc import Sequence

from pagemill.web.compat.azure.door import AzureDoor
from pagemill.web.compat.docling.door import DoclingDoor
from pagemill.web.compat.door_tasks import DoorTasks
from pagemill.web.compat.entrance import Door
from pagemill.web.compat.mistral.door import MistralDoor
from pagemill.web.compat.openwebui import OpenWebUiDoor
from pagemill.web.compat.tika.door import TikaDoor


def all_doors(tasks: DoorTasks) -> Sequence[Door]:
    """Every door, on the same tasks."""
    return (DoclingDoor(tasks), AzureDoor(tasks), OpenWebUiDoor(tasks), TikaDoor(tasks), MistralDoor(tasks))
