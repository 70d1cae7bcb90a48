"""Who may use each endpoint: one table for all requests.

`create_api` refuses to make an API with an endpoint that has no rule here, and a request that matches no rule goes no
further. Before an admin reaches what belongs to others, the audit log records it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from pagemill.domain.callers import Caller, Scope
from pagemill.tasks.access.gate import Gate
from pagemill.web.paths import known_batch_form, known_form
from pagemill.web.problems import RequestRefused

CALLER = "pagemill.caller"
"""Key of the `Caller` in a request's ASGI scope."""
OPENAPI = "/openapi.json"
"""The framework's own endpoint."""
DOORS = "/compat/"
"""The interfaces of other services are below `/compat/NAME` (see `pagemill.web.compat`)."""


class About(StrEnum):
    """What an endpoint is about."""

    SERVICE = "service"
    """The service: nothing that belongs to a caller."""
    TASK = "task"
    """The task that the path names; others' tasks are not found."""
    BATCH = "batch"
    """The batch that the path names; likewise."""
    LIST = "list"
    """Everything the caller sees: its own, or all for an admin."""


@dataclass(frozen=True)
class Rule:
    """Who may use an endpoint.

    Attributes:
        scope: The least that a key must allow; None if no key is needed.
        about: What it is about.
        takes_documents: It takes bodies of any length, a piece at a time; others are read whole.
        any_host: It accepts every host name.
    """

    scope: Scope | None
    about: About = About.SERVICE
    takes_documents: bool = False
    any_host: bool = False


_PROBE = Rule(None, any_host=True)
_SERVICE = Rule(Scope.READ)
_READ_TASK = Rule(Scope.READ, About.TASK)
_CHANGE_TASK = Rule(Scope.SUBMIT, About.TASK)
_READ_BATCH = Rule(Scope.READ, About.BATCH)
_CHANGE_BATCH = Rule(Scope.SUBMIT, About.BATCH)
_LIST = Rule(Scope.READ, About.LIST)
_SEND = Rule(Scope.SUBMIT, takes_documents=True)
_DOCLING = f"{DOORS}docling"
_MISTRAL = f"{DOORS}mistral/v1"
_AZURE = f"{DOORS}azure/documentintelligence/documentModels/{{model_id}}"

RULES: Mapping[tuple[str, str], Rule] = {
    ("GET", "/"): _SERVICE,
    ("GET", "/livez"): _PROBE,
    ("GET", "/readyz"): _PROBE,
    ("GET", "/dashboard/{version}/{name}"): Rule(None),
    ("GET", OPENAPI): _SERVICE,
    ("HEAD", OPENAPI): _SERVICE,
    ("GET", "/problems/{name}"): _SERVICE,
    ("GET", "/schemas/{name}.json"): _SERVICE,
    ("GET", "/metrics"): _SERVICE,
    ("GET", "/status"): _LIST,
    ("GET", "/setup"): _SERVICE,
    ("GET", "/engines"): _SERVICE,
    ("GET", "/audit"): Rule(Scope.ADMIN, About.LIST),
    ("GET", "/events"): _LIST,
    ("GET", "/tasks"): _LIST,
    ("POST", "/tasks"): _SEND,
    ("GET", "/tasks/metrics"): _SERVICE,
    ("GET", "/tasks/{task_id}"): _READ_TASK,
    ("DELETE", "/tasks/{task_id}"): _CHANGE_TASK,
    ("POST", "/tasks/{task_id}/start"): _CHANGE_TASK,
    ("POST", "/tasks/{task_id}/retry"): _CHANGE_TASK,
    ("POST", "/tasks/{task_id}/cancel"): _CHANGE_TASK,
    ("GET", "/tasks/{task_id}/pages"): _READ_TASK,
    ("GET", "/tasks/{task_id}/pages/{number}"): _READ_TASK,
    ("GET", "/tasks/{task_id}/pages/{number}/image"): _READ_TASK,
    ("GET", "/tasks/{task_id}/result"): _READ_TASK,
    ("GET", "/tasks/{task_id}/receipt"): _READ_TASK,
    ("GET", "/tasks/{task_id}/metrics"): _READ_TASK,
    ("GET", "/tasks/{task_id}/health"): _READ_TASK,
    ("GET", "/tasks/{task_id}/events"): _READ_TASK,
    ("GET", "/tasks/{task_id}/events/stream"): _READ_TASK,
    ("GET", "/batches"): _LIST,
    ("POST", "/batches"): _SEND,
    ("GET", "/batches/{batch_id}"): _READ_BATCH,
    ("DELETE", "/batches/{batch_id}"): _CHANGE_BATCH,
    ("GET", "/batches/{batch_id}/tasks"): _READ_BATCH,
    ("GET", "/batches/{batch_id}/events"): _READ_BATCH,
    ("POST", "/batches/{batch_id}/cancel"): _CHANGE_BATCH,
    ("GET", f"{_DOCLING}/health"): Rule(None),
    ("GET", f"{_DOCLING}/version"): _SERVICE,
    ("POST", f"{_DOCLING}/v1/convert/file"): _SEND,
    ("POST", f"{_DOCLING}/v1/convert/file/async"): _SEND,
    ("POST", f"{_DOCLING}/v1/convert/source"): _SEND,
    ("POST", f"{_DOCLING}/v1/convert/source/async"): _SEND,
    ("GET", f"{_DOCLING}/v1/status/poll/{{task_id}}"): _READ_TASK,
    ("GET", f"{_DOCLING}/v1/result/{{task_id}}"): _READ_TASK,
    ("POST", f"{_AZURE}:analyze"): _SEND,
    ("GET", f"{_AZURE}/analyzeResults/{{task_id}}"): _READ_TASK,
    ("DELETE", f"{_AZURE}/analyzeResults/{{task_id}}"): _CHANGE_TASK,
    ("GET", f"{_AZURE}/analyzeResults/{{task_id}}/pdf"): _READ_TASK,
    ("PUT", f"{DOORS}openwebui/process"): _SEND,
    ("GET", f"{DOORS}tika/tika"): _SERVICE,
    ("PUT", f"{DOORS}tika/tika"): _SEND,
    ("PUT", f"{DOORS}tika/tika/text"): _SEND,
    ("PUT", f"{DOORS}tika/rmeta/text"): _SEND,
    ("PUT", f"{DOORS}tika/meta"): _SEND,
    ("POST", f"{_MISTRAL}/files"): _SEND,
    ("GET", f"{_MISTRAL}/files/{{task_id}}"): _READ_TASK,
    ("DELETE", f"{_MISTRAL}/files/{{task_id}}"): _CHANGE_TASK,
    ("GET", f"{_MISTRAL}/files/{{task_id}}/url"): _READ_TASK,
    ("POST", f"{_MISTRAL}/ocr"): _SEND,
}
"""The rule of every endpoint, by method and path."""


