"""Turns the settings, in the units of users, into the configuration of each part."""

import os
import secrets
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pagemill.domain.memory import CPU, MIB, DeviceId
from pagemill.domain.outgoing import OutgoingRules
from pagemill.domain.task.task import RetryPolicy
from pagemill.domain.work.engine_spec import EngineSpec, StructureSpec
from pagemill.engines.registry import engine_specs
from pagemill.memory.guard import GuardConfig
from pagemill.memory.guard_decisions import GuardRules
from pagemill.memory.levels import Levels
from pagemill.pool.pool_config import ModelManagerConfig, PoolConfig, WorkerConfig
from pagemill.settings import PoolSettings, Settings
from pagemill.store.quotas import CallerQuota
from pagemill.store.task_queue import QueueConfig
from pagemill.tasks.decisions.plan import READER_LANE, ChunkLimits
from pagemill.tasks.duties.expiry import ExpiryConfig
from pagemill.tasks.duties.heartbeat import HeartbeatConfig
from pagemill.tasks.duties.peer_watch import PeerWatchConfig
from pagemill.tasks.duties.pruning import PruningConfig
from pagemill.tasks.duties.rescuer import RescuerConfig
from pagemill.tasks.duties.watchdog import Waits, WatchdogConfig, longest_silence
from pagemill.tasks.duties.webhook_setup import WebhookConfig
from pagemill.tasks.nodes import NodeRules
from pagemill.tasks.work.chunk_params import ChunkRules
from pagemill.tasks.work.chunks import ChunkConfig
from pagemill.tasks.work.dispatcher import DispatcherConfig
from pagemill.web.connections import ConnectionRules
from pagemill.web.timed_body import BodyRules
from pagemill.web.web_config import WebConfig

LOCAL_OWNER = "local"
MOST_AUTOMATIC_THREADS = 4
_MACHINE_ID = Path("/etc/machine-id")
OTHERS_GRACE = timedelta(seconds=30)
"""How long another server has to finish what it began, before this server does it."""


