"""Under what pages are worked: the model sets, and how much memory their devices have. Pure."""

from collections.abc import Iterable, Sequence

from pagemill.domain.documents import OcrMode
from pagemill.domain.memory import CPU, DeviceId, DeviceMemory
from pagemill.domain.work.engine_spec import EngineProfile
from pagemill.domain.work.quarantine import Circumstances
from pagemill.domain.work.recognition import ModelSetKey, RecognitionOptions, Stage


def model_set(stage: Stage, options: RecognitionOptions, device: DeviceId, profile: EngineProfile) -> ModelSetKey:
    """What works on a page: text layers are taken by a reader on the CPU, whatever the device."""
    if stage is Stage.TEXT:
        return ModelSetKey.reader(CPU, structure=options.structure)
    return ModelSetKey.of(options, device, profile)


def stages(first: Stage, mode: OcrMode) -> tuple[Stage, ...]:
    """What a page may come through, from where it begins."""
    if first is Stage.OCR:
        return (Stage.OCR,)
    return (Stage.TEXT,) if mode is OcrMode.NEVER else (Stage.TEXT, Stage.OCR)


def circumstances(keys: Iterable[ModelSetKey], devices: Sequence[DeviceMemory]) -> tuple[Circumstances, ...]:
    """The model sets with their devices' limits; one whose device is gone has none."""
    limits = {device.device: device.limit_bytes for device in devices}
    known = dict.fromkeys(key for key in keys if key.device in limits)
    return tuple(Circumstances(key, limits[key.device]) for key in known)
