"""Every setting, its default and its unit; the only module that reads the environment.

Sources in rising order: defaults, `pagemill.yaml`, environment `PAGEMILL_*` (sections joined by two underscores:
`PAGEMILL_TASKS__MAX_QUEUE_SIZE=200`), command line. An unknown key is refused by name, in every source.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from pagemill.domain.errors import InvalidSettings

PREFIX = "PAGEMILL_"
CONFIG_VARIABLE = "PAGEMILL_CONFIG"
DEFAULT_FILE = Path("pagemill.yaml")

_REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how a server on this machine is reached
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=6, le=100)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RetrySettings(_Section):
    """When a failed page is tried again."""

    max_attempts: Count = 3
    """Times a page's own work may fail before the page is given up."""
    backoff_multiplier: Annotated[float, Field(ge=1)] = 2.0
    """Each wait before a retry is this many times the one before."""
    memory_reduction_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A batch of lines that ran out of memory is tried again at this share of its size; lines read singly are not."""
    first_delay_seconds: Seconds = 1.0
    """Wait before the first retry."""
    max_crashes: Count = 2
    """Workers a page may kill before it is quarantined."""


class TaskSettings(_Section):
    """The queue and what becomes of tasks."""

    max_queue_size: Count = 100
    """Tasks that may wait; one more is answered 429 with a Retry-After."""
    queue_timeout_seconds: Seconds = 300
    """A task expires once no worker has begun on a page of it for so long, since it was queued or refused a worker."""
    enable_priority_queue: bool = True
    """Off: first in, first out."""
    enable_resource_tracking: bool = True
    """Sample the memory of running tasks into `task_metrics`."""
    cleanup_timeout_seconds: Seconds = 30
    """Longest a task's cleanup may take."""
    retry: RetrySettings = RetrySettings()
    max_running: Count = 64
    """Tasks whose pages are worked in turns; the others wait."""
    lease_seconds: Annotated[float, Field(gt=0, le=3600)] = 20
    """A worker's right to its pages, renewed while the server lives; pages of a dead server are free after it."""
    page_timeout_seconds: Seconds = 120
    """A page that takes longer counts as hung, and its worker is ended."""
    pages_per_batch: Count = 4
    """Most pages a worker is given at once to recognise."""
    retention_days: Annotated[float, Field(gt=0, le=36_500)] = 7
    """Tasks that are over are deleted after this, with their documents and results, unless they asked for another."""


