"""Crops that are too few to fill all threads: whoever has the turn takes along those of others that wait.

Two callers of one crop each would take two turns, in each of which all threads share every layer of a small network.
In one turn, a thread each, both are done in two thirds of that time.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from wholebody.estimation.geometry import Crop
from wholebody.estimation.outputs import Peaks
from wholebody.images.decoding import BGR
from wholebody.serving.calls import Priority, current_call
from wholebody.serving.turns import Place


@dataclass(eq=False, slots=True)
class LoneCrops:
    """Some crops of one image, and what becomes of them.

    Attributes:
        bgr: `(h, w, 3)` uint8 BGR image.
        crops: At least one.
        priority: That of the call that they belong to.
        place: Where their caller waits for a turn.
        found: What each run has found on them, in their order, or the error.
    """

    bgr: BGR
    crops: Sequence[Crop]
    priority: Priority = field(default_factory=lambda: current_call().priority)
    place: Place = field(default_factory=Place)
    found: Future[list[Peaks]] = field(default_factory=Future)


class LoneCropsWaiting:
    """Those whose turn has not come yet, in order of arrival. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: list[LoneCrops] = []
        self._lock = threading.Lock()

    def add(self, lone: LoneCrops) -> None:
        """Let others take them along."""
        with self._lock:
            self._waiting.append(lone)

    def discard(self, lone: LoneCrops) -> None:
        """Their own turn has come, or will not; nobody takes them along any more."""
        with self._lock:
            if lone in self._waiting:
                self._waiting.remove(lone)

    def take_along(self, priority: Priority, count: int) -> list[LoneCrops]:
        """Those of as urgent calls that together are `count` crops; nothing where none are."""
        taken: list[LoneCrops] = []
        with self._lock:
            for lone in sorted(self._waiting, key=lambda lone: lone.priority):
                if lone.priority <= priority and len(lone.crops) <= count:
                    taken.append(lone)
                    count -= len(lone.crops)
            if count:
                return []
            self._waiting = [lone for lone in self._waiting if lone not in taken]
        return taken
