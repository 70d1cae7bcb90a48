"""Every setting, its default and its unit; only this module and `settings_loading` read the environment.

Each source overrides the ones before it: defaults, `pagemill.yaml`, environment `PAGEMILL_*` (two underscores join
sections: `PAGEMILL_TASKS__MAX_QUEUE_SIZE=200`), command line. An unknown key in any source is an error that names it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "PAGEMILL_"

_REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how a server on this machine is reached
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
DoorName = Literal["docling", "azure", "openwebui", "tika", "mistral"]
Percent = Annotated[int, Field(ge=6, le=100)]


@dataclass(frozen=True)
class Sensitive:
    """Marks a setting that is never shown.

    Attributes:
        keeps_address: It is a URL; only its password and query are hidden.
    """

    keeps_address: bool = False


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RetrySettings(_Section):
    """How failed pages are retried."""

    max_attempts: Count = 3
    """Attempts at a page before the page fails."""
    backoff_multiplier: Annotated[float, Field(ge=1)] = 2.0
    """Each wait before a retry is this many times the previous one."""
    memory_reduction_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """If a batch of lines runs out of memory, retry it at this share of its size; single lines are not reduced."""
    first_delay_seconds: Seconds = 1.0
    """Wait before the first retry."""
    max_crashes: Count = 2
    """Workers that a page may crash before Pagemill quarantines it."""


class TaskSettings(_Section):
    """The queue and the life of tasks."""

    max_queue_size: Count = 100
    """Maximum number of waiting tasks; the next one gets 429 with a Retry-After."""
    queue_timeout_seconds: Seconds = 300
    """A task expires if no worker begins one of its pages within this time after it was queued or refused a worker."""
    enable_priority_queue: bool = True
    """Take tasks by priority, which rises with waiting. Off: first in, first out."""
    enable_resource_tracking: bool = True
    """Record memory samples of running tasks in `task_metrics`."""
    cleanup_timeout_seconds: Seconds = 30
    """Longest time for the cleanup after a task."""
    retry: RetrySettings = RetrySettings()
    max_running: Count = 64
    """Maximum number of tasks that run at once and take turns with their pages; the others wait."""
    lease_seconds: Annotated[float, Field(gt=0, le=3600)] = 20
    """How long a server keeps its pages without renewing the lease; other servers may then take them."""
    page_timeout_seconds: Seconds = 120
    """Longest time for one page. A page that takes longer counts as hung, and Pagemill ends its worker."""
    pages_per_batch: Count = 4
    """Maximum number of pages that a worker gets at once for recognition."""
    retention_days: Annotated[float, Field(gt=0, le=36_500)] = 7
    """Days to keep finished tasks with their documents and results. A request can set a different time."""


class ServerSettings(_Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    """Address to listen on. For anything but loopback, create API keys and put a TLS proxy in front."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on. 0: any free port; Pagemill prints it."""
    max_upload_mb: Count = 512
    """Largest document, MiB."""
    max_concurrent_uploads: Count = 8
    """Maximum number of simultaneous uploads; one caller gets at most half of them."""
    uploads_per_minute: Count = 600
    """Maximum number of documents per minute from one caller: an API key, or an address if the API is open. This
    machine has no limit."""
    min_upload_kb_per_second: Annotated[float, Field(gt=0)] = 8
    """Lowest average speed of an upload after its first 20 s, KiB per second. Slower uploads are refused."""
    upload_timeout_seconds: Seconds = 3600
    """Longest time the server waits for one upload."""
    max_wait_seconds: Seconds = 120
    """Longest wait that `Prefer: wait=N` can ask for."""
    api_keys: Annotated[tuple[str, ...], Sensitive()] = ()
    """Bearer tokens that may use the API, for one machine or one person: each token is a separate caller with the scope
    `submit`. `pagemill keys create` makes keys that can expire, be revoked and have other scopes. Without any key, the
    API is open."""
    allow_open: bool = False
    """Serve other machines even without API keys: anyone who can reach the port may use the service."""
    audit_days: Annotated[float, Field(gt=0, le=36_500)] = 365
    """Days to keep the audit log, which records what admins did with the data of others."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names that clients may use, besides IP addresses and names without a dot that lead to this machine; "*"
    allows any name."""
    root_doors: tuple[DoorName, ...] = ()
    """Interfaces of other services to serve at the root, besides `/compat/NAME`: `docling`,
    `azure`, `openwebui`, `tika`, `mistral`."""
    idle_timeout_seconds: Seconds = 15
    """Close a connection that waits this long for a complete request head."""
    max_connections: Count = 1000
    """Maximum number of connections, if the limit on open files allows it. When all are in use, the server closes the
    one that has waited longest for a request."""
    max_connections_per_address: Count = 100
    """Maximum number of connections from one IPv4 address or one IPv6 /64 network."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses of proxies: their connections are not counted by address, and they may name the client's address in
    `X-Forwarded-For`."""


