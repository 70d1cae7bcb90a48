"""The plan of a run of chaos."""

import pytest
from proofs.chaos_plan import KILLS, Kind, make_plan

ON_SQLITE = frozenset(Kind) - {Kind.BACKEND_KILLED, Kind.POSTGRES_RESTARTED}


@pytest.mark.parametrize("kills", [1, 6, 40])
@pytest.mark.parametrize("possible", [frozenset(Kind), ON_SQLITE], ids=["postgresql", "sqlite"])
def test_it_has_so_many_kills_of_the_possible_kinds_and_follows_from_the_seed(
    kills: int, possible: frozenset[Kind]
) -> None:
    plan = make_plan(kills=kills, possible=possible, seed=3)
    assert sum(step.kind in KILLS for step in plan) == kills
    assert {step.kind for step in plan} <= possible
    assert plan == make_plan(kills=kills, possible=possible, seed=3)
    assert plan != make_plan(kills=kills, possible=possible, seed=4)


def test_every_kind_comes() -> None:
    for seed in range(20):
        plan = make_plan(kills=len(KILLS) + 1, possible=frozenset(Kind), seed=seed)
        assert {step.kind for step in plan} == set(Kind)
