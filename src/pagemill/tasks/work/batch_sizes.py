"""Learns from batches that did not fit: after a failure, the next page of its shape starts with a smaller one."""

from pagemill.domain.work.recognition import ModelSetKey


class BatchSizes:
    """The largest batch size known to fit, by model set and page shape. It lasts as long as the server process.

    A shape is the page image's size, rounded to a power of two; pages of unknown size share one shape.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[ModelSetKey, int], int] = {}

    def limit(self, key: ModelSetKey, pixels: int | None, usual: int) -> int:
        """The batch size to start with: the usual one, or less if that has failed."""
        return min(usual, self._known.get(_shape(key, pixels), usual))

    def remember_fit(self, key: ModelSetKey, pixels: int | None, batch_size: int) -> None:
        """Note that a page was read with this batch size after a larger one had failed."""
        self._known[_shape(key, pixels)] = batch_size


def _shape(key: ModelSetKey, pixels: int | None) -> tuple[ModelSetKey, int]:
    return key, (pixels or 0).bit_length()
