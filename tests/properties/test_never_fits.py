"""What is said never to fit: at the door and in the pool alike, and only of what would not fit in an empty machine."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagemill.domain.documents import DocumentInfo, DocumentKind, OcrMode, PageSize
from pagemill.domain.errors import NeverFits
from pagemill.domain.memory import CPU, MIB, DeviceId, MemoryNeed, MemoryReading, MemorySeed
from pagemill.domain.reports.snapshot import WatchedWorker
from pagemill.domain.task.task import TaskOptions
from pagemill.domain.work.engine_spec import EngineProfile, EngineSpec
from pagemill.domain.work.nodes import Node
from pagemill.domain.work.recognition import RecognitionOptions
from pagemill.memory.admission import WorkerUse
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.memory.guard import GuardConfig, MemoryGuard
from pagemill.tasks.device_choice import Place, TaskPlacer
from pagemill.tasks.nodes import NodeRules, Nodes
from pagemill.testing.nodes import FakeNodeTable

GPU = DeviceId("cuda:0")
OWN = 50 * MIB


def _profile(name: str, ram: int, gpu: int) -> EngineProfile:
    seed = MemorySeed(MemoryNeed(ram * MIB, gpu * MIB), ram_per_pixel=20.0, gpu_per_pixel=40.0)
    return EngineProfile(name, seed)


PROFILES = (_profile("accurate", 500, 700), _profile("fast", 200, 300))
SPECS = {
    "rapidocr": EngineSpec("rapidocr", "x:y", PROFILES, device_kinds=("cpu", "cuda")),
    "hosted": EngineSpec("hosted", "x:y", PROFILES),
    "gpu_only": EngineSpec("gpu_only", "x:y", PROFILES, device_kinds=("cuda",)),
}
A4, A2 = PageSize(595, 842), PageSize(1190, 1684)


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"something waits for {seconds} s")


@dataclass
class Machine:
    """A machine with neighbours, and no worker of ours."""

    limits: Mapping[DeviceId, int]
    neighbours: dict[DeviceId, int] = field(default_factory=dict)

    def read(self) -> Sequence[MemoryReading]:
        used = {device: self.neighbours.get(device, 0) + (OWN if device == CPU else 0) for device in self.limits}
        return [MemoryReading(device, limit, min(limit, used[device]), "test") for device, limit in self.limits.items()]

    def uses(self, workers: Sequence[WatchedWorker]) -> Mapping[str, WorkerUse]:
        assert not workers
        return {}

    def own_bytes(self) -> int:
        return OWN

    def stalled_share(self) -> float:
        return 0.0

    def hold(self, pid: int) -> None:
        raise AssertionError(pid)


def make_node() -> Node:
    """The only one; what it can hold is asked of its guard."""
    return Node("this", "this", "this", "1")


@dataclass
class Scene:
    """The door and the ledger behind it."""

    limits: Mapping[DeviceId, int]
    neighbours: dict[DeviceId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machine = Machine(self.limits, self.neighbours)
        self.guard = MemoryGuard(GuardConfig(), machine=self.machine, clock=StandingClock())
        self.guard.devices()
        self.estimator = LearningEstimator(seeds_of(SPECS.values()))
        clock = StandingClock()
        alone = Nodes(NodeRules(), table=FakeNodeTable(clock), describe=make_node, clock=clock)
        self.placer = TaskPlacer(SPECS, estimator=self.estimator, memory=self.guard, nodes=alone)

    def place(self, options: TaskOptions, size: PageSize = A4) -> Place:
        return self.placer.place(options, DocumentInfo(DocumentKind.PDF, 1, (size,)))

    def ever_fits(self, device: DeviceId, need: MemoryNeed) -> bool:
        """By the specification and not by the code: limit less a tenth, less the server itself."""
        asked = {CPU: need.ram_bytes} if device == CPU else {CPU: need.ram_bytes, device: need.gpu_bytes}
        rooms = {name: limit * 0.9 - (OWN if name == CPU else 0) for name, limit in self.limits.items()}
        return all(size <= rooms[name] for name, size in asked.items())

    def fits_somewhere(self, options: TaskOptions, size: PageSize = A4) -> bool:
        """Whether another scene, without limits, would place it on a device where it fits here."""
        spec = SPECS[options.recognition.engine]
        names = [name for name in self.limits if name.partition(":")[0] in spec.device_kinds]
        roomy = Scene(dict.fromkeys(self.limits, 1024 * 1024 * MIB))
        for name in names if options.device is None else [DeviceId(options.device)]:
            need = roomy.place(options.model_copy(update={"device": name}), size).need
            if self.ever_fits(name, need):
                return True
        return False


def ask_task(
    *, device: str | None = None, engine: str = "rapidocr", profile: str = "accurate", dpi: int = 200
) -> TaskOptions:
    return TaskOptions(
        device=device, recognition=RecognitionOptions(engine=engine, profile=profile, dpi=dpi, ocr=OcrMode.FORCE)
    )


STAYS = ("never there", "there from the start", "came later", "gone again")
LIMITS = (300, 650, 900, 4000)


@pytest.mark.parametrize(
    ("stay", "host", "gpu", "profile", "device"),
    list(product(STAYS, LIMITS, LIMITS, ("accurate", "fast"), (None, "cpu", "cuda:0"))),
)
def test_a_neighbour_makes_wait_and_never_refuses(
    stay: str, host: int, gpu: int, profile: str, device: str | None
) -> None:
    limits = {CPU: host * MIB, GPU: gpu * MIB}
    crowd = {name: int(limit * 0.9) for name, limit in limits.items()}
    scene = Scene(limits, dict(crowd) if stay in ("there from the start", "gone again") else {})
    options = ask_task(device=device, profile=profile)
    if stay == "came later":
        scene.machine.neighbours = dict(crowd)
    if stay == "gone again":
        scene.machine.neighbours = {}

    if not scene.fits_somewhere(options):
        with pytest.raises(NeverFits):
            scene.place(options)
        return
    place = scene.place(options)
    granted = scene.guard.reserve("w", place.device, place.need)
    assert (granted is None) is (stay in ("there from the start", "came later"))
    scene.machine.neighbours = {}
    assert granted or scene.guard.reserve("w", place.device, place.need)


ASKED = st.builds(
    ask_task,
    device=st.sampled_from([None, "cpu", "cuda:0"]),
    engine=st.sampled_from(sorted(SPECS)),
    profile=st.sampled_from(["accurate", "fast"]),
    dpi=st.sampled_from([100, 200, 300, 600]),
).filter(
    lambda options: (
        options.device is None or options.device.partition(":")[0] in SPECS[options.recognition.engine].device_kinds
    )
)
MIBS = st.sampled_from([200, 300, 450, 600, 800, 1100, 2000, 9000])
SHARES = st.sampled_from([0.0, 0.5, 0.95, 1.0])


@given(options=ASKED, size=st.sampled_from([A4, A2]), host=MIBS, gpu=MIBS, crowd=SHARES)
def test_the_door_refuses_what_the_ledger_refuses_and_its_advice_is_taken(
    options: TaskOptions, size: PageSize, host: int, gpu: int, crowd: float
) -> None:
    limits = {CPU: host * MIB, GPU: gpu * MIB}
    scene = Scene(limits, {name: int(limit * crowd) for name, limit in limits.items()})
    try:
        place = scene.place(options, size)
    except NeverFits as error:
        assert not scene.fits_somewhere(options, size)
        follow(error.message, options, size, scene)
    else:
        assert scene.ever_fits(place.device, place.need)
        if (granted := scene.guard.reserve("w", place.device, place.need)) is not None:
            scene.guard.release(granted)
        scene.machine.neighbours = {}
        assert scene.guard.reserve("w", place.device, place.need)


def follow(message: str, options: TaskOptions, size: PageSize, scene: Scene) -> None:
    """Do as the message says, one advice after the other: none is refused."""
    said = message.partition(" Or send it ")[2].rstrip(".")
    for advice in said.split(", or ") if said else ():
        changes: dict[str, object] = {}
        if found := re.search(r"the profile (\w+)", advice):
            changes["profile"] = found[1]
        if found := re.search(r"at (\d+) dpi", advice):
            changes["dpi"] = int(found[1])
        device = None if advice == "without naming a device" else options.device
        assert changes or device != options.device, advice
        recognition = options.recognition.model_copy(update=changes)
        assert scene.place(options.model_copy(update={"device": device, "recognition": recognition}), size)
    enough = re.search(r"Raise the limit to (\d+) MiB", message)
    named = re.search(r"MiB of (host memory|memory of (\S+)),", message)
    assert enough is not None
    assert named is not None
    name = DeviceId(named[2]) if named[2] else CPU
    larger = Scene({**dict.fromkeys(scene.limits, 1024 * 1024 * MIB), name: int(enough[1]) * MIB})
    assert larger.place(options, size)
