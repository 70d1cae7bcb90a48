"""What was learned of batches that did not fit: where one failed, the next page of its shape starts smaller."""

from pagemill.domain.work.recognition import ModelSetKey


class BatchSizes:
    """The largest batch known to fit, by model set and shape of page. Kept for the life of the server process.

    A shape is the page image's size to the nearest power of two; pages of unknown size are a shape of their own.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[ModelSetKey, int], int] = {}

    def limit(self, key: ModelSetKey, pixels: int | None, usual: int) -> int:
        """The batch to start with: the usual one, or less where that has failed."""
        return min(usual, self._known.get(_shape(key, pixels), usual))

    def remember_fit(self, key: ModelSetKey, pixels: int | None, batch_size: int) -> None:
        """A page was read at last, with this batch, after a larger one had failed."""
        self._known[_shape(key, pixels)] = batch_size


def _shape(key: ModelSetKey, pixels: int | None) -> tuple[ModelSetKey, int]:
    return key, (pixels or 0).bit_length()
