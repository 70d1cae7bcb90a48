"""Documents of a batch while they are received."""

import os
from pathlib import Path

from pagemill.web.uploads import TOUCHED_EVERY, UploadStore

PDF = b"%PDF-1.7"


def changed_at(path: Path) -> float:
    return path.stat().st_mtime


async def test_the_complete_documents_of_a_batch_stay_new_while_others_come(uploads: Path) -> None:
    seconds = 0.0
    store = UploadStore(uploads, max_bytes=1000, max_concurrent=1, monotonic=lambda: seconds)
    async with store.incoming_batch() as batch:
        await batch.write(PDF)
        await batch.end()
        first = Path(batch.documents[0].path)
        for step in (batch.write, lambda _: batch.end()):
            await batch.write(PDF)
            os.utime(first, (0, 0))
            await batch.write(PDF)
            assert changed_at(first) == 0, "not with every piece"
            seconds += TOUCHED_EVERY.total_seconds()
            await step(PDF)
            assert changed_at(first) > 0
