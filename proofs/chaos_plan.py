"""Plans the disturbances of a run and their order: a pure function of the seed."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of disturbances; the value is the name in the table."""

    WORKER_KILLED = "SIGKILL of a worker with an engine"
    READER_KILLED = "SIGKILL of a reader"
    SERVER_KILLED = "SIGKILL of the server"
    BACKEND_KILLED = "SIGKILL of a PostgreSQL process"
    WORKER_STOPPED = "SIGSTOP of a worker, SIGCONT later"
    WORKER_HUNG = "SIGSTOP of a worker for good"
    SERVER_STOPPED = "SIGSTOP of the server, SIGCONT later"
    DISK_FULL = "disk full"
    POSTGRES_RESTARTED = "PostgreSQL restarted"
    NEIGHBOUR = "a neighbour took memory"


KILLS = frozenset({Kind.WORKER_KILLED, Kind.READER_KILLED, Kind.SERVER_KILLED, Kind.BACKEND_KILLED})
_WEIGHTS: Mapping[Kind, int] = {
    Kind.WORKER_KILLED: 45,
    Kind.READER_KILLED: 22,
    Kind.SERVER_KILLED: 15,
    Kind.BACKEND_KILLED: 6,
    Kind.WORKER_STOPPED: 6,
    Kind.WORKER_HUNG: 1,
    Kind.SERVER_STOPPED: 4,
    Kind.DISK_FULL: 3,
    Kind.POSTGRES_RESTARTED: 2,
    Kind.NEIGHBOUR: 4,
}


@dataclass(frozen=True)
class Step:
    """One disturbance.

    Attributes:
        kills_before: Kills of the plan that came before it.
        after_s: Wait before it.
        lasts_s: How long what is stopped, filled or taken stays so.
        chance: From 0 to 1; chooses among processes, and how much memory is taken.
    """

    kind: Kind
    kills_before: int
    after_s: float
    lasts_s: float
    chance: float


def make_plan(*, kills: int, possible: Collection[Kind], seed: int) -> list[Step]:
    """Spread this many kills among other disturbances; every possible kind occurs if the kills suffice."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    kinds = [kind for kind in Kind if kind in possible]
    order = chance.sample(kinds, len(kinds))
    while sum(kind in KILLS for kind in order) < kills:
        order.extend(chance.choices(kinds, [_WEIGHTS[kind] for kind in kinds]))
    plan: list[Step] = []
    done = 0
    for kind in order:
        plan.append(_step(kind, done, chance))
        done += kind in KILLS
        if done == kills:
            break
    return plan


def _step(kind: Kind, kills_before: int, chance: random.Random) -> Step:
    return Step(
        kind=kind,
        kills_before=kills_before,
        after_s=chance.uniform(0.05, 1.5),
        lasts_s=chance.choices((chance.uniform(0.5, 4.0), 25.0), (19, 1))[0],
        chance=chance.random(),
    )