def services_by_device(settings: Settings, devices: list[DeviceId]) -> Mapping[DeviceId, int]:
    """Places for services on each device."""
    wanted = settings.pool.services_per_device
    if wanted != "auto":
        return dict.fromkeys(devices, wanted)
    return {device: max(1, _cores() // threads(settings)) if device == CPU else 1 for device in devices}


def threads(settings: Settings) -> int:
    """Threads of one engine."""
    wanted = settings.pool.threads_per_service
    return min(MOST_AUTOMATIC_THREADS, _cores()) if wanted == "auto" else wanted


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def is_alone(settings: Settings) -> bool:
    """Whether no other server can work on the same tasks."""
    return settings.resolved_database_url.startswith("sqlite")


def owner(settings: Settings) -> str:
    """The name of this server in leases: always the same on SQLite (one server at a time), unique on PostgreSQL."""
    if is_alone(settings):
        return LOCAL_OWNER
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def machine_id(settings: Settings) -> str:
    """The id of this machine: of its host name and `/etc/machine-id`, which containers of one image share."""
    if settings.node.machine_id is not None:
        return settings.node.machine_id
    written = _MACHINE_ID.read_text().strip() if _MACHINE_ID.is_file() else ""
    return "-".join(filter(None, (socket.gethostname(), written[:12])))


def node_name(settings: Settings) -> str:
    """The name of this server for people."""
    return settings.node.name or socket.gethostname()


def node_rules(settings: Settings) -> NodeRules:
    """How long nodes count."""
    return NodeRules(
        gone_after=timedelta(seconds=settings.tasks.lease_seconds),
        awaited_for=timedelta(seconds=settings.tasks.queue_timeout_seconds),
    )


def heartbeat_config(settings: Settings) -> HeartbeatConfig:
    """Configuration of the heartbeat: a node that misses three beats in a row is not gone yet."""
    return HeartbeatConfig(interval=timedelta(seconds=settings.tasks.lease_seconds / 4))


def peer_watch_config(settings: Settings) -> PeerWatchConfig:
    """Configuration of the watch of other nodes: it sees new ones after their first heartbeat."""
    return PeerWatchConfig(interval=heartbeat_config(settings).interval)


def environments(settings: Settings) -> Path:
    """The folder of the separate Python environments of engines."""
    return settings.data_dir.resolve() / "engines"


def engines(settings: Settings) -> Mapping[str, EngineSpec]:
    """The engines that come with Pagemill, by name, as installed here."""
    return engine_specs(settings.engines, environments=environments(settings))


def queue_config(settings: Settings) -> QueueConfig:
    """Configuration of the queue."""
    return QueueConfig(
        max_queue_size=settings.tasks.max_queue_size,
        enable_priority_queue=settings.tasks.enable_priority_queue,
        quota=CallerQuota(pages=settings.callers.max_pages, stored_bytes=settings.callers.max_stored_mb * MIB),
    )


def guard_config(settings: Settings) -> GuardConfig:
    """Configuration of the memory guard."""
    memory = settings.memory
    levels = Levels(soft=memory.soft_percent, hard=memory.hard_percent, emergency=memory.emergency_percent)
    caps = {CPU: memory.limit_mb * MIB} if memory.limit_mb is not None else {}
    return GuardConfig(rules=GuardRules(levels=levels), caps=caps)


def model_manager_config(
    settings: Settings,
    services: Mapping[DeviceId, int],
    structure: StructureSpec,
    *,
    gpu_uuids: Mapping[DeviceId, str],
) -> ModelManagerConfig:
    """Configuration of the model manager."""
    return ModelManagerConfig(
        threads=threads(settings),
        workers_per_key=max(services.values(), default=1),
        readers=settings.pool.readers + settings.documents.max_inspections,
        idle_timeout=timedelta(seconds=settings.pool.idle_timeout_seconds),
        idle_timeouts={
            engine: timedelta(seconds=seconds) for engine, seconds in settings.pool.idle_timeouts_seconds.items()
        },
        engine_options=settings.engines,
        structure_factory=structure.factory,
        niceness=settings.pool.niceness,
        worker=_worker_config(settings.pool),
        gpu_uuids=gpu_uuids,
    )


def _worker_config(pool: PoolSettings) -> WorkerConfig:
    limit_mb = pool.worker_data_limit_mb
    return WorkerConfig(
        start_limit=timedelta(seconds=pool.load_timeout_seconds),
        data_limit_bytes=None if limit_mb is None else limit_mb * MIB,
    )


def pool_config(settings: Settings, services: Mapping[DeviceId, int]) -> PoolConfig:
    """Configuration of the pool."""
    inspection = timedelta(seconds=settings.documents.inspect_timeout_seconds)
    spare_s = settings.pool.spare_after_seconds
    return PoolConfig(
        services=services,
        readers=settings.pool.readers,
        services_total=settings.pool.services_total,
        spare_after=None if spare_s is None else timedelta(seconds=spare_s),
        inspections=settings.documents.max_inspections,
        max_pages=settings.documents.max_pages,
        acquire_wait=timedelta(seconds=settings.pool.acquire_timeout_seconds),
        inspect_limit=inspection,
        inspect_wait=inspection,
    )


def dispatcher_config(settings: Settings, services: Mapping[DeviceId, int]) -> DispatcherConfig:
    """Configuration of the dispatcher."""
    lanes = {**{str(device): places for device, places in services.items()}, READER_LANE: settings.pool.readers}
    most = settings.pool.services_total or sum(lanes.values())
    return DispatcherConfig(
        capacity={lane: min(places, most) for lane, places in lanes.items()},
        spare=() if settings.pool.spare_after_seconds is None else (str(CPU),),
        max_running=settings.tasks.max_running,
        limits=ChunkLimits(ocr=settings.tasks.pages_per_batch),
    )


def chunk_config(settings: Settings, owner: str) -> ChunkConfig:
    """Configuration of the chunk runner; `owner` names this server in leases."""
    return ChunkConfig(
        owner=owner,
        lease_for=timedelta(seconds=settings.tasks.lease_seconds),
        acquire_wait=timedelta(seconds=settings.pool.acquire_timeout_seconds),
    )


def chunk_rules(settings: Settings) -> ChunkRules:
    """Rules for every chunk."""
    return ChunkRules(
        page_timeout=timedelta(seconds=settings.tasks.page_timeout_seconds),
        reduction=settings.tasks.retry.memory_reduction_factor,
    )


def watchdog_config(settings: Settings) -> WatchdogConfig:
    """Configuration of the watchdog."""
    room, worker = ModelManagerConfig.room_wait, _worker_config(settings.pool)
    waits = Waits(
        queue=timedelta(seconds=settings.tasks.queue_timeout_seconds),
        service=timedelta(seconds=settings.pool.acquire_timeout_seconds),
        memory=room,
        load=worker.start_limit,
        page=timedelta(seconds=settings.tasks.page_timeout_seconds),
        lease=timedelta(seconds=settings.tasks.lease_seconds),
    )
    return WatchdogConfig(silence=longest_silence(waits, retry_policy(settings)))


def rescuer_config(settings: Settings, owner: str) -> RescuerConfig:
    """Configuration of the rescuer. A server that starts takes back at once what `owner` leased before it died."""
    return RescuerConfig(grace=timedelta(0) if is_alone(settings) else OTHERS_GRACE, dead_owner=owner)


def expiry_config(settings: Settings) -> ExpiryConfig:
    """Configuration of expiry."""
    return ExpiryConfig(timedelta(seconds=settings.tasks.queue_timeout_seconds))


def pruning_config(settings: Settings) -> PruningConfig:
    """Configuration of pruning."""
    data = settings.data_dir.resolve()
    days = settings.tasks.retention_days
    return PruningConfig(
        tasks_for=timedelta(days=days),
        uploads=data / "uploads",
        work_dir=data / "work",
        audit_for=timedelta(days=settings.server.audit_days),
    )


def retry_policy(settings: Settings) -> RetryPolicy:
    """When failed pages are tried again."""
    retry = settings.tasks.retry
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        backoff_multiplier=retry.backoff_multiplier,
        memory_reduction_factor=retry.memory_reduction_factor,
        first_delay=timedelta(seconds=retry.first_delay_seconds),
        max_crashes=retry.max_crashes,
    )


def outgoing_rules(settings: Settings) -> OutgoingRules:
    """Addresses that the service may send to on behalf of callers."""
    return OutgoingRules(
        allow_private=settings.webhooks.allow_private, allowed=tuple(settings.webhooks.allowed_networks)
    )


def webhook_config(settings: Settings) -> WebhookConfig:
    """Configuration of webhooks and alerts."""
    secret = settings.webhooks.secret
    return WebhookConfig(
        secret=None if secret is None else secret.get_secret_value(),
        outgoing=outgoing_rules(settings),
        alert_url=settings.alerts.webhook_url,
    )


def connection_rules(settings: Settings) -> ConnectionRules:
    """The HTTP server's limits on connections."""
    server = settings.server
    return ConnectionRules(
        most=server.max_connections,
        most_by_address=server.max_connections_per_address,
        trusted_proxies=server.trusted_proxies,
        idle_timeout=timedelta(seconds=server.idle_timeout_seconds),
    )


def web_config(
    settings: Settings, *, uploads: Path, engines: Mapping[str, EngineSpec], has_structure: bool = False
) -> WebConfig:
    """Configuration of the HTTP side."""
    return WebConfig(
        uploads=uploads,
        max_upload_bytes=settings.server.max_upload_mb * MIB,
        max_concurrent_uploads=settings.server.max_concurrent_uploads,
        uploads_per_minute=settings.server.uploads_per_minute,
        trusted_proxies=settings.server.trusted_proxies,
        body=BodyRules(
            least_bytes_per_second=settings.server.min_upload_kb_per_second * 1024,
            longest=timedelta(seconds=settings.server.upload_timeout_seconds),
        ),
        max_wait=timedelta(seconds=settings.server.max_wait_seconds),
        api_keys=settings.server.api_keys,
        allowed_hosts=settings.server.allowed_hosts,
        root_doors=settings.server.root_doors,
        has_structure=has_structure,
        profiles={
            spec.name: [profile.name for profile in spec.profiles] for spec in engines.values() if not spec.unusable
        },
        guard_percent={
            "soft": settings.memory.soft_percent,
            "hard": settings.memory.hard_percent,
            "emergency": settings.memory.emergency_percent,
        },
        idle_timeout=timedelta(seconds=settings.pool.idle_timeout_seconds),
    )
