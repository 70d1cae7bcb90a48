"""What is stored can be read by the versions that came before, which refuse every member that they do not know."""

import json
from dataclasses import dataclass

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tests.fixtures.stores import Stores, TurnedClock, new_task, read_page, started

from pagemill.domain.memory import CPU
from pagemill.domain.page.page import Block, BlockKind, Line, Page, PageSource, Polygon, Table, TableCell
from pagemill.domain.task.task import CacheUse, TaskOptions
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.store import migrate
from pagemill.store.dialects import parse_url, sync_url
from pagemill.store.payload import unpack

FIRST = {"pages", "recognition", "device", "priority", "start", "labels"}
FIRST_OF_RECOGNITION = {"ocr", "engine", "profile", "languages", "dpi", "rotation"}
BLOCK = frozenset({"polygon", "lines", "kind"})
NEWEST = "0008"
PAGES = 120
"""More than are looked at in one go."""
CAME_WITH: dict[str, set[str]] = {
    "0003": {"recognition.allow_lower_resolution"},
    "0006": {"deadline_seconds", "time_to_live_seconds"},
    "0007": {"cache", "webhook_url"},
    "0008": {"recognition.structure"},
}
"""Options that servers have known since a revision."""

PLAIN = TaskOptions()
ALL = TaskOptions(
    recognition=RecognitionOptions(allow_lower_resolution=True, structure=True),
    labels={"year": "2026"},
    deadline_seconds=60,
    time_to_live_seconds=60,
    cache=CacheUse.USE,
    webhook_url="https://example.org/",
)
BOX: Polygon = ((0, 0), (9, 0), (9, 9), (0, 9))
LINE = Line(text='合计 "table": 7', polygon=BOX)
TABLE = Block(
    polygon=BOX,
    lines=(LINE,),
    kind=BlockKind.TABLE,
    table=Table(rows=1, columns=1, cells=(TableCell(row=0, column=0, lines=(0,), text=LINE.text),)),
)
TEXT = Block(polygon=BOX, lines=(LINE,))


def page(number: int, *blocks: Block) -> Page:
    return Page(number=number, width_px=9, height_px=9, dpi=None, source=PageSource.OCR, blocks=blocks)


def known_at(revision: str) -> set[str]:
    later = {name for since, names in CAME_WITH.items() if since <= revision for name in names}
    return FIRST | {f"recognition.{name}" for name in FIRST_OF_RECOGNITION} | later


@dataclass(frozen=True)
class Kept:
    """What the database holds of a task."""

    options: set[str]
    blocks: list[list[dict[str, object]]]


def kept(url: str) -> dict[str, Kept]:
    """Of each task the names of its options, and the blocks of each of its pages."""
    engine = create_engine(sync_url(parse_url(url)), poolclass=NullPool)
    found = {}
    with engine.connect() as connection:
        for name, stored in connection.execute(text("SELECT task_id, options FROM tasks")).all():
            options = stored if isinstance(stored, dict) else json.loads(stored)
            results = text("SELECT codec, payload FROM page_results WHERE task_id = :name ORDER BY page_number")
            pages = [unpack(*row) for row in connection.execute(results, {"name": name}).all()]
            found[name] = Kept(
                {*options, *(f"recognition.{key}" for key in options["recognition"])},
                [json.loads(page)["blocks"] for page in pages],
            )
    engine.dispose()
    return found


async def fill(url: str) -> None:
    """A task that uses nothing that came later, and one that uses it all, each with pages that were read."""
    migrate.upgrade(url)
    async with started(url) as database:
        stores = Stores(database, TurnedClock())
        for name, options, blocks in (("plain", PLAIN, (TEXT,)), ("used", ALL, (TEXT, TABLE))):
            await stores.queue.add_task(await stores.tasks.create(new_task(name, pages=PAGES, options=options)))
            assert await stores.queue.get_next_task(CPU) is not None
            lease = await stores.claim(name, limit=PAGES)
            read = [read_page(number, page(number, *blocks).to_json()) for number in lease.pages]
            await stores.pages.commit_pages(lease, read)


async def test_what_is_not_used_is_not_stored(empty_database: str) -> None:
    await fill(empty_database)
    plain = kept(empty_database)["plain"]
    assert plain.options == known_at("0007")
    assert {frozenset(block) for blocks in plain.blocks for block in blocks} == {BLOCK}


async def test_going_down_leaves_nothing_that_the_older_version_does_not_know(empty_database: str) -> None:
    await fill(empty_database)
    before = kept(empty_database)
    assert before["used"].options == known_at(NEWEST)
    for revision in ("0007", "0006", "0004", "0003", "0002", "0001"):
        migrate.downgrade(empty_database, revision)
        for name, found in kept(empty_database).items():
            assert found.options == known_at(revision), (revision, name)
            without = [[{key: block[key] for key in BLOCK} for block in blocks] for blocks in before[name].blocks]
            assert found.blocks == without
            assert len(found.blocks) == PAGES


async def test_what_went_down_and_up_again_is_read_on(empty_database: str) -> None:
    await fill(empty_database)
    migrate.downgrade(empty_database, migrate.OLDER_SCHEMA)
    migrate.upgrade(empty_database)
    async with started(empty_database) as database:
        stores = Stores(database, TurnedClock())
        assert (await stores.tasks.get("used")).options == TaskOptions(labels=ALL.labels)
        pages = [Page.from_json(payload) async for payload in stores.tasks.results("used")]
        assert [each.number for each in pages] == list(range(1, PAGES + 1))
        assert {block.text for each in pages for block in each.blocks} == {LINE.text}
