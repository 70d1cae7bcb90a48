"""One hostile page: who comes after it is promised about what they were before, and is never refused because of it."""

import json
from itertools import product

import pytest
from tests.properties.test_never_fits import A4, GPU, SPECS, Scene, ask_task

from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode
from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, MIB, MemoryNeed
from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.fitting import find_lack, within_ceilings
from pagemill.domain.work.recognition import ModelSetKey, RecognitionOptions
from pagemill.memory.estimator import LearningEstimator, seeds_of

READER = ModelSetKey.reader(CPU)
ENGINE = ModelSetKey("hosted", "accurate", (), CPU)
SIZES = {READER: [0], ENGINE: [1_000_000, 3_900_000]}
HOSTILE_BYTES = 6000 * MIB
LIMITS = {"large": 64_000, "small": 1_500}


def honest_bytes(key: ModelSetKey, pixels: int) -> int:
    return 170 * MIB if key.is_reader else 400 * MIB + 10 * pixels


def teach(key: ModelSetKey, honest: int) -> LearningEstimator:
    estimator = LearningEstimator(seeds_of(SPECS.values()))
    for number in range(honest):
        pixels = SIZES[key][number % len(SIZES[key])]
        estimator.observe(key, pixels=pixels, batch_size=None, peak=MemoryNeed(honest_bytes(key, pixels)))
    return estimator


def poison(estimator: LearningEstimator, key: ModelSetKey, how: str, pixels: int) -> None:
    if how == "failed":
        estimator.observe_failure(key, pixels=pixels, batch_size=None, reached=MemoryNeed(HOSTILE_BYTES))
    else:
        estimator.observe(key, pixels=pixels, batch_size=None, peak=MemoryNeed(HOSTILE_BYTES))


def restart_estimator(estimator: LearningEstimator) -> LearningEstimator:
    other = LearningEstimator(seeds_of(SPECS.values()))
    other.restore(json.loads(json.dumps(estimator.snapshot())))
    return other


@pytest.mark.parametrize(
    ("how", "key", "machine", "climbed", "restart", "honest", "at"),
    list(
        product(
            *(("failed", "read"), (READER, ENGINE), LIMITS, (False, True), (False, True)),
            *((0, 5, 8, 60, 256), (0, 1)),
        )
    ),
)
def test_a_hostile_page_is_paid_for_by_those_that_climb(
    how: str, key: ModelSetKey, machine: str, *, climbed: bool, restart: bool, honest: int, at: int
) -> None:
    scene = Scene({CPU: LIMITS[machine] * MIB})
    ceilings = {device.device: device.ceiling for device in scene.guard.devices()}
    estimator, undisturbed = teach(key, honest), teach(key, honest)
    poison(estimator, key, how, SIZES[key][at % len(SIZES[key])])
    if restart:
        estimator = restart_estimator(estimator)
    is_forgiven = how == "read" and honest >= 199  # the one in a hundred that may be above all
    for pixels in SIZES[key]:
        before = undisturbed.peak(key, pixels=pixels).ram_bytes
        need = estimator.peak(key, pixels=pixels, climbed=climbed)
        modest = estimator.modest_peak(key, pixels=pixels)
        granted = within_ceilings(CPU, need, modest, ceilings)
        assert find_lack(CPU, granted, ceilings) is None
        assert scene.guard.reserve("w", CPU, granted) is not None
        if not climbed:
            assert need.ram_bytes <= 1.15 * before
            assert granted == need
        if climbed and not is_forgiven and pixels >= SIZES[key][at % len(SIZES[key])]:
            assert granted.ram_bytes >= min(HOSTILE_BYTES, ceilings[CPU].size_bytes)
        scene = Scene({CPU: LIMITS[machine] * MIB})


@pytest.mark.parametrize("how", ["failed", "read"])
@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("ocr", [OcrMode.AUTO, OcrMode.FORCE, OcrMode.NEVER])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_the_door_refuses_no_one_because_of_what_others_took(
    how: str, times: int, ocr: OcrMode, device: str | None
) -> None:
    scene = Scene({CPU: 1500 * MIB})
    for key in (READER, ENGINE):
        for _ in range(times):
            poison(scene.estimator, key, how, 0)
    options = TaskOptions(device=device, recognition=RecognitionOptions(engine="hosted", profile="accurate", ocr=ocr))
    place = scene.placer.place(options, DocumentInfo(DocumentKind.PDF, 1, (A4,)))
    assert scene.guard.reserve("w", place.device, place.need) is not None


@pytest.mark.parametrize("times", [0, 1, 20])
def test_what_does_not_fit_by_its_own_pixels_is_refused_as_ever(times: int) -> None:
    scene = Scene({CPU: 550 * MIB, GPU: 550 * MIB})
    for _ in range(times):
        poison(scene.estimator, ENGINE, "read", 1_000_000)
    with pytest.raises(NeverFits, match="of host memory"):
        scene.place(ask_task(engine="hosted"))


@pytest.mark.parametrize("far", [2, 3, 10])
def test_pages_that_often_take_far_more_are_believed(far: int) -> None:
    estimator = teach(READER, 60)
    for _ in range(far):
        poison(estimator, READER, "read", 0)
    believed = estimator.peak(READER, pixels=0).ram_bytes >= HOSTILE_BYTES
    assert believed is (far > 60 // 32)
