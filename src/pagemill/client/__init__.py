"""The Python client: `Client` and `AsyncClient`.

    with Client("http://127.0.0.1:8000") as client:
        task = client.wait(client.submit("scan.pdf", pages="1-3"))
        print(client.result(task, "markdown").text)

For errors, see the tree in `pagemill.client.errors`.
"""

from pagemill.client.clients import DEFAULT_SERVER, AsyncClient, Client
from pagemill.client.errors import (
    AccessDenied,
    AnswerNotUnderstood,
    ClientError,
    DocumentRejected,
    DocumentUnusable,
    NoRoomForIt,
    NothingThere,
    NotInThatState,
    Problem,
    RequestRejected,
    ServiceBusy,
    ServiceFault,
    ServiceRefusal,
    ServiceUnreachable,
    WaitedTooLong,
)
from pagemill.client.result_calls import Result
from pagemill.client.retries import RetryRules
from pagemill.client.sending import SubmitOptions
from pagemill.wire.python_documents import Document

__all__ = [
    "DEFAULT_SERVER",
    "AccessDenied",
    "AnswerNotUnderstood",
    "AsyncClient",
    "Client",
    "ClientError",
    "Document",
    "DocumentRejected",
    "DocumentUnusable",
    "NoRoomForIt",
    "NotInThatState",
    "NothingThere",
    "Problem",
    "RequestRejected",
    "Result",
    "RetryRules",
    "ServiceBusy",
    "ServiceFault",
    "ServiceRefusal",
    "ServiceUnreachable",
    "SubmitOptions",
    "WaitedTooLong",
]
