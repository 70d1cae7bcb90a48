"""The circumstances under which a page killed its workers, and is therefore not tried again for a while."""

from dataclasses import dataclass

from pagemill.domain.work.recognition import ModelSetKey


@dataclass(frozen=True)
class Circumstances:
    """Pagemill tries a quarantined page again with another model set, on another device or under a larger limit.

    Attributes:
        model_set: The model set that worked on the page, with its device.
        limit_bytes: The memory limit of that device.
    """

    model_set: ModelSetKey
    limit_bytes: int
