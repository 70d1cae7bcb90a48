"""Waiting pages, by kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from pagemill.domain.memory import CPU, NOTHING, DeviceId, MemoryNeed
from pagemill.domain.work.recognition import Stage


@dataclass(frozen=True)
class PageKind:
    """The kind of a waiting page: a plan counts pages by kind, and a claim takes pages of one kind.

    Attributes:
        stage: The next stage.
        alone: The page needs its lane to itself.
        device: Where to recognise the page: its task's device, or the one that it fell back to.
        need: The memory that it needs at least, if a node was too small for it: others claim it only if they have more.
    """

    stage: Stage
    alone: bool
    device: DeviceId
    need: MemoryNeed = NOTHING

    @property
    def works_on(self) -> DeviceId:
        """The device whose memory the work takes; text layers always use the CPU."""
        return CPU if self.stage is Stage.TEXT else self.device


@dataclass(frozen=True)
class Backlog:
    """A running task with pages to work on, as the dispatcher sees it.

    Attributes:
        sequence: Order of admission; lower numbers came first.
        waiting: Pages that can run now, by kind.
        leased: Pages that workers hold now, all kinds together.
        caller: Who sent it; callers share the places, each among its own tasks.
        structure: Whether to find layout and tables.
        is_unserved: No page of it was settled since it was queued or refused a service.
        password_at: The server that was told the password of its document; None if it needs none.
        engine: The engine that recognises its pages.
    """

    task_id: str
    priority: int
    sequence: int
    waiting: Mapping[PageKind, int]
    leased: int
    caller: str = ""
    structure: bool = False
    is_unserved: bool = False
    password_at: str | None = None
    engine: str = ""
