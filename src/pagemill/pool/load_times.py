"""How long model sets take to load, measured at every load and kept across restarts."""

from collections import deque
from collections.abc import Mapping
from statistics import median

from pydantic import BaseModel, ConfigDict, JsonValue

from pagemill.domain.memory import DeviceId
from pagemill.domain.reports.engine_report import LoadTime
from pagemill.domain.work.recognition import ModelSetKey

_KEPT = 16


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    engine: str
    profile: str
    languages: tuple[str, ...]
    device: str
    structure: bool
    seconds: list[float]

    @property
    def key(self) -> ModelSetKey:
        return ModelSetKey(self.engine, self.profile, self.languages, DeviceId(self.device), self.structure)


class _Snapshot(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = 1
    model_sets: list[_Entry] = []


class LoadTimes:
    """`LoadHistory` and `Learner`. Runs in the server process, on the event loop only."""

    def __init__(self) -> None:
        self._seconds: dict[ModelSetKey, deque[float]] = {}

    def note(self, key: ModelSetKey, seconds: float) -> None:
        """Note a load; readers hold no models and are left out."""
        if not key.is_reader:
            self._seconds.setdefault(key, deque(maxlen=_KEPT)).append(round(seconds, 3))

    def load_time(self, key: ModelSetKey) -> LoadTime | None:
        """See `LoadHistory.load_time`."""
        seconds = self._seconds.get(key)
        return LoadTime(median(seconds), len(seconds)) if seconds else None

    def snapshot(self) -> Mapping[str, JsonValue]:
        """See `Learner.snapshot`."""
        entries = [
            _Entry(
                engine=key.engine,
                profile=key.profile,
                languages=key.languages,
                device=key.device,
                structure=key.structure,
                seconds=list(seconds),
            )
            for key, seconds in sorted(self._seconds.items())
        ]
        return _Snapshot(model_sets=entries).model_dump(mode="json")

    def restore(self, snapshot: Mapping[str, JsonValue]) -> None:
        """See `Learner.restore`.

        Raises:
            ValueError: The snapshot is not valid, or has another version; nothing changes.
        """
        stored = _Snapshot.model_validate(snapshot)
        if stored.version != 1:
            raise ValueError(f"The stored load times have version {stored.version}; this program reads version 1.")
        self._seconds = {entry.key: deque(entry.seconds, maxlen=_KEPT) for entry in stored.model_sets}
