"""Keeps what was learned across restarts: restored at the start, saved every minute and at the end."""

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
    """What is kept, and how often it is saved.

    Attributes:
        name: What the learner's state is kept under.
        interval: Longest time a crash of the server may cost.
    """

    name: str
    interval: timedelta = timedelta(minutes=1)


class LearningKeeper:
    """A maintenance duty. Runs in the server process.

    Args:
        config: What is kept.
        learner: Who learns.
        state: Where it is kept.
    """

    def __init__(self, config: LearningConfig, *, learner: Learner, state: LearnedState) -> None:
        self._name = config.name
        self._learner = learner
        self._state = state
        self._saved = ""
        self._duty = Duty(f"learning of {config.name}", self.run_once, interval=config.interval)

    async def start(self) -> None:
        """Take up what is kept, then save regularly."""
        await self.recall()
        await self._duty.start()

    async def recall(self) -> None:
        """Take up what is kept. What cannot be understood is learned anew."""
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
        """Save what has changed."""
        learned = self._learner.snapshot()
        if (text := _text(learned)) != self._saved:
            await self._state.save(self._name, learned)
            self._saved = text

    async def stop(self) -> None:
        """Save for the last time; twice is no error."""
        await self._duty.stop()
        try:
            await self.run_once()
        except Exception:
            logger.exception("The measurements of %s since the last minute are lost", self._name)


def _text(learned: Mapping[str, JsonValue]) -> str:
    """To compare by: much smaller than the values themselves."""
    return json.dumps(learned, sort_keys=True)
