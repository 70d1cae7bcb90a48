"""The interfaces between the rooms: what each part asks of others, but not how they do it.

`tasks` uses the store, the pool and the memory through these ports; `pool` uses the memory through them.
Fakes that pass the same conformance suites live in `pagemill.testing`.
"""

from pagemill.domain.ports.access import ApiKeys, AuditLog
from pagemill.domain.ports.clock import Clock
from pagemill.domain.ports.memory import MemoryAdmission, MemoryEstimator, MemoryHistory, MemoryProbe, WatchedWorkers
from pagemill.domain.ports.nodes import NodeLocks, NodeTable
from pagemill.domain.ports.records import (
    EventLog,
    LearnedState,
    Learner,
    Outbox,
    QueueStatistics,
    ResourceLog,
    TaskNotices,
    TaskSamples,
)
from pagemill.domain.ports.storage import (
    DocumentBatches,
    IsGone,
    OverdueTasks,
    PageQueue,
    ResultStore,
    Retention,
    Submissions,
    TaskQueue,
    TaskStore,
    is_never_gone,
)
from pagemill.domain.ports.work import DocumentInspector, LoadHistory, OnBegin, OnPage, Service, ServicePool

__all__ = [
    "ApiKeys",
    "AuditLog",
    "Clock",
    "DocumentBatches",
    "DocumentInspector",
    "EventLog",
    "IsGone",
    "LearnedState",
    "Learner",
    "LoadHistory",
    "MemoryAdmission",
    "MemoryEstimator",
    "MemoryHistory",
    "MemoryProbe",
    "NodeLocks",
    "NodeTable",
    "OnBegin",
    "OnPage",
    "Outbox",
    "OverdueTasks",
    "PageQueue",
    "QueueStatistics",
    "ResourceLog",
    "ResultStore",
    "Retention",
    "Service",
    "ServicePool",
    "Submissions",
    "TaskNotices",
    "TaskQueue",
    "TaskSamples",
    "TaskStore",
    "WatchedWorkers",
    "is_never_gone",
]