class CallerSettings(_Section):
    """Quotas of each caller. A caller is all API keys with one name; without keys, no quotas apply."""

    max_pages: Count = 200_000
    """Maximum number of unread pages in a caller's unfinished tasks. More get 429 with a Retry-After."""
    max_stored_mb: Count = 102_400
    """Maximum MiB of a caller's stored documents. More get 429 with a Retry-After."""


class PoolSettings(_Section):
    """Workers and their models."""

    services_per_device: Count | Literal["auto"] = "auto"
    """Workers on each device. auto: cores / threads_per_service on the CPU, one on each GPU."""
    threads_per_service: Count | Literal["auto"] = "auto"
    """Threads of one worker. auto: up to 4.

    One worker with 2 threads does as much as two workers with 1, in half the memory."""
    spare_after_seconds: Seconds | None = 0.1
    """How long a caller with nothing in progress waits while others use all workers on the CPU.

    After that, one more worker starts for it if memory allows, so that others' long pages do not delay it. none: it
    waits for its turn."""
    niceness: Annotated[int, Field(ge=0, le=19)] = 5
    """How far workers yield the CPU to other programs, to the server and to that additional worker, as in `nice`."""
    readers: Count = 1
    """Workers without models that read text layers. `documents.max_inspections` counts those that inspect uploads."""
    services_total: Count | None = None
    """Maximum number of workers that read pages at the same time, on all devices and readers together. none: no limit.

    A page waits up to `acquire_timeout_seconds` for a worker."""
    idle_timeout_seconds: Seconds = 300
    """Unload a model set that has been unused for this long: its process exits."""
    idle_timeouts_seconds: dict[str, Seconds] = Field(default_factory=dict)
    """Idle timeouts of single engines, by name; `reader` is the worker without an engine."""
    acquire_timeout_seconds: Seconds = 60
    """Longest wait for a free service; then the work fails with `pool_exhausted`."""
    load_timeout_seconds: Seconds = 120
    """Longest time for a worker to load its models."""
    worker_data_limit_mb: Count | None = None
    """`RLIMIT_DATA` of a worker once its models are loaded, MiB of private data. none: only its reservation limits it.

    An allocation over the limit fails in the worker as out of memory, before the guard has to end the worker."""
    sandbox: bool = True
    """Confine workers: each can read only code, models and its one document, and reaches no network or other process.

    Without the sandbox, a malicious document that takes over a worker can do everything that the server's user can.
    Turn it off only to debug, and send only documents that you trust while it is off."""


class MemorySettings(_Section):
    """Limits and levels of the memory guard."""

    limit_mb: Count | None = None
    """Maximum host memory to use, MiB. none: all that the machine and its cgroups allow."""
    soft_percent: Percent = 80
    """From this level on, load nothing new and unload idle models."""
    hard_percent: Percent = 90
    """From this level on, start no work. Reservations together never exceed this level."""
    emergency_percent: Percent = 95
    """From this level on, end workers whose work can be repeated, the newest first, one at a time."""

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if not self.soft_percent < self.hard_percent < self.emergency_percent:
            raise ValueError("set the levels so that soft_percent < hard_percent < emergency_percent")
        return self


