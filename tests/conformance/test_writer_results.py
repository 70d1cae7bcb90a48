"""What every result writer keeps: nothing is lost, unread pages are named, several results do not mix."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from pagemill.documents.writers import ResultWriters
from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Word
from pagemill.domain.task.results import ResultHeader, ResultWriter
from pagemill.domain.task.task import TaskStatus

HEADER = ResultHeader(
    task_id="01TASK",
    document='r&d <"notes"> \ud83d 笔记.pdf',
    pages_total=4,
    page_count=9,
    status=TaskStatus.PARTIALLY_SUCCEEDED,
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
    finished_at=None,
    pagemill_version="1.2.3",
)
TEXTS = [
    "plain words",
    "# no_heading *at* all",
    "1. first - item",
    "• bullet",
    "(a) lettered",
    "- dashed",
    "<b>tags</b> & &amp; `ticks` [link](x)",
    'quote " backslash \\ brace }',
    "| a | b | $x$ ~~gone~~",
    "=== --- +++",
    "été 笔记 한글 שלום 😀",
    "ends here",
]
KINDS = list(BlockKind)
UNREAD = (TaskFailureReason.OUT_OF_MEMORY, "Took more than 3 <MiB>,\nand more.")


def line(text: str, x: float, y: float) -> Line:
    def box(left: float, right: float) -> tuple[tuple[float, float], ...]:
        return ((left, y), (right, y), (right, y + 10), (left, y + 10))

    words = [Word(text=word, polygon=box(x + 5 * at, x + 5 * at + 4)) for at, word in enumerate(text.split())]
    return Line(text=text, polygon=box(x, x + 100), words=tuple(words), confidence=0.5)


def block(kind: BlockKind, *lines: Line) -> Block:
    return Block(polygon=((0, 0), (1, 0), (1, 1)), lines=lines, kind=kind)


def page(number: int) -> Page:
    """A page with every kind of block, and a block of two cells side by side."""
    blocks = [block(KINDS[at % len(KINDS)], line(text, 0, 20 * at)) for at, text in enumerate(TEXTS)]
    cells = block(BlockKind.TEXT, line("label", 0, 400), line("9.50", 300, 402), line("below", 0, 420))
    return Page(
        number=number,
        width_px=600,
        height_px=800,
        dpi=None,
        source=PageSource.OCR,
        blocks=(*blocks, cells, block(BlockKind.FIGURE)),
    )


def write_text(writer: ResultWriter, numbers: list[int], *, unread: int | None = None) -> str:
    parts = [writer.begin(HEADER)]
    parts += [
        writer.mark_unread(number, *UNREAD) if number == unread else writer.page(page(number)) for number in numbers
    ]
    return b"".join([*parts, writer.end()]).decode("utf-8")


@pytest.fixture(params=ResultWriters())
def name(request: pytest.FixtureRequest) -> str:
    """The name of each format."""
    value = request.param
    assert isinstance(value, str)
    return value


@pytest.fixture
def writer(name: str) -> ResultWriter:
    """A new writer of each format."""
    return ResultWriters()[name]


def show_text(name: str, text: str) -> str:
    """What a reader of the file sees: markup gone, what was escaped as it was."""
    if name == "markdown":
        return re.sub(r"\\(.)", r"\1", text)
    if name == "json":
        return text.replace(r"\"", '"').replace(r"\\", "\\").replace(r"\n", "\n")
    if name == "csv":
        return text.replace('""', '"')
    if name not in ("html", "hocr", "alto"):
        return text
    text = re.sub(r'<(?:String|Page) [^>]*(?:CONTENT|_DETAIL)="([^"]*)"[^>]*>', r"\1", text).replace("<SP />", " ")
    text = re.sub(r'<li value="(\d+)">', r"\1. ", text)
    return unescape(re.sub(r"<[^>]*>", "", text))


def words_expected(name: str) -> set[str]:
    """The words that each page must show; CSV tells tables only where there are some."""
    texts = [text for at, text in enumerate(TEXTS) if name != "csv" or KINDS[at % len(KINDS)] is BlockKind.TABLE]
    beside = set() if name == "csv" else {"label", "9.50", "below"}
    return {word for text in texts for word in text.split() if word != "•"} | beside


def test_it_says_what_it_writes(name: str, writer: ResultWriter) -> None:
    assert writer.name == name
    assert "/" in writer.media_type
    assert writer.extension.startswith(".")


def test_names_media_types_and_extensions_differ() -> None:
    writers = list(ResultWriters().values())
    for distinct in ("name", "media_type", "extension"):
        assert len({getattr(writer, distinct) for writer in writers}) == len(writers)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_word_of_every_page_is_there(name: str, writer: ResultWriter, count: int) -> None:
    text = show_text(name, write_text(writer, list(range(1, count + 1))))
    for word in words_expected(name):
        assert text.count(word) >= count


def test_an_unread_page_is_named_in_its_place(name: str, writer: ResultWriter) -> None:
    text = show_text(name, write_text(writer, [2, 4, 7], unread=4))
    note = text[text.index("bullet") : text.rindex("bullet")]
    assert "4" in note
    assert UNREAD[0] in note
    assert "Took more than 3 <MiB>," in note


def test_a_result_of_unread_pages_only_is_a_result(name: str, writer: ResultWriter) -> None:
    assert UNREAD[0] in show_text(name, write_text(writer, [1], unread=1))


def test_a_writer_may_be_used_again(writer: ResultWriter) -> None:
    first = write_text(writer, [1, 2])
    assert write_text(writer, [1, 2]) == first


def test_two_results_at_once_do_not_mix(name: str) -> None:
    writers = ResultWriters()
    alone = write_text(writers[name], [1, 2])
    first, second = writers[name], writers[name]
    parts = [first.begin(HEADER), first.page(page(1)), second.begin(HEADER), first.page(page(2)), first.end()]
    assert (parts.pop(2), b"".join(parts).decode()) == (second.begin(HEADER), alone)


def test_looking_up_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        ResultWriters()["docx"]
