"""`GET /metrics`: the status of the service for Prometheus.

Names begin with `pagemill_`, units are base units (seconds, bytes), and no label has values that grow with use: no
task, worker or caller has a series of its own. Counters begin at zero with the server process.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pagemill.domain.errors import TaskFailureReason
from pagemill.domain.reports.service_status import Durations, ServiceStatus
from pagemill.domain.task.task import Rung, TaskStatus, rung_name
from pagemill.domain.work.nodes import NodeState
from pagemill.domain.work.outcomes import LossCause
from pagemill.tasks.task_reader import TaskReader
from pagemill.version import __version__
from pagemill.web.openapi import ANYWHERE, problem_responses
from pagemill.web.uploads import UploadCounts, UploadStore


class PrometheusEndpoint:
    """Serves a snapshot of the service in Prometheus' format."""

    def __init__(self, reads: TaskReader, uploads: UploadStore) -> None:
        self._reads = reads
        self._uploads = uploads

    def router(self) -> APIRouter:
        """The endpoint at its path."""
        types = (CONTENT_TYPE_PLAIN_0_0_4, "application/openmetrics-text")
        text = {
            "content": {media_type: {"schema": {"type": "string"}} for media_type in types},
            "description": "Prometheus' text format, or OpenMetrics.",
        }
        router = APIRouter(tags=["service"], responses=problem_responses(*ANYWHERE))
        router.add_api_route(
            "/metrics", self.metrics, response_class=Response, summary="Metrics for Prometheus", responses={200: text}
        )
        return router

    async def metrics(self, request: Request) -> Response:
        """Every number about the service, in the text format or as OpenMetrics, as the reader prefers."""
        collector = StatusCollector(await self._reads.status(), self._uploads.counts())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})