@dataclass(frozen=True)
class Endpoint:
    """The endpoint that a request is for.

    Attributes:
        path: Its path, with the names of parameters.
        parameters: Their values.
        rule: Who may use it; None if the path takes other methods only.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    rule: Rule | None

    @property
    def action(self) -> str:
        """Its name in the audit log."""
        return f"{self.method} {self.path}"


# paths without parameters come first, as they do in the routers
_PATTERNS = [
    (path, compile_path(path)[0]) for path in sorted({path for _, path in RULES}, key=lambda path: ("{" in path, path))
]


def endpoint_at(method: str, path: str) -> Endpoint | None:
    """The endpoint for a method at a path below the service's root; None if nothing is there."""
    for template, pattern in _PATTERNS:
        if found := pattern.match(path):
            return Endpoint(method, template, found.groupdict(), RULES.get((method, template)))
    return None


def check_rules(routers: Iterable[APIRouter]) -> None:
    """Check that every endpoint has a rule, and every rule an endpoint.

    Raises:
        RuntimeError: An endpoint without a rule, or a rule without an endpoint.
    """
    there = {key for key in RULES if key[1] == OPENAPI}
    for route in (route for router in routers for route in router.routes):
        methods, path = (route.methods, route.path) if isinstance(route, APIRoute) else ({"?"}, repr(route))
        there |= {(method, path) for method in methods or ()}
    if differences := sorted(there ^ RULES.keys()):
        raise RuntimeError(f"RULES and the endpoints differ: {differences}. Say who may use each endpoint.")


async def check_access(gate: Gate, caller: Caller, endpoint: Endpoint) -> None:
    """Check that the caller may use the endpoint.

    Raises:
        RequestRefused: `scope_missing`: its key does not allow that.
        NotFound: The task or batch in the path does not exist, or belongs to another caller.
    """
    rule = endpoint.rule
    if rule is None or rule.scope is None:
        return
    if not caller.scope.includes(rule.scope):
        message = f"Your key allows {caller.scope}; this needs {rule.scope}. Ask the operator for another key."
        raise RequestRefused("scope_missing", message, scope=caller.scope.value, needed=rule.scope.value)
    match rule.about:
        case About.TASK:
            task_id = await known_form(endpoint.parameters["task_id"])
            await gate.check_task(caller, task_id, endpoint.action)
        case About.BATCH:
            batch_id = await known_batch_form(endpoint.parameters["batch_id"])
            await gate.check_batch(caller, batch_id, endpoint.action)
        case About.LIST:
            await gate.note_all(caller, endpoint.action)
        case About.SERVICE:
            pass


def caller_of(request: Request) -> Caller:
    """The caller of a request that `Guard.check` admitted."""
    caller: Caller = request.scope[CALLER]
    return caller
