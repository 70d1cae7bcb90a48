"""Calls about batches of documents."""

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Unpack
from urllib.parse import quote

from pydantic import JsonValue

from pagemill.client.calls import parse_answer
from pagemill.client.errors import NothingThere, WaitedTooLong
from pagemill.client.following import Following, Heard
from pagemill.client.sending import SubmitOptions, Upload, form_fields
from pagemill.client.task_calls import TASKS_AT_ONCE, UPLOAD_SILENCE_S
from pagemill.client.transport import Request
from pagemill.domain.task.task import TaskStatus
from pagemill.wire.batch_wire import BatchListWire, BatchWire
from pagemill.wire.python_documents import Document
from pagemill.wire.task_wire import TaskListWire, TaskWire

BatchRef = str | BatchWire
"""A batch or its id."""
UPLOAD_SILENCE_EACH_S = 10.0


class BatchCalls(Following):
    """Batches."""

    async def submit_batch(
        self,
        documents: Sequence[Document],
        *,
        idempotency_key: str | None = None,
        password: str | None = None,
        **options: Unpack[SubmitOptions],
    ) -> BatchWire:
        """Send several documents with the same options. The service accepts all or none, even if a call is repeated.

        Args:
            documents: Paths, bytes, or open files.
            idempotency_key: As for `submit`.
            password: As for `submit`, for all protected documents.
            options: As for `submit`, for all documents.

        Raises:
            RequestRejected: Some documents cannot be read (`documents_refused`), or there are too many
                (`batch_too_large`).
            ClientError: As for `submit`.
        """
        uploads = await self._transport.offload(lambda: [Upload(each) for each in documents])
        request = Request(
            "POST",
            "/batches",
            headers={"Idempotency-Key": idempotency_key or uuid.uuid4().hex},
            uploads=uploads,
            fields=form_fields({"password": password}) | form_fields(options),
            silence_s=UPLOAD_SILENCE_S + UPLOAD_SILENCE_EACH_S * len(uploads),
        )
        return parse_answer(await self._send(request), BatchWire)

    async def batch(self, batch: BatchRef) -> BatchWire:
        """The batch as it is now."""
        return await self._get(_path_of(batch), BatchWire)

    async def batches(self, *, at_once: int = TASKS_AT_ONCE) -> AsyncGenerator[BatchWire, None]:
        """All batches, newest first, fetched `at_once` (1 to 200) at a time."""
        last, more = None, True
        while more:
            found = await self._get("/batches", BatchListWire, query={"before": last, "limit": at_once})
            for batch in found.batches:
                yield batch
            more = found.next is not None and bool(found.batches)
            last = found.batches[-1].batch_id if found.batches else None

    async def batch_tasks(
        self, batch: BatchRef, *, status: TaskStatus | str | None = None, at_once: int = TASKS_AT_ONCE
    ) -> AsyncGenerator[TaskWire, None]:
        """The batch's tasks with this status, the last sent first, fetched `at_once` (1 to 200) at a time."""
        last, more = None, True
        while more:
            query = {"status": status and str(status), "before": last, "limit": at_once}
            found = await self._get(_path_of(batch, "tasks"), TaskListWire, query=query)
            for task in found.tasks:
                yield task
            more = found.next is not None and bool(found.tasks)
            last = found.tasks[-1].task_id if found.tasks else None

    async def cancel_batch(self, batch: BatchRef) -> BatchWire:
        """Cancel all its unfinished tasks; finished pages remain."""
        return parse_answer(await self._send(Request("POST", _path_of(batch, "cancel"))), BatchWire)

    async def delete_batch(self, batch: BatchRef) -> bool:
        """Delete a finished batch with its tasks and results.

        Returns:
            False if it was running: then the service cancels it and keeps it.
        """
        try:
            return (await self._send(Request("DELETE", _path_of(batch)))).status == 204
        except NothingThere as error:
            if error.reply_was_lost:
                return True
            raise

    async def watch_batch(self, batch: BatchRef, *, within: float | None = None) -> AsyncGenerator[BatchWire, None]:
        """Yield the batch now and after every change, until all its tasks have ended.

        Args:
            batch: The batch.
            within: Seconds after which to stop anyway, to within about ten seconds.
        """
        end = None if within is None else self._transport.now() + within
        state = await self.batch(batch)
        yield state
        if state.status.is_final:
            return
        async with aclosing(self._hear(_Changes(self, state), until=end)) as heard:
            async for changes in heard:
                if changes:
                    state = await self.batch(batch)
                    yield state
                if state.status.is_final:
                    return

    async def wait_batch(self, batch: BatchRef, *, within: float | None = None) -> BatchWire:
        """Wait until all tasks of the batch have ended, and return it.

        Args:
            batch: The batch.
            within: Seconds after which to give up, to within about ten seconds.

        Raises:
            WaitedTooLong: It has not ended by then; it continues.
            ClientError: As for `wait`.
        """
        state = await self.batch(batch)
        async with aclosing(self.watch_batch(batch, within=within)) as states:
            async for state in states:  # noqa: B007 - keep only the last
                pass
        if not state.status.is_final:
            raise WaitedTooLong(f"The batch did not end within {within} s. It continues; you can wait again.")
        return state


class _Changes:
    """Follows the changes of a batch; read the batch for details."""

    def __init__(self, calls: BatchCalls, batch: BatchWire) -> None:
        self._calls = calls
        self._batch = batch
        self.stream = _path_of(batch, "events")

    def parse_known(self, data: JsonValue) -> Sequence[JsonValue]:
        """See `Followed.parse_known`."""
        return [data]

    async def ask(self, after: int) -> Heard[JsonValue]:
        """See `Followed.ask`."""
        return Heard([None], after)

    async def is_over(self) -> bool:
        """See `Followed.is_over`."""
        return (await self._calls.batch(self._batch)).status.is_final


def _path_of(batch: BatchRef, *parts: str) -> str:
    batch_id = batch if isinstance(batch, str) else batch.batch_id
    return "/".join(["/batches", quote(batch_id, safe=""), *parts])
