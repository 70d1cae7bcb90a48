"""What lies on a worker's desk, and what is taken from it."""

import os
from pathlib import Path

import pytest

from pagemill.domain.documents import DocumentInfo, DocumentKind
from pagemill.domain.work.recognition import ChunkParams, RecognitionOptions, Stage
from pagemill.pool.messages import Export, Failed, Inspect, Inspected, Made, Process, ProtocolError, Render, Stop, Trim
from pagemill.pool.sandbox.desks import FOLDER, Desk, Sandbox
from pagemill.pool.sandbox.places import list_around


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "uploads").mkdir()
    return tmp_path


@pytest.fixture
def desk(data: Path) -> Desk:
    return Sandbox(data).desk()


def document(data: Path, name: str) -> Path:
    path = data / "uploads" / name
    path.write_text(name)
    return path


async def lay_for_inspection(desk: Desk, path: Path) -> Path:
    """The document as the worker is told of it."""
    laid = await desk.lay(Inspect(path=str(path)))
    assert isinstance(laid, Inspect)
    return Path(laid.path)


async def lay_for_render(desk: Desk, path: Path, wanted: Path) -> Path:
    """The result as the worker is told of it."""
    laid = await desk.lay(render(path, wanted))
    assert isinstance(laid, Render)
    return Path(laid.path)


def make(path: Path, kind: str, secret: Path) -> None:
    if kind == "symbolic link":
        path.symlink_to(secret)
    elif kind == "hard link":
        path.hardlink_to(secret)
    elif kind == "folder":
        path.mkdir()


def is_same(one: Path, other: Path) -> bool:
    return one.samefile(other)


def list_lying(desk: Desk) -> set[str]:
    return {path.read_text() for path in desk.confinement.documents.iterdir()}


def process(path: Path) -> Process:
    return Process(chunk=1, params=ChunkParams(str(path), (1,), Stage.OCR, RecognitionOptions(), page_timeout_s=1))


def render(path: Path, wanted: Path) -> Render:
    return Render(document=str(path), page=1, dpi=72, max_pixels=1, rotation=0, path=str(wanted))


async def test_only_the_document_at_hand_lies_there(data: Path, desk: Desk) -> None:
    first, second = document(data, "first"), document(data, "second")
    laid = await desk.lay(process(first))
    assert isinstance(laid, Process)
    assert is_same(Path(laid.params.document), first)
    assert list_lying(desk) == {"first"}
    await desk.lay(Inspect(path=str(second)))
    assert list_lying(desk) == {"second"}
    await desk.lay(Trim())
    assert list_lying(desk) == set()


async def test_a_document_keeps_its_name_from_request_to_request(data: Path, desk: Desk) -> None:
    first = document(data, "first")
    seen, read = await lay_for_inspection(desk, first), await desk.lay(process(first))
    assert isinstance(read, Process)
    assert str(seen) == read.params.document
    first.unlink()
    await desk.lay(process(first))
    assert list_lying(desk) == {"first"}, "it is read to its end"


async def test_names_are_never_used_again(data: Path, desk: Desk) -> None:
    """So that a worker that keeps the last document open cannot take it for the next one."""
    names = [await lay_for_inspection(desk, document(data, name)) for name in ("first", "second", "first")]
    assert len({*names}) == 3


async def test_a_document_that_is_gone_is_left_out(data: Path, desk: Desk) -> None:
    await lay_for_inspection(desk, data / "uploads" / "gone")
    assert list_lying(desk) == set()
    await lay_for_inspection(desk, document(data, "gone"))
    assert list_lying(desk) == {"gone"}


async def test_a_document_behind_a_symbolic_link_is_laid_itself(data: Path, desk: Desk) -> None:
    link = data / "uploads" / "link"
    link.symlink_to(document(data, "first"))
    await desk.lay(Inspect(path=str(link)))
    (laid,) = desk.confinement.documents.iterdir()
    assert not laid.is_symlink()
    assert laid.read_text() == "first"


