"""Writes the reference of metrics from what `GET /metrics` serves: `python scripts/write_metrics.py`."""

from datetime import timedelta
from pathlib import Path

from prometheus_client import Metric

from pagemill.domain.memory import CPU, MIB, DeviceMemory, MemoryLevel
from pagemill.domain.reports.service_status import ServiceStatus
from pagemill.domain.reports.snapshot import LaneSnapshot, PoolSnapshot, QueueSnapshot
from pagemill.tasks.progress.work_counter import WorkCounter
from pagemill.web.prometheus import StatusCollector
from pagemill.web.uploads import UploadCounts

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"
MOST_VALUES = 20
HEAD = """# Metrics

Written by `scripts/write_metrics.py` from `src/pagemill/web/prometheus.py`. `GET /metrics` serves them in Prometheus'
text format, or as OpenMetrics to who accepts that. Units are base units (bytes, seconds); counters begin at zero with
the server process; no label has values that grow with use. How to collect them and be alerted:
[monitor with Prometheus](../how-to/monitor.md).

| metric | type | labels | meaning |
|---|---|---|---|
"""


def page() -> str:
    """The whole page, in Markdown."""
    return HEAD + "".join(map(_row, StatusCollector(_status(), UploadCounts(0, 0, 0)).collect()))


def _status() -> ServiceStatus:
    """A service of one device at rest: it has every metric."""
    return ServiceStatus(
        queue=QueueSnapshot(0, 0, 0, timedelta(), None),
        pool=PoolSnapshot((LaneSnapshot(CPU, CPU, 1, 0),), ()),
        devices=(DeviceMemory(CPU, 1024 * MIB, 0, 0, MemoryLevel.NORMAL),),
        work=WorkCounter().work_done(),
        server_bytes=0,
    )


def _row(metric: Metric) -> str:
    name = {"counter": f"{metric.name}_total", "info": f"{metric.name}_info"}.get(metric.type, metric.name)
    return f"| `{name}` | {metric.type} | {_labels(metric)} | {metric.documentation} |\n"


def _labels(metric: Metric) -> str:
    """Every label with its values, where these are the same in every service."""
    values: dict[str, list[str]] = {}
    for sample in metric.samples:
        for label, value in sample.labels.items():
            known = values.setdefault(label, [])
            if value not in known:
                known.append(value)
    return "<br>".join(f"`{label}`{_describe_label(label, known)}" for label, known in values.items())


def _describe_label(label: str, values: list[str]) -> str:
    if label in ("device", "lane", "version"):
        return ""
    return ": " + ", ".join(values[:MOST_VALUES])


if __name__ == "__main__":
    PAGE.write_text(page())
