"""`pagemill batch`: reads a folder of documents on the server; run it again to continue where it stopped.

Labels on the tasks identify what was sent: `batch` names the run, `batch_item` the file, its content and the options.
So the command stores nothing, and sends no document twice while the server keeps its task.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress, TaskID

from pagemill.cli.delivering import FormRequest, deliver
from pagemill.cli.exits import ExitCode, complain
from pagemill.cli.inputs import documents_in, explain_empty
from pagemill.cli.remote import exit_code_of_refusal, explain_refusal
from pagemill.cli.showing import bar_label, print_line, progress_bars
from pagemill.cli.submit import follow_with_bar, report
from pagemill.cli.targets import overall_code
from pagemill.client import AsyncClient, ClientError, SubmitOptions
from pagemill.domain.errors import InvalidRequest
from pagemill.domain.task.results import ResultFormat, result_names
from pagemill.wire.task_wire import TaskWire

BATCH, ITEM = "batch", "batch_item"


@dataclass(frozen=True)
class BatchRequest:
    """The request of `pagemill batch`.

    Attributes:
        folder: The folder of documents, with its subfolders.
        name: The name of the batch, a label of its tasks.
        options: The options for every document.
        how: The form of the results; the output is a folder that gets the shape of `folder`, or None: then the results
            stay on the server.
        at_once: Documents to process at the same time.
        retry: Retry pages that could not be read before.
        as_json: Print a line of JSON for each document on stdout.
    """

    folder: Path
    name: str
    options: SubmitOptions
    how: FormRequest
    at_once: int
    retry: bool
    as_json: bool


def default_name(folder: Path) -> str:
    """A name that is the same for the same folder."""
    whole = folder.resolve()
    return f"{whole.name or 'root'}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}"


def item_key(file: Path, name: str, options: SubmitOptions) -> str:
    """The identity of a document in a batch: its place, its content and its options."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    asked = json.dumps([name, digest, dict(options)], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


async def run_batch(client: AsyncClient, request: BatchRequest) -> ExitCode:
    """Read all documents. Fetch what was read before without reading it again; skip what was fetched before."""
    output = request.how.output
    if output is not None and output.resolve() == request.folder.resolve():
        raise InvalidRequest("The results cannot go among the documents. Name another folder with --output.")
    files = await asyncio.to_thread(documents_in, request.folder, but=output)
    if not files:
        raise InvalidRequest(explain_empty(request.folder))
    known = {task.options.labels.get(ITEM, ""): task async for task in client.tasks(labels={BATCH: request.name})}
    goes_to = replace(request.how, output=output or request.folder)  # what stays on the server is not for a terminal
    result = await goes_to.choose(client, into_folder=True)
    with progress_bars() as bars:
        run = _Run(client, request, known, bars=bars, result=result)
        try:
            codes = await run.read_all(files)
        except asyncio.CancelledError:
            complain("interrupted; the server continues with what was sent. Run the same command again to continue.")
            return ExitCode.INTERRUPTED
    complain(f"batch {request.name}: {_summary(codes)}")
    return overall_code(codes)


def _summary(codes: Sequence[ExitCode]) -> str:
    words = {ExitCode.OK: "read", ExitCode.PARTLY_READ: "partly read"}
    counted = Counter(words.get(code, "not read") for code in codes)
    return f"{len(codes)} documents, " + ", ".join(f"{count} {word}" for word, count in counted.items())


class _Run:
    def __init__(
        self,
        client: AsyncClient,
        request: BatchRequest,
        known: Mapping[str, TaskWire],
        *,
        bars: Progress,
        result: ResultFormat,
    ) -> None:
        self._client = client
        self._request = request
        self._known = known
        self._bars = bars
        self._result = result
        self._targets: Mapping[str, Path] = {}
        self._gate = asyncio.Semaphore(request.at_once)
        self._overall: TaskID | None = None

    async def read_all(self, files: Sequence[Path]) -> list[ExitCode]:
        self._overall = self._bars.add_task(bar_label(self._request.name), total=len(files), unit="documents")
        names = [file.relative_to(self._request.folder).as_posix() for file in files]
        if self._request.how.output is not None:
            results = result_names(names, self._result.extension)
            self._targets = {
                name: self._request.how.output / result for name, result in zip(names, results, strict=True)
            }
        return await asyncio.gather(*(self._one(file, name) for file, name in zip(files, names, strict=True)))

    async def _one(self, file: Path, name: str) -> ExitCode:
        async with self._gate:
            try:
                code = await self._read(file, name)
            except ClientError as error:
                complain(f"{name}: {explain_refusal(error)}")
                code = exit_code_of_refusal(error)
            except BrokenPipeError:
                raise  # the reader of our output is gone
            except OSError as error:
                complain(f"{name}: cannot read the file: {error.strerror}.")
                code = ExitCode.USAGE
        if self._overall is not None:
            self._bars.advance(self._overall)
        return code

    async def _read(self, file: Path, name: str) -> ExitCode:
        task = await self._task(file, name)
        if not task.status.is_final:
            task = await follow_with_bar(self._client, task, self._bars, keep=False)
        target = self._targets.get(name)
        if target is not None and task.progress.pages_done and not _is_newer(target, file, task):
            await deliver(self._client, task, self._result, self._request.how, target)
        if self._request.as_json:
            shown = {"file": name, "task_id": task.task_id, "status": task.status, "result": target and str(target)}
            print_line(json.dumps(shown, ensure_ascii=False))
        return report(name, task)

    async def _task(self, file: Path, name: str) -> TaskWire:
        """The task of this document, from this run or an earlier one."""
        key = await asyncio.to_thread(item_key, file, name, self._request.options)
        known = self._known.get(key)
        if known is None:
            options = self._request.options.copy()
            options["labels"] = {**(options.get("labels") or {}), BATCH: self._request.name, ITEM: key}
            return await self._client.submit(
                file,
                name=name,
                idempotency_key=f"{BATCH}:{self._request.name}:{key}"[:255],
                password=self._request.how.password,
                **options,
            )
        unread = known.status.is_final and known.progress.pages_done < known.progress.pages_total
        return (
            await self._client.retry(known, password=self._request.how.password)
            if unread and self._request.retry
            else known
        )


def _is_newer(target: Path, file: Path, task: TaskWire) -> bool:
    """Whether the result was fetched since the document was changed and its task ended."""
    if not target.exists():
        return False
    fetched = target.stat().st_mtime
    return fetched >= file.stat().st_mtime and (task.finished_at is None or fetched >= task.finished_at.timestamp())