async def test_what_cannot_be_linked_is_copied(data: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    first = document(data, "first")
    assert not is_same(await lay_for_inspection(desk, first), first)
    assert list_lying(desk) == {"first"}


async def test_an_export_has_the_document_and_the_pages(data: Path, desk: Desk) -> None:
    request = Export(
        document=str(document(data, "first")), pages=str(document(data, "pages")), output=str(data / "out" / "a.pdf")
    )
    laid = await desk.lay(request)
    assert isinstance(laid, Export)
    assert list_lying(desk) == {"first", "pages"}
    (desk.confinement.results / Path(laid.output).name).write_text("made")
    await desk.collect(Made())
    assert (data / "out" / "a.pdf").read_text() == "made"
    assert [*(data / "out").iterdir()] == [data / "out" / "a.pdf"]


async def test_what_failed_is_not_collected_and_not_taken_for_the_next(data: Path, desk: Desk) -> None:
    first, wanted = document(data, "first"), data / "work" / "page.jpg"
    make(await lay_for_render(desk, first, wanted), "hard link", first)
    (desk.confinement.results / "more").mkdir()
    await desk.collect(Failed(error="PageUnreadable", message="It is damaged."))
    assert not wanted.exists()
    await desk.lay(render(first, wanted))
    assert [*desk.confinement.results.iterdir()] == []


async def test_a_result_that_was_not_asked_for_is_left(data: Path, desk: Desk) -> None:
    await desk.lay(Inspect(path=str(document(data, "first"))))
    (desk.confinement.results / "result").write_text("unasked")
    await desk.collect(Made())
    await desk.collect(Inspected(info=DocumentInfo(DocumentKind.PDF, 1)))
    assert not (data / "work").exists()


@pytest.mark.parametrize("kind", ["nothing", "symbolic link", "hard link", "folder"])
async def test_only_a_plain_file_is_collected(data: Path, desk: Desk, kind: str) -> None:
    secret, wanted = document(data, "secret"), data / "work" / "page.jpg"
    make(await lay_for_render(desk, document(data, "first"), wanted), kind, secret)
    with pytest.raises(ProtocolError):
        await desk.collect(Made())
    assert not wanted.exists()
    assert secret.read_text() == "secret"


async def test_other_requests_are_passed_on(desk: Desk) -> None:
    assert await desk.lay(Stop()) == Stop()


def test_desks_of_dead_servers_are_removed_and_those_of_living_ones_stay(data: Path) -> None:
    living = Sandbox(data).desk()
    dead = data / FOLDER / "dead" / "1"
    dead.mkdir(parents=True)
    another = Sandbox(data).desk()
    assert not dead.exists()
    assert living.confinement.results.is_dir()
    assert another.confinement.results.is_dir()
    another.remove()
    assert not another.confinement.results.exists()


def test_the_environment_is_a_few_named_variables(desk: Desk) -> None:
    ours = {"PATH": "/bin", "TZ": "UTC", "HOME": "/root", "PAGEMILL_API_KEYS": "secret", "AWS_TOKEN": "secret"}
    theirs = desk.environment(ours)
    assert "secret" not in theirs.values()
    assert (theirs["PATH"], theirs["TZ"]) == ("/bin", "UTC")
    assert {theirs[name] for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")} == {str(desk.confinement.home)}


def test_a_folder_around_the_data_folder_is_granted_without_it(tmp_path: Path) -> None:
    data = tmp_path / "app" / "data"
    for folder in (data / "uploads", tmp_path / "app" / "code", tmp_path / "other"):
        folder.mkdir(parents=True)
    (tmp_path / "app" / "link").symlink_to(data)
    assert [*list_around(tmp_path, data)] == [tmp_path / "app" / "code", tmp_path / "other"]
    assert [*list_around(data, data)] == []
    assert [*list_around(data / "engines" / "own", data)] == [data / "engines" / "own"]
    assert [*list_around(tmp_path / "app" / "link", data)] == []