class ServerSettings(_Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback wants `api_keys` and a TLS proxy before it."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free port and prints it."""
    max_upload_mb: Count = 512
    """Largest document, MiB."""
    max_concurrent_uploads: Count = 8
    """Uploads received at the same time."""
    max_wait_seconds: Seconds = 120
    """Longest a `Prefer: wait=N` is honoured."""
    api_keys: tuple[str, ...] = ()
    """Bearer tokens that may use the API; none leaves it open."""
    allowed_hosts: tuple[str, ...] = ()
    """Names the service is reached by, beside IP addresses and names without a dot; "*" for any."""


class PoolSettings(_Section):
    """Workers and the models they keep."""

    services_per_device: Count | Literal["auto"] = "auto"
    """Workers on each device; auto: cores / threads_per_service on the CPU, one on each GPU."""
    threads_per_service: Count | Literal["auto"] = "auto"
    """Threads one worker computes with; auto: up to 4.

    One worker with 2 threads does as much as two workers with 1, in half the memory."""
    readers: Count = 1
    """Workers without models that take text layers; `documents.max_inspections` is about those that see uploads."""
    services_total: Count | None = None
    """Most workers that read pages at the same time, on all devices and readers together; none: all there are.

    A page that finds none waits `acquire_timeout_seconds` for one."""
    idle_timeout_seconds: Seconds = 300
    """A model set unused this long is unloaded: its process exits."""
    idle_timeouts_seconds: dict[str, Seconds] = Field(default_factory=dict)
    """The same for single engines, by name, where it differs; `reader` is the worker without an engine."""
    acquire_timeout_seconds: Seconds = 60
    """Longest wait for a free service before `pool_exhausted`."""
    load_timeout_seconds: Seconds = 120
    """Longest a worker may take to load its models."""
    worker_data_limit_mb: Count | None = None
    """`RLIMIT_DATA` of a worker once its models are loaded, MiB of private data; none: only its promise binds it.

    What would exceed it fails as out of memory in the worker, before the guard has to end it."""


class MemorySettings(_Section):
    """Limits and levels of the memory guard."""

    limit_mb: Count | None = None
    """Use no more host memory than this, MiB; none: what the machine and its cgroups allow."""
    soft_percent: Percent = 80
    """From here on nothing new is loaded, and idle models go."""
    hard_percent: Percent = 90
    """From here on no work is started; promises end here too."""
    emergency_percent: Percent = 95
    """From here on the newest retriable worker is ended, one at a time."""

    @model_validator(mode="after")
    def _levels_rise(self) -> Self:
        if not self.soft_percent < self.hard_percent < self.emergency_percent:
            raise ValueError("soft_percent < hard_percent < emergency_percent must hold")
        return self


class DocumentSettings(_Section):
    """What is accepted at the door."""

    max_pages: Count = 5000
    """Pages a document may have."""
    inspect_timeout_seconds: Seconds = 20
    """Longest the first look at an upload may take; as long it may wait for its turn."""
    max_inspections: Count = 4
    """Uploads that are looked at together, each by a reader of its own where there is memory for that.

    A caller with an API key has at most half of them. Who gets no turn in time is answered 503 with a Retry-After."""


class WebhookSettings(_Section):
    """Messages to other services when tasks end."""

    secret: SecretStr | None = None
    """What messages are signed with: whsec_ and at least 24 random bytes in Base64; without it none are sent."""
    allow_private: bool = False
    """Deliver to addresses of one's own network too."""


class AlertSettings(_Section):
    """Whom to tell when something is wrong."""

    webhook_url: str | None = None
    """Told of pages that run out of memory, by a signed webhook."""


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
    """Where the database, uploads and working files live."""
    database_url: str | None = None
    """SQLAlchemy URL; none: SQLite in `data_dir`. PostgreSQL: `postgresql+psycopg://user@host/name`."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe messages that are logged."""
    log_format: Literal["console", "json"] = "console"
    """For people, or one JSON object a line."""
    server_url: str | None = None
    """Where the command line finds the service; none: where `server` says that it listens."""
    api_key: SecretStr | None = None
    """The API key the command line uses; none: without `server_url`, the first of `server.api_keys`."""
    server: ServerSettings = ServerSettings()
    tasks: TaskSettings = TaskSettings()
    pool: PoolSettings = PoolSettings()
    memory: MemorySettings = MemorySettings()
    documents: DocumentSettings = DocumentSettings()
    webhooks: WebhookSettings = WebhookSettings()
    alerts: AlertSettings = AlertSettings()
    engines: dict[str, dict[str, str | int | float | bool]] = Field(default_factory=dict)
    """Further settings of each engine, by its name."""

    @property
    def resolved_database_url(self) -> str:
        """The database to use, the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'pagemill.db'}"

    @property
    def resolved_server_url(self) -> str:
        """Where the command line finds the service, the default filled in."""
        host = _REACHED_BY.get(self.server.host, self.server.host)
        return self.server_url or f"http://{f'[{host}]' if ':' in host else host}:{self.server.port}"

    @property
    def resolved_api_key(self) -> str | None:
        """The API key the command line uses, the default filled in."""
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
        """Only what is handed in: `load_settings` merges the sources, so that nothing is read behind its back."""
        return (init_settings,)


def load_settings(file: Path | None = None, *, overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from all sources.

    Args:
        file: The configuration file; None looks at `PAGEMILL_CONFIG`, then for `pagemill.yaml` here.
        overrides: What the command line says, nested like the file.

    Raises:
        InvalidSettings: A key is unknown or a value cannot be used; the message names each with its remedy.
    """
    path = _config_file(file)
    _refuse_unknown_variables(os.environ)
    try:
        from_file = YamlConfigSettingsSource(Settings, yaml_file=path)() if path else {}
        values = _merge(_merge(from_file, EnvSettingsSource(Settings)()), overrides or {})
        return Settings(**values)
    except ValidationError as error:
        raise InvalidSettings(_explain(error, path)) from error
    except (yaml.YAMLError, SettingsError, ValueError, TypeError) as error:
        raise InvalidSettings(f"The settings cannot be read ({path or 'environment'}): {error}") from error


def _config_file(given: Path | None) -> Path | None:
    named = given or (Path(os.environ[CONFIG_VARIABLE]) if CONFIG_VARIABLE in os.environ else None)
    if named is not None and not named.is_file():
        raise InvalidSettings(f"There is no configuration file {named}.")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(known, value)
        else:
            merged[key] = value
    return merged


def _refuse_unknown_variables(variables: Iterable[str]) -> None:
    fields = {PREFIX + name.upper() for name in Settings.model_fields}
    for variable in sorted(variables):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        top = variable.split("__", maxsplit=1)[0]
        if top not in fields:
            raise InvalidSettings(f"The environment variable {variable} is no setting.{_did_you_mean(top, fields)}")


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {close[0]}?" if close else " `pagemill config schema` lists them all."


def _explain(error: ValidationError, path: Path | None) -> str:
    problems = []
    for detail in error.errors():
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            problems.append(f"{key}: there is no such setting.{_did_you_mean(key, _dotted_keys(Settings))}")
        else:
            problems.append(f"{key}: {detail['msg']} (got {detail['input']!r}).")
    return f"Settings refused ({path or 'environment and command line'}): " + " ".join(problems)


def _dotted_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        keys.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys.extend(_dotted_keys(field.annotation, f"{prefix}{name}."))
    return keys
