"""What waits to be worked, and of what kind it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.memory import CPU, DeviceId
from pagemill.domain.work.recognition import Stage


@dataclass(frozen=True, order=True)
class PageKind:
    """What waiting pages of a task are told apart by: a plan counts by it, and a claim takes pages of exactly one.

    Attributes:
        stage: What is to be done next.
        alone: The page must have its lane to itself.
        device: Where the page is to be recognised: its task's device, or the one it fell back to.
    """

    stage: Stage
    alone: bool
    device: DeviceId

    @property
    def works_on(self) -> DeviceId:
        """Where its work takes memory; text layers are taken on the CPU, whatever device waits for the rest."""
        return CPU if self.stage is Stage.TEXT else self.device


@dataclass(frozen=True)
class Backlog:
    """A running task with pages to work on, as the dispatcher sees it.

    Attributes:
        sequence: Order of admission; lower came first.
        waiting: Pages that can be worked on now, by kind.
        leased: Pages in the hands of workers now, all kinds together.
        caller: Who sent it; callers share what there is, each among its own tasks.
        structure: Whether layout and tables are to be found.
        is_unserved: No page of it was settled since it was queued or refused a service.
    """

    task_id: str
    priority: int
    sequence: int
    waiting: Mapping[PageKind, int]
    leased: int
    caller: str = ""
    structure: bool = False
    is_unserved: bool = False
