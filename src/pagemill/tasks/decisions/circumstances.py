"""The circumstances of pages: their model sets, and the memory limits of their devices. Pure."""

from collections.abc import Iterable, Sequence

from pagemill.domain.documents import OcrMode
from pagemill.domain.memory import CPU, DeviceId, DeviceMemory
from pagemill.domain.work.engine_spec import EngineProfile
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ModelSetKey, RecognitionOptions, Stage


def model_set(stage: Stage, options: RecognitionOptions, device: DeviceId, profile: EngineProfile) -> ModelSetKey:
    """The model set for a page. Text layers always use a reader on the CPU."""
    if stage is Stage.TEXT:
        return ModelSetKey.reader(CPU, structure=options.structure)
    return ModelSetKey.of(options, device, profile)


def stages(first: Stage, mode: OcrMode) -> tuple[Stage, ...]:
    """The stages that a page may go through, from its first one."""
    if first is Stage.OCR:
        return (Stage.OCR,)
    return (Stage.TEXT,) if mode is OcrMode.NEVER else (Stage.TEXT, Stage.OCR)


def circumstances(keys: Iterable[ModelSetKey], devices: Sequence[DeviceMemory]) -> tuple[Circumstances, ...]:
    """The model sets with their devices' limits, without model sets whose device is gone."""
    limits = {device.device: device.limit_bytes for device in devices}
    known = dict.fromkeys(key for key in keys if key.device in limits)
    return tuple(Circumstances(key, limits[key.device]) for key in known)
