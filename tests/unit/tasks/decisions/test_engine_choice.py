from dataclasses import replace

import pytest

from pagemill.domain.documents import OcrMode
from pagemill.domain.errors import EngineUnavailable, UnknownEngine
from pagemill.domain.memory import MIB, MemoryNeed, MemorySeed
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.tasks.decisions.intake import choose_engine

SEED = MemorySeed(MemoryNeed(MIB))


def engine(name: str, *languages: str, unusable: str = "", more: str = "") -> EngineSpec:
    return EngineSpec(name, "x:y", (EngineProfile("plain", SEED, languages),), unusable=unusable, more_languages=more)


ENGINES = {
    spec.name: spec
    for spec in (
        engine("wide", "en", "de", "zh"),
        engine("narrow", "en", more="Install narrow-LANG."),
        engine("broken", "en", "de", "tlh", unusable="The engine broken lacks its spring. Wind it up."),
    )
}


def choose(name: str, *languages: str, ocr: OcrMode = OcrMode.AUTO) -> EngineSpec:
    options = RecognitionOptions(engine=name, profile="plain", languages=languages, ocr=ocr)
    spec, profile = choose_engine(ENGINES, options)
    assert profile is spec.profiles[0]
    return spec


@pytest.mark.parametrize(("name", "languages"), [("wide", ("zh", "en")), ("narrow", ()), ("narrow", ("en",))])
def test_an_engine_that_will_do_is_chosen(name: str, languages: tuple[str, ...]) -> None:
    assert choose(name, *languages) is ENGINES[name]


def test_a_language_an_engine_lacks_is_refused_with_those_that_have_it() -> None:
    with pytest.raises(UnknownEngine) as refusal:
        choose("narrow", "de", "en")
    assert "narrow/plain does not read de" in refusal.value.message
    assert "Engines that read de, en: wide." in refusal.value.message
    assert "Install narrow-LANG." in refusal.value.message
    assert refusal.value.details == {"languages": "de", "engines": "wide"}


def test_a_language_that_only_an_unusable_engine_has_is_had_by_none() -> None:
    with pytest.raises(UnknownEngine, match=r"Engines that read tlh: none\. Install narrow-LANG\."):
        choose("wide", "tlh")


def test_an_unusable_engine_is_refused_with_its_reason_and_those_that_would_do() -> None:
    with pytest.raises(EngineUnavailable) as refusal:
        choose("broken", "de")
    assert "Wind it up. Available engines: wide." in refusal.value.message
    assert refusal.value.details == {"engines": "wide"}


def test_an_engine_without_structure_models_is_refused_where_structure_is_wanted() -> None:
    apart = replace(ENGINES["wide"], name="apart", interpreter="/opt/apart/bin/python")
    knowing = replace(apart, name="knowing", finds_structure=True)
    engines = {"apart": apart, "knowing": knowing, "narrow": ENGINES["narrow"]}
    for name in ("knowing", "narrow"):
        choose_engine(engines, RecognitionOptions(engine=name, profile="plain", structure=True))
    with pytest.raises(EngineUnavailable, match=r"use one of: knowing, narrow"):
        choose_engine(engines, RecognitionOptions(engine="apart", profile="plain", structure=True))


def test_no_engine_is_needed_where_nothing_is_recognised() -> None:
    assert choose("broken", ocr=OcrMode.NEVER) is ENGINES["broken"]


@pytest.mark.parametrize(("name", "profile"), [("magic", "plain"), ("wide", "psychic")])
def test_what_is_not_there_is_refused_with_what_is(name: str, profile: str) -> None:
    with pytest.raises(UnknownEngine, match=r"wide|plain"):
        choose_engine(ENGINES, RecognitionOptions(engine=name, profile=profile))


def test_a_profile_that_cannot_be_run_is_refused_and_its_engine_is_not() -> None:
    lacking = EngineProfile("fast", SEED, unusable="The profile fast lacks its files. Name them.")
    spec = EngineSpec("both", "x:y", (EngineProfile("plain", SEED), lacking))
    engines = {"both": spec}
    with pytest.raises(EngineUnavailable, match=r"Name them\. Available engines: both\."):
        choose_engine(engines, RecognitionOptions(engine="both", profile="fast"))
    assert choose_engine(engines, RecognitionOptions(engine="both", profile="plain")) == (spec, spec.profiles[0])
    assert choose_engine(engines, RecognitionOptions(engine="both", profile="fast", ocr=OcrMode.NEVER))