class DocumentSettings(_Section):
    """Limits on documents, and how uploads are inspected."""

    max_pages: Count = 5000
    """Maximum number of pages of a document."""
    inspect_timeout_seconds: Seconds = 20
    """Longest time to inspect an upload; an upload waits up to the same time for its turn."""
    max_inspections: Count = 4
    """Maximum number of uploads inspected at once, each by its own reader if memory allows.

    A caller with an API key gets at most half of these places. An upload that gets no turn in time is answered 503
    with a Retry-After."""


class WebhookSettings(_Section):
    """Messages to other services when tasks end."""

    secret: Annotated[SecretStr | None, Sensitive()] = None
    """Secret that signs messages: whsec_ and at least 24 random bytes in Base64. Without it, no webhooks are sent."""
    allow_private: bool = False
    """Also deliver to this machine and to private networks, such as 10.0.0.0/8 and fc00::/7."""
    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    """Further networks to deliver to, such as `100.64.0.0/10`: carriers', link-local and other special addresses."""


class AlertSettings(_Section):
    """Where to report problems."""

    webhook_url: Annotated[str | None, Sensitive()] = None
    """URL that gets a signed webhook when a page runs out of memory."""


class NodeSettings(_Section):
    """This server among others on one PostgreSQL."""

    name: str | None = None
    """Its name for people. none: the host name."""
    machine_id: str | None = None
    """The id of its machine. none: the host name and `/etc/machine-id`. Set it if two machines have the same."""


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path("data")
    """Folder for the database, uploads and working files."""
    database_url: Annotated[str | None, Sensitive(keeps_address=True)] = None
    """SQLAlchemy URL of the database. none: SQLite in `data_dir`. PostgreSQL: `postgresql+psycopg://user@host/name`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log messages of this severity and above."""
    log_format: Literal["console", "json"] = "console"
    """console: text for people. json: one JSON object per line."""
    server_url: Annotated[str | None, Sensitive(keeps_address=True)] = None
    """URL at which the command line finds the service. none: the address in `server`."""
    api_key: Annotated[SecretStr | None, Sensitive()] = None
    """API key for the command line. none: the first of `server.api_keys`, unless `server_url` is set."""
    server: ServerSettings = ServerSettings()
    callers: CallerSettings = CallerSettings()
    tasks: TaskSettings = TaskSettings()
    pool: PoolSettings = PoolSettings()
    memory: MemorySettings = MemorySettings()
    documents: DocumentSettings = DocumentSettings()
    webhooks: WebhookSettings = WebhookSettings()
    alerts: AlertSettings = AlertSettings()
    node: NodeSettings = NodeSettings()
    engines: dict[str, dict[str, str | int | float | bool]] = Field(default_factory=dict)
    """More settings of single engines, by name."""

    @model_validator(mode="after")
    def _downloads_need_the_network(self) -> Self:
        for name, options in self.engines.items():
            if options.get("allow_download") and self.pool.sandbox:
                raise ValueError(
                    f"engines.{name}.allow_download downloads models while a worker loads, and a worker in the sandbox "
                    "has no network. Set pool.sandbox to false until the models are downloaded, or put them where the "
                    "engine looks for them; `pagemill engines` lists the places"
                )
        return self

    @property
    def resolved_database_url(self) -> str:
        """The URL of the database to use."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'pagemill.db'}"

    @property
    def resolved_server_url(self) -> str:
        """The URL at which the command line finds the service."""
        host = _REACHED_BY.get(self.server.host, self.server.host)
        return self.server_url or f"http://{f'[{host}]' if ':' in host else host}:{self.server.port}"

    @property
    def resolved_api_key(self) -> str | None:
        """The API key that the command line uses."""
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        return self.server.api_keys[0] if self.server.api_keys and not self.server_url else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the base class's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the values passed in: `load_settings` reads and merges all sources itself."""
        return (init_settings,)
