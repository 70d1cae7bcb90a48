"""Estimates what a task needs on each device, and chooses where it will run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pagemill.domain.documents import DocumentInfo
from pagemill.domain.errors import DeviceUnavailable, NeverFits
from pagemill.domain.memory import CPU, DeviceId, DeviceMemory, MemoryLevel, MemoryNeed, in_mib
from pagemill.domain.ports import MemoryAdmission, MemoryEstimator
from pagemill.domain.task.task import Task, TaskOptions
from pagemill.domain.work.engine_spec import EngineSpec
from pagemill.domain.work.fitting import find_lack, within_ceilings
from pagemill.domain.work.nodes import Node
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ModelSetKey, Stage
from pagemill.tasks.decisions.advice import other_requests, with_advice
from pagemill.tasks.decisions.circumstances import circumstances, model_set, stages
from pagemill.tasks.decisions.intake import choose_engine, first_stage, largest_page_pixels
from pagemill.tasks.nodes import Nodes

_NO_NODE = "No node with the engine is alive, so no server could read the pages. Start one with `pagemill node`."


@dataclass(frozen=True)
class Place:
    """Where a task will run, and what it needs there.

    Attributes:
        device: The device.
        need: Its peak there.
        pixels: Pixels of the largest page image in the estimate.
        circumstances: The model sets that will work on it.
    """

    device: DeviceId
    need: MemoryNeed
    pixels: int
    circumstances: tuple[Circumstances, ...]

    @property
    def estimated_memory_mb(self) -> int:
        """What it needs of its device, or of the host if it needs nothing of the device; MiB."""
        return in_mib(self.need.on(self.device) or self.need.ram_bytes)


class TaskPlacer:
    """Estimates the need of a task on every possible device, and chooses one.

    Devices of this server come first. If none can ever hold the task, it looks at the other nodes.
    """

    def __init__(
        self, engines: Mapping[str, EngineSpec], *, estimator: MemoryEstimator, memory: MemoryAdmission, nodes: Nodes
    ) -> None:
        self._engines = engines
        self._estimator = estimator
        self._memory = memory
        self._nodes = nodes

    def place(self, options: TaskOptions, info: DocumentInfo) -> Place:
        """The place of a document with these options.

        Raises:
            NeverFits: No device could ever hold it; the message says what to send instead, if anything.
            InvalidRequest: As `choose_engine`.
            DeviceUnavailable: As `select_device`.
        """

        def attempt(instead: TaskOptions) -> Place:
            _, profile = choose_engine(self._engines, instead.recognition)
            pixels = largest_page_pixels(info, dpi=instead.recognition.dpi, max_pixels=profile.max_pixels)
            return self._place(instead, first_stage(info.kind, instead.recognition.ocr), pixels)

        try:
            return attempt(options)
        except NeverFits as error:
            spec, _ = choose_engine(self._engines, options.recognition)
            raise with_advice(error, other_requests(options, spec, info.kind), attempt) from error

    def place_again(self, task: Task, requested: str | None) -> Place:
        """The place of an existing task, on the device requested now, or else on the one requested when it was sent.

        Raises:
            NeverFits: No device (or not the requested one) could ever hold it.
            InvalidRequest: As `choose_engine`.
            DeviceUnavailable: As `select_device`.
        """
        options = task.options.model_copy(update={"device": requested or task.options.device})
        _, profile = choose_engine(self._engines, options.recognition)
        stage = first_stage(task.kind, options.recognition.ocr)
        return self._place(options, stage, profile.max_pixels if task.page_pixels is None else task.page_pixels)

    def _place(self, options: TaskOptions, first: Stage, pixels: int) -> Place:
        refusal: NeverFits | DeviceUnavailable | None = None
        for devices in self._list_machines(options.recognition.engine):
            try:
                return self._place_on(devices, options, first, pixels)
            except (NeverFits, DeviceUnavailable) as error:
                refusal = refusal or error
        raise refusal or DeviceUnavailable(_NO_NODE, device=options.device)

    def _list_machines(self, engine: str) -> Iterator[Sequence[DeviceMemory]]:
        """The devices of this server if it is a node, then those of each other node with the engine."""
        if self._nodes.reads_pages:
            yield self._memory.devices()
        for node in self._nodes.list_others():
            if engine in node.engines:
                yield devices_of(node)

    def _place_on(self, devices: Sequence[DeviceMemory], options: TaskOptions, first: Stage, pixels: int) -> Place:
        spec, profile = choose_engine(self._engines, options.recognition)
        keys = {
            device.device: [
                model_set(stage, options.recognition, device.device, profile)
                for stage in stages(first, options.recognition.ocr)
            ]
            for device in usable_devices(spec, devices)
        }
        needs = {device: self._need(of_device, pixels) for device, of_device in keys.items()}
        try:
            chosen = select_device(options.device, spec, devices, needs)
        except NeverFits:
            ceilings = {device.device: device.ceiling for device in devices}
            needs = {
                device: within_ceilings(device, need, self._modest_need(keys[device], pixels), ceilings)
                for device, need in needs.items()
            }
            chosen = select_device(options.device, spec, devices, needs)
        return Place(chosen, needs[chosen], pixels, circumstances(keys[chosen], self._largest(devices)))

    def _largest(self, devices: Sequence[DeviceMemory]) -> Sequence[DeviceMemory]:
        """The devices with the largest limit that any live node has: a page given up on less is tried again."""
        of_nodes = [device for node in self._nodes.list_live() for device in devices_of(node)]
        return sorted((*devices, *of_nodes), key=lambda device: device.limit_bytes)

    def _need(self, keys: Sequence[ModelSetKey], pixels: int) -> MemoryNeed:
        """The largest need of the stages that a page goes through."""
        return _find_largest(self._estimator.peak(key, pixels=0 if key.is_reader else pixels) for key in keys)

    def _modest_need(self, keys: Sequence[ModelSetKey], pixels: int) -> MemoryNeed:
        """The largest modest need of these stages."""
        return _find_largest(self._estimator.modest_peak(key, pixels=0 if key.is_reader else pixels) for key in keys)


def _find_largest(needs: Iterable[MemoryNeed]) -> MemoryNeed:
    ram, gpu = zip(*((need.ram_bytes, need.gpu_bytes) for need in needs), strict=True)
    return MemoryNeed(max(ram), max(gpu))


def devices_of(node: Node) -> Sequence[DeviceMemory]:
    """The devices of a node, as if nothing used them."""
    return [
        DeviceMemory(
            name,
            ceiling.limit_bytes,
            used_bytes=0,
            reserved_bytes=0,
            level=MemoryLevel.NORMAL,
            margin_bytes=ceiling.margin_bytes,
            own_bytes=ceiling.own_bytes,
        )
        for name, ceiling in node.ceilings.items()
    ]


def usable_devices(spec: EngineSpec, devices: Sequence[DeviceMemory]) -> Sequence[DeviceMemory]:
    """The devices that the engine can use."""
    return [device for device in devices if device.device.partition(":")[0] in spec.device_kinds]


def select_device(
    requested: str | None, spec: EngineSpec, devices: Sequence[DeviceMemory], needs: Mapping[DeviceId, MemoryNeed]
) -> DeviceId:
    """Choose a device that the engine can use and that can hold the task, once it is free.

    A requested device is used or refused. Otherwise it chooses the GPU with the most free memory, or the CPU if no GPU
    can ever hold the task.

    Args:
        requested: The requested device; None leaves the choice to this function.
        spec: The engine.
        devices: All devices: work on a GPU also needs host memory.
        needs: The need on each device that the engine can use.

    Raises:
        DeviceUnavailable: The requested device does not exist or does not suit the engine, or no device here does.
        NeverFits: No device (or not the requested one) is large enough; the error has the numbers.
    """
    usable = [device for device in usable_devices(spec, devices) if requested in (None, device.device)]
    if not usable:
        raise DeviceUnavailable(_unavailable(requested, spec, devices), device=requested)
    ceilings = {device.device: device.ceiling for device in devices}
    lacks = {device.device: find_lack(device.device, needs[device.device], ceilings) for device in usable}
    fitting = [device for device in usable if lacks[device.device] is None]
    if not fitting:
        raise min((lack for lack in lacks.values() if lack is not None), key=lambda lack: lack.missing_bytes).error
    gpus = [device for device in fitting if device.device != CPU]
    return max(gpus or fitting, key=_free_bytes).device


def _free_bytes(device: DeviceMemory) -> int:
    return device.limit_bytes - max(device.used_bytes, device.reserved_bytes)


def _unavailable(requested: str | None, spec: EngineSpec, devices: Sequence[DeviceMemory]) -> str:
    there = ", ".join(device.device for device in usable_devices(spec, devices))
    wanted = "any device" if requested is None else repr(requested)
    refused = f"The engine {spec.name} cannot run on {wanted} here; it can use: {there or 'no device'}."
    if there:
        return refused
    return f"{refused} It runs on {' and '.join(spec.device_kinds)} only; choose an engine that runs on the CPU."
