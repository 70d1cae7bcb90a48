import pytest

from pagemill.domain.errors import InvalidRequest
from pagemill.domain.memory import MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.tasks.decisions.intake import check_structure

PROFILES = (EngineProfile("accurate", MemorySeed(MemoryNeed(1))),)
OURS = EngineSpec("ours", "a:b", PROFILES)
APART = EngineSpec("apart", "a:b", PROFILES, interpreter="/elsewhere/bin/python")
ITSELF = EngineSpec("itself", "a:b", PROFILES, interpreter="/elsewhere/bin/python", finds_structure=True)
MISSING = "Finding structure needs rapid_table, which is not installed."


@pytest.mark.parametrize(
    ("spec", "missing", "refusal"),
    [
        (OURS, None, None),
        (OURS, MISSING, "needs rapid_table"),
        (APART, None, "apart runs in a separate environment"),
        (ITSELF, None, None),
        (ITSELF, MISSING, None),
    ],
)
def test_structure_is_refused_where_no_models_are_there_for_it(
    spec: EngineSpec, missing: str | None, refusal: str | None
) -> None:
    check_structure(spec, RecognitionOptions(), missing=missing)
    wanted = RecognitionOptions(structure=True)
    if refusal is None:
        check_structure(spec, wanted, missing=missing)
        return
    with pytest.raises(InvalidRequest, match=refusal):
        check_structure(spec, wanted, missing=missing)
