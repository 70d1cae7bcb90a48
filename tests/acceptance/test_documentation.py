"""What README, tutorial and how-to's say is what happens: every command and every piece of code in them is run.

A block of a language that can be run is run, in the order of its page, in a folder of its own beside a real server; or
it is among `NOT_RUN`, by its first line and with a reason. Nothing is left out in silence.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from tests.data.documents import make_numbered_scan, make_scan
from tests.fixtures.server import Server, clean_environment

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = ("README.md", "docs/tutorial.md", "docs/how-to/tune-memory.md", "docs/how-to/python.md")
RUN_LIMIT_S = 240
RUNNABLE = frozenset({"console", "bash", "sh", "python"})
SHOWN = frozenset({"", "text", "yaml", "ini", "nginx", "dockerfile", "mermaid", "markdown", "json", "html"})
"""Languages of blocks that nobody runs."""
NOT_RUN = {
    ("README.md", "make serve   # sets everything up and serves on http://127.0.0.1:8000"): "the test's own server",
    ("docs/tutorial.md", "make serve"): "the test's own server",
}
ADDRESS = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: The page it is on.
        line: Where it begins there.
        language: As the fence names it.
    """

    page: str
    line: int
    language: str
    code: str

    @property
    def first_line(self) -> str:
        """By which it is known."""
        return self.code.split("\n", maxsplit=1)[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> Iterator[Block]:
    """Every fenced block of the page; those in lists lose their indent."""
    text = (REPOSITORY / page).read_text()
    for found in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        indent, language, code = found.groups()
        plain = re.sub(f"^{indent}", "", code, flags=re.MULTILINE)
        yield Block(page, text.count("\n", 0, found.start()) + 1, language, plain)


def every_page() -> list[str]:
    """README and all of `docs/`."""
    return ["README.md", *sorted(str(path.relative_to(REPOSITORY)) for path in DOCS.rglob("*.md"))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("documentation") / "data") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the repository's own, with the documents the pages speak of."""
    (tmp_path / "docs").symlink_to(DOCS)
    make_numbered_scan(tmp_path / "scan.pdf", 2)
    make_scan(tmp_path / "photo.jpg", ["Number 7"])
    (tmp_path / "invoices").mkdir()
    make_numbered_scan(tmp_path / "invoices" / "first.pdf", 1)
    return tmp_path


def as_here(code: str, server: Server) -> str:
    """With the server's own address, the newest task for TASK_ID, and the commands of this environment."""
    newest = server.api.http.get("/tasks", params={"limit": "1"}).json()["tasks"]
    task_id = newest[0]["task_id"] if newest else "TASK_ID"
    address = str(server.api.http.base_url).rstrip("/")
    here = code.replace(ADDRESS, address).replace("TASK_ID", task_id)
    return here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")


def run(command: list[str], server: Server, folder: Path) -> str:
    """What it prints; it must succeed."""
    here = {"SERVER_URL": str(server.api.http.base_url)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean_environment(here),
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_block(block: Block, server: Server, folder: Path) -> str:
    """A console block a line at a time, so that TASK_ID is always the newest; code as a whole."""
    if block.language == "python":
        return run([sys.executable, "-c", as_here(block.code, server)], server, folder)
    lines = re.sub(r"\\\n", "", block.code).splitlines()
    commands = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "".join(run(["bash", "-euo", "pipefail", "-c", as_here(each, server)], server, folder) for each in commands)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_all_code_on_the_page_works(page: str, server: Server, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed; scripts/system-parts installs it")
    printed = ""
    for block in blocks_of(page):
        if (page, block.first_line) in NOT_RUN:
            continue
        if block.language in RUNNABLE:
            printed = run_block(block, server, folder)
        elif block.language == "text":
            assert block.code.strip() in printed, f"{block} shows what the block before it does not print: {printed}"
    if page == "docs/tutorial.md":
        assert (folder / "letter-searchable.pdf").read_bytes().startswith(b"%PDF")
        assert "Harbour Office" in (folder / "letter.md").read_text()


def test_what_is_not_run_is_still_there() -> None:
    first_lines = {(page, block.first_line) for page in PAGES for block in blocks_of(page)}
    assert NOT_RUN.keys() <= first_lines


@pytest.mark.parametrize("page", every_page())
def test_a_page_says_of_every_block_what_it_is(page: str) -> None:
    for block in blocks_of(page):
        assert block.language in RUNNABLE | SHOWN, block
        if block.language == "python":
            compile(block.code, str(block), "exec")
        if block.language == "yaml":
            assert yaml.safe_load(block.code), block


@pytest.mark.parametrize("page", every_page())
def test_links_lead_to_something(page: str) -> None:
    text = re.sub(r"^( *)```.*?^\1```$", "", (REPOSITORY / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert file.exists(), f"{page}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors_of(file), f"{page}: {target}"


def anchors_of(file: Path) -> set[str]:
    """Of its headings, as they are made on GitHub."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), ["README.md"]
    while ahead:
        page = ahead.pop()
        seen.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", (REPOSITORY / page).read_text()):
            found = os.path.normpath(Path(page).parent / target)
            if found not in seen and not target.startswith("http"):
                ahead.append(found)
    assert set(every_page()) <= seen, set(every_page()) - seen


def test_metrics_that_pages_name_are_served(server: Server) -> None:
    served = server.api.http.get("/metrics").text
    for page in every_page():
        for name in set(re.findall(r"\bpagemill_[a-z_]+[a-z]\b", (REPOSITORY / page).read_text())):
            assert re.search(rf"^(# HELP )?{name}[ {{]", served, re.MULTILINE), f"{page}: {name}"


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) < 120
