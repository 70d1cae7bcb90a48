"""All parts of the store over one database."""

from pagemill.domain.ports import Clock
from pagemill.store.api_keys import SqlApiKeys
from pagemill.store.audit_log import SqlAuditLog
from pagemill.store.database import Database
from pagemill.store.document_batches import SqlDocumentBatches
from pagemill.store.event_log import SqlEventLog
from pagemill.store.idempotency import SqlSubmissions
from pagemill.store.learned_state import SqlLearnedState
from pagemill.store.nodes import SqlNodes
from pagemill.store.notices import SqlTaskNotices
from pagemill.store.outbox import SqlOutbox
from pagemill.store.overdue import SqlOverdueTasks
from pagemill.store.page_queue import SqlPageQueue
from pagemill.store.page_results import SqlPageResults
from pagemill.store.resources import SqlResourceLog
from pagemill.store.retention import SqlRetention
from pagemill.store.samples import SqlTaskSamples
from pagemill.store.task_queue import QueueConfig, SqlTaskQueue
from pagemill.store.task_store import SqlTaskStore


class StoreParts:
    """The parts of the store over one database and one clock; each implements a port."""

    def __init__(self, database: Database, clock: Clock, *, queue: QueueConfig) -> None:
        self.queue = SqlTaskQueue(database, clock, config=queue)
        self.tasks = SqlTaskStore(database, clock, quota=queue.quota)
        self.pages = SqlPageQueue(database, clock)
        self.batches = SqlDocumentBatches(database, clock, config=queue)
        self.results = SqlPageResults(database)
        self.submissions = SqlSubmissions(database, clock)
        self.overdue = SqlOverdueTasks(database, clock)
        self.retention = SqlRetention(database, clock)
        self.events = SqlEventLog(database, clock)
        self.resources = SqlResourceLog(database, clock)
        self.samples = SqlTaskSamples(database)
        self.notices = SqlTaskNotices(database)
        self.outbox = SqlOutbox(database, clock)
        self.learned = SqlLearnedState(database, clock)
        self.nodes = SqlNodes(database, clock)
        self.keys = SqlApiKeys(database, clock)
        self.audit = SqlAuditLog(database, clock)
