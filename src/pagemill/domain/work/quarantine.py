"""Under what a page has killed its workers, and so under what it is not tried again for a while."""

from dataclasses import dataclass

from pagemill.domain.work.recognition import ModelSetKey


@dataclass(frozen=True)
class Circumstances:
    """Another model set, another device or a larger limit are other circumstances: there the page is tried again.

    Attributes:
        model_set: What worked on the page, and on which device.
        limit_bytes: That device's memory limit.
    """

    model_set: ModelSetKey
    limit_bytes: int
