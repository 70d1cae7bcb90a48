"""Keeps learned state across restarts: restores it at the start, and saves it every minute and at the end."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue

from pagemill.domain.ports import LearnedState, Learner
from pagemill.tasks.duty import Duty

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LearningConfig:
    """Where to keep the state, and how often to save it.

    Attributes:
        name: The name of the learner's state.
        interval: Time between two saves; a crash of the server loses at most this much.
        saves: Whether to save; if not, it restores again instead, to learn from the servers that read pages.
    """

    name: str
    interval: timedelta = timedelta(minutes=1)
    saves: bool = True


class LearningKeeper:
    """A maintenance duty. Runs in the server process.

    Args:
        config: The name of the state, and the interval.
        learner: The part that learns.
        state: The stored state.
    """

    def __init__(self, config: LearningConfig, *, learner: Learner, state: LearnedState) -> None:
        self._name = config.name
        self._saves = config.saves
        self._learner = learner
        self._state = state
        self._saved = ""
        self._duty = Duty(f"learning of {config.name}", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """See `Runnable.start`. It first restores the stored state."""
        await self.recall()
        await self._duty.start()

    async def recall(self) -> None:
        """Restore the stored state. If it is unusable, the learner starts from nothing."""
        kept = await self._state.load(self._name)
        if kept is not None:
            try:
                self._learner.restore(kept)
            except ValueError as error:
                logger.warning(
                    "The stored measurements of %s are unusable; Pagemill measures them again: %s", self._name, error
                )
        self._saved = _text(self._learner.snapshot())

    async def run_once(self) -> None:
        """Save the state if it has changed."""
        if not self._saves:
            await self.recall()
            return
        learned = self._learner.snapshot()
        if (text := _text(learned)) != self._saved:
            await self._state.save(self._name, learned)
            self._saved = text

    async def stop(self) -> None:
        """See `Runnable.stop`. It saves one last time."""
        await self._duty.stop()
        try:
            await self.run_once()
        except Exception:
            logger.exception("The measurements of %s since the last minute are lost", self._name)


def _text(learned: Mapping[str, JsonValue]) -> str:
    """A text to compare states by; it takes much less memory than the values."""
    return json.dumps(learned, sort_keys=True)
