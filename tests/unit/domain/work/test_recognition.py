from pagemill.domain.memory import CPU, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile
from pagemill.domain.work.recognition import ModelSetKey, RecognitionOptions

PROFILE = EngineProfile("accurate", MemorySeed(MemoryNeed(1)), ("en",))


def test_a_version_finds_the_results_that_the_one_before_it_kept() -> None:
    """These are the fingerprints of the first version; a change of one redoes every page that was kept."""
    assert RecognitionOptions().fingerprint == "ae1bc85f19f84ff5"
    assert RecognitionOptions(dpi=300, languages=("en",)).fingerprint == "2ac72d799fcff9a9"


def test_pages_with_structure_are_not_taken_for_pages_without() -> None:
    assert RecognitionOptions(structure=True).fingerprint != RecognitionOptions().fingerprint


def test_structure_models_are_part_of_a_model_sets_name() -> None:
    key = ModelSetKey.of(RecognitionOptions(structure=True, languages=("en",)), CPU, PROFILE)
    assert str(key) == "rapidocr/accurate/structure@cpu"
    assert str(ModelSetKey.reader(CPU, structure=True)) == "reader/structure@cpu"
