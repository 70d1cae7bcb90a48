"""One batch from claim to release: the only place where a lease and a service meet."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import assert_never

from pagemill.domain.errors import PagemillError, PoolExhausted, StaleLease
from pagemill.domain.memory import MIB, DeviceId
from pagemill.domain.outcomes import BatchOutcome, PageFailed, PageNeedsOcr, PageOutcome, PageRead, WorkerLoss
from pagemill.domain.ports import PageQueue, Service, ServicePool, TaskStore
from pagemill.domain.recognition import READER, BatchParams, Stage
from pagemill.domain.tasks import PageLease, Task
from pagemill.tasks.error_handler import TaskErrorHandler
from pagemill.tasks.handlers import TaskEventHandlers
from pagemill.tasks.plan import Assignment
from pagemill.tasks.watch import TaskWatch

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchConfig:
    """Limits of one batch.

    Attributes:
        owner: This server, as leases name it.
        lease_for: How long a lease lasts unless renewed; it is renewed three times as often.
        page_timeout: Longest one page may take.
        acquire_wait: Longest wait for a service.
    """

    owner: str
    lease_for: timedelta = timedelta(seconds=30)
    page_timeout: timedelta = timedelta(seconds=120)
    acquire_wait: timedelta = timedelta(seconds=60)
