"""Writes results to files. Pure Python, so that the server can do it: nothing here opens a document.

A new format is one module and one line in `_WRITERS`; the conformance suite covers all of them.
"""

from collections.abc import Callable, Iterator, Mapping

from pagemill.documents.writers.alto import AltoWriter
from pagemill.documents.writers.csv_table import CsvWriter
from pagemill.documents.writers.hocr import HocrWriter
from pagemill.documents.writers.html import HtmlWriter
from pagemill.documents.writers.json_object import JsonWriter
from pagemill.documents.writers.markdown import MarkdownWriter
from pagemill.documents.writers.text import TextWriter
from pagemill.domain.task.results import ResultWriter

_WRITERS: tuple[Callable[[], ResultWriter], ...] = (
    TextWriter,
    MarkdownWriter,
    JsonWriter,
    HtmlWriter,
    HocrWriter,
    AltoWriter,
    CsvWriter,
)


class ResultWriters(Mapping[str, ResultWriter]):
    """The writers by name, default first. Every look-up makes a new writer, because writers hold state."""

    def __init__(self) -> None:
        self._makers = {make().name: make for make in _WRITERS}

    def __getitem__(self, name: str) -> ResultWriter:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
