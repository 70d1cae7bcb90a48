"""What opening a document is promised: a reader decompresses whatever the document says."""

from dataclasses import dataclass

from pagemill.domain.memory import MIB

OPENING_BYTES = 100 * MIB
"""At first, as for taking a text layer: nearly all documents take a tenth of it."""
DECODING_BYTES = 450 * MIB
"""The largest image that is decoded (`documents.images.MOST_DECODED_BYTES`), and what is made of it."""


@dataclass(frozen=True)
class Look:
    """A first look at a document.

    Attributes:
        path: Of it.
        max_pages: The most it may have; None for any number.
        memory_bytes: What its reader may take for it, beside what it holds without a document.
    """

    path: str
    max_pages: int | None = None
    memory_bytes: int = OPENING_BYTES
