"""Builds the HTTP API."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from pagemill.domain.task.results import ResultWriter
from pagemill.tasks.access import Access
from pagemill.tasks.access.gate import Gate
from pagemill.tasks.access.key_ring import KeyRing
from pagemill.tasks.batch_manager import DocumentBatchManager
from pagemill.tasks.engine_reader import EngineReader
from pagemill.tasks.manager import TaskManager
from pagemill.tasks.progress.event_feed import EventFeed
from pagemill.tasks.results.page_views import PageViews
from pagemill.tasks.results.result_files import ResultFiles
from pagemill.tasks.task_reader import TaskReader
from pagemill.version import __version__
from pagemill.web.access import check_rules
from pagemill.web.allowed import AllowedMethods
from pagemill.web.audit_endpoints import AuditEndpoints
from pagemill.web.batch_endpoints import BatchEndpoints
from pagemill.web.compat.all_doors import all_doors
from pagemill.web.compat.door_tasks import DoorTasks
from pagemill.web.compat.entrance import Entrance
from pagemill.web.dashboard_routes import Dashboard
from pagemill.web.engine_endpoints import EngineEndpoints
from pagemill.web.event_endpoints import EventEndpoints
from pagemill.web.frame import RequestFrame
from pagemill.web.guards import Guard
from pagemill.web.head_requests import HeadRequests
from pagemill.web.openapi import openapi_document
from pagemill.web.own_names import OwnNames
from pagemill.web.page_endpoints import PageEndpoints
from pagemill.web.problems import install_problem_handlers
from pagemill.web.prometheus import PrometheusEndpoint
from pagemill.web.result_endpoints import ResultEndpoints
from pagemill.web.schema_endpoints import SchemaEndpoints
from pagemill.web.service import ReadinessCheck, ServiceEndpoints
from pagemill.web.status_endpoints import StatusEndpoints
from pagemill.web.task_endpoints import TaskEndpoints
from pagemill.web.uploads import UploadStore
from pagemill.web.web_config import WebConfig

DESCRIPTION = "Documents in, text out. Every error is a problem detail (RFC 9457)."


class PagemillApi(FastAPI):
    """FastAPI with an OpenAPI document that describes what the service really sends."""

    with_keys: Callable[[], bool] = staticmethod(lambda: False)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; built on first use, and rebuilt when the service begins or ceases to need keys."""
        with_keys = self.with_keys()
        if self.openapi_schema is None or ("security" in self.openapi_schema) is not with_keys:
            self.openapi_schema = openapi_document(self, with_keys=with_keys)
        return self.openapi_schema


def create_api(
    commands: TaskManager,
    reads: TaskReader,
    *,
    batches: DocumentBatchManager,
    following: EventFeed,
    views: PageViews,
    files: ResultFiles,
    engines: EngineReader,
    writers: Mapping[str, ResultWriter],
    access: Access,
    config: WebConfig,
    checks: Mapping[str, ReadinessCheck] | None = None,
    schemas: Mapping[str, str] | None = None,
) -> FastAPI:
    """The ASGI application of the server process.

    Args:
        commands: Creates, starts, cancels, retries and deletes tasks.
        reads: Reads tasks, pages, events and the service's status.
        batches: Creates, reads, cancels and deletes batches.
        following: Streams events and changes of tasks.
        views: Text and pictures of single pages.
        files: Makes results as files.
        engines: Describes the engines.
        writers: Result formats by name, the default first; every look-up makes a writer for one result.
        access: Keys, owners and the audit log.
        config: Limits, keys and names.
        checks: What `/readyz` checks, by name; a check raises if its part does not work.
        schemas: JSON Schemas to publish, by name.
    """
    ring = KeyRing(access.keys, access.clock, fixed=config.api_keys)
    api = _bare_api(with_keys=lambda: ring.is_closed)
    dashboard = Dashboard()
    uploads = _upload_store(config)
    gate = Gate(access.owners, access.audit)
    doors = all_doors(
        DoorTasks(
            commands,
            reads,
            uploads=uploads,
            writers=writers,
            files=files,
            gate=gate,
            engines=engines,
            has_structure=config.has_structure,
        )
    )
    routers = (
        ServiceEndpoints(checks or {}, page=dashboard.page).router(),
        dashboard.router(),
        SchemaEndpoints(schemas or {}).router(),
        PrometheusEndpoint(reads, uploads).router(),
        AuditEndpoints(access.audit).router(),
        EventEndpoints(reads, following).router(),
        BatchEndpoints(batches, uploads=uploads).router(),
        StatusEndpoints(reads, writers=writers, config=config).router(),
        EngineEndpoints(engines).router(),
        PageEndpoints(views).router(),
        TaskEndpoints(commands, reads, uploads=uploads, config=config).router(),
        ResultEndpoints(reads, writers=writers, files=files).router(),
        *(door.router() for door in doors),
    )
    check_rules(routers)
    _open(api, routers, ring=ring, gate=gate, config=config)
    api.add_middleware(Entrance, doors=doors, at_root=config.root_doors)
    return api


def create_probes(
    reads: TaskReader, *, access: Access, config: WebConfig, checks: Mapping[str, ReadinessCheck] | None = None
) -> FastAPI:
    """The ASGI application of a node, which takes no requests: probes and metrics; see `create_api`."""
    ring = KeyRing(access.keys, access.clock, fixed=config.api_keys)
    api = _bare_api(with_keys=lambda: ring.is_closed)
    routers = (
        ServiceEndpoints(checks or {}, page=Dashboard().page).probes(),
        PrometheusEndpoint(reads, _upload_store(config)).router(),
    )
    _open(api, routers, ring=ring, gate=Gate(access.owners, access.audit), config=config)
    return api


def _upload_store(config: WebConfig) -> UploadStore:
    return UploadStore(
        config.uploads,
        max_bytes=config.max_upload_bytes,
        max_concurrent=config.max_concurrent_uploads,
        per_minute=config.uploads_per_minute,
    )


def _open(api: PagemillApi, routers: Sequence[APIRouter], *, ring: KeyRing, gate: Gate, config: WebConfig) -> None:
    """Let requests reach these endpoints, each through the guard."""
    for router in routers:
        api.include_router(router)
    install_problem_handlers(api, AllowedMethods(routers))
    guard = Guard(
        ring=ring,
        gate=gate,
        allowed_hosts=config.allowed_hosts,
        trusted=config.trusted_proxies,
        names=OwnNames(),
    )
    api.add_middleware(RequestFrame, guard=guard, body=config.body)
    api.add_middleware(HeadRequests)


def _bare_api(*, with_keys: Callable[[], bool]) -> PagemillApi:
    """The API without endpoints."""
    # no docs pages: the framework's load scripts from another host, which an offline service cannot
    api = PagemillApi(
        title="Pagemill",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.with_keys = with_keys
    return api