class StatusCollector(Collector):
    """The metrics of one snapshot."""

    def __init__(self, status: ServiceStatus, uploads: UploadCounts) -> None:
        self._status = status
        self._uploads = uploads

    def describe(self) -> Iterator[Metric]:
        """Nothing: no other collector shares the registry, so names cannot clash."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield InfoMetricFamily("pagemill", "The running version.", {"version": __version__})
        yield from self._tasks()
        yield from self._work()
        yield from self._memory()
        yield from self._pool()
        yield from self._collect_uploads()
        yield from self._nodes()

    def _tasks(self) -> Iterator[Metric]:
        queue = self._status.queue
        counts = {status.value: queue.tasks.get(status, 0) for status in TaskStatus}
        yield _gauges("pagemill_tasks", "Tasks kept, by status.", "status", counts)
        yield _gauge("pagemill_backlog_pages", "Pages of unfinished tasks that are not done yet.", queue.waiting_pages)
        wait_s = queue.oldest_wait.total_seconds()
        yield _gauge("pagemill_queue_oldest_wait_seconds", "How long the oldest waiting task has waited.", wait_s)

    def _work(self) -> Iterator[Metric]:
        work = self._status.work
        outcomes = {
            "read": sum(sum(durations.counts) for durations in work.pages_read.values()),
            "retried": work.pages_retried,
            "failed": work.pages_failed,
        }
        yield _counters(
            "pagemill_pages", "Finished pages, by outcome; failed: after all attempts.", "outcome", outcomes
        )
        failures = {reason.value: work.failed_for.get(reason, 0) for reason in TaskFailureReason}
        yield _counters("pagemill_page_failures", "Failed pages, by reason.", "reason", failures)
        durations = HistogramMetricFamily(
            "pagemill_page_duration_seconds", "Time that workers spent on pages, by stage.", labels=["stage"]
        )
        for stage, taken in work.pages_read.items():
            durations.add_metric([stage.value], _buckets(taken), taken.total_s)
        yield durations
        rungs = {rung_name(rung): work.oom_recoveries.get(rung, 0) for rung in (*list(Rung)[1:], None)}
        yield _counters("pagemill_oom_recoveries", "Pages that ran out of memory, by what came next.", "rung", rungs)
        stalled = "Tasks that Pagemill ended because nothing happened in them; each is a fault in the service."
        yield CounterMetricFamily("pagemill_tasks_stalled", stalled, value=work.tasks_stalled)
        losses = {cause.value: work.worker_losses.get(cause, 0) for cause in LossCause}
        yield _counters("pagemill_worker_losses", "Workers lost while they held a page, by cause.", "cause", losses)

    def _memory(self) -> Iterator[Metric]:
        devices = self._status.devices
        limits: dict[str, float] = {each.device: each.limit_bytes for each in devices}
        used: dict[str, float] = {each.device: each.used_bytes for each in devices}
        reserved: dict[str, float] = {each.device: each.reserved_bytes for each in devices}
        levels: dict[str, float] = {each.device: each.level.value for each in devices}
        yield _gauges("pagemill_memory_limit_bytes", "Memory limit.", "device", limits)
        yield _gauges("pagemill_memory_used_bytes", "Memory in use, by all programs.", "device", used)
        yield _gauges("pagemill_memory_reserved_bytes", "Memory reserved for workers.", "device", reserved)
        yield _gauges("pagemill_memory_level", "0 normal, 1 soft, 2 hard, 3 emergency.", "device", levels)
        tightest, loosest = _drifts(self._status)
        yield _gauges(
            "pagemill_estimate_ratio_p99",
            "Peak memory of a page divided by its reservation, 99th percentile of the worst model set; above 1: not "
            "covered; 0: no page yet.",
            "device",
            tightest,
        )
        yield _gauges(
            "pagemill_estimate_ratio_median",
            "Peak memory of a page divided by its reservation, median of the model set with the largest unused part; "
            "0: no page yet.",
            "device",
            loosest,
        )
        server = self._status.server_bytes
        yield _gauge("pagemill_server_memory_bytes", "Memory of the server process, without its workers.", server)

    def _pool(self) -> Iterator[Metric]:
        pool = self._status.pool
        capacity: dict[str, float] = {lane.name: lane.capacity for lane in pool.lanes}
        in_use: dict[str, float] = {lane.name: lane.in_use for lane in pool.lanes}
        yield _gauges("pagemill_services_limit", "Most services that can be in use, by lane.", "lane", capacity)
        yield _gauges("pagemill_services_in_use", "Services in use, by lane.", "lane", in_use)
        devices = {model_set.key.device for model_set in pool.model_sets} | {lane.device for lane in pool.lanes}
        resident: dict[str, float] = dict.fromkeys(sorted(devices), 0)
        held: dict[str, float] = dict.fromkeys(sorted(devices), 0)
        unkillable: dict[str, float] = dict.fromkeys(sorted(devices), 0)
        for model_set in pool.model_sets:
            resident[model_set.key.device] += 1
            held[model_set.key.device] += model_set.rss_bytes
            unkillable[model_set.key.device] += model_set.unkillable
        yield _gauges("pagemill_model_sets", "Loaded model sets.", "device", resident)
        yield _gauges("pagemill_workers_memory_bytes", "Host memory of workers, by their device.", "device", held)
        yield _gauges(
            "pagemill_workers_unkillable",
            "Workers that do not end although Pagemill killed them; they still hold their memory.",
            *("device", unkillable),
        )
        yield _counter("pagemill_unloads", "Model sets unloaded.", pool.unloads)
        yield _counter("pagemill_unloaded_bytes", "Memory that unloading gave back, measured.", pool.unloaded_bytes)

    def _collect_uploads(self) -> Iterator[Metric]:
        uploads = self._uploads
        yield _gauge("pagemill_uploads_in_progress", "Uploads in progress.", uploads.in_progress)
        yield _counter("pagemill_uploads", "Documents received completely.", uploads.finished)
        yield _counter("pagemill_uploaded_bytes", "Bytes of documents received completely.", uploads.finished_bytes)

    def _nodes(self) -> Iterator[Metric]:
        counts = Counter(node.state for node in self._status.nodes)
        states: dict[str, float] = {state.value: counts[state] for state in NodeState}
        yield _gauges("pagemill_nodes", "Servers that read pages, and those that ended lately.", "state", states)


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(name, description, value)


def _counter(name: str, description: str, value: float) -> Metric:
    return CounterMetricFamily(name, description, value)


def _gauges(name: str, description: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, description, labels=[label])
    for value_of_label, value in values.items():
        family.add_metric([value_of_label], value)
    return family


def _counters(name: str, description: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, description, labels=[label])
    for value_of_label, value in values.items():
        family.add_metric([value_of_label], value)
    return family


def _drifts(status: ServiceStatus) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """By device: the highest p99 and the lowest median of its model sets; 0 before the first page."""
    highest: dict[str, float] = {}
    lowest: dict[str, float] = {}
    for device in (each.device for each in status.devices):
        drifts = [drift for key, drift in status.drifts.items() if key.device == device]
        highest[device] = max((drift.p99 for drift in drifts), default=0.0)
        lowest[device] = min((drift.p50 for drift in drifts), default=0.0)
    return highest, lowest


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    """Cumulative counts: each of Prometheus' buckets includes all smaller ones."""
    bounds = [*map(str, durations.bounds), "+Inf"]
    return [(bound, sum(durations.counts[: index + 1])) for index, bound in enumerate(bounds)]
