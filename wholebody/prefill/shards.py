"""Which part of the tasks a run does, where several runs divide them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wholebody.errors import SettingsError

INDEXES = (("JOB_COMPLETION_INDEX", ""), ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN"))
"""Variables with the number of a part, and with the least number, else 0: of Kubernetes and of Slurm."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Every n-th task.

    Attributes:
        number: Which of them, from 1.
        count: How many runs divide the tasks.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> "Shard":
        """`3/16`, or `/16`: then a variable of Kubernetes or Slurm says which.

        Raises:
            SettingsError: It is neither, or there is no such variable.
        """
        found = re.fullmatch(r"(\d*)/(\d+)", text.strip())
        if not found:
            raise SettingsError(f"--shard {text!r}: must be such as 3/16, the third of sixteen parts, or /16")
        number = int(found[1]) if found[1] else _index(text, environment) + 1
        count = int(found[2])
        if not 1 <= number <= count:
            raise SettingsError(f"--shard {text!r}: there is no part {number} of {count}; the first is 1")
        return cls(number, count)

    def has(self, place: int) -> bool:
        """Whether a task is in it.

        Args:
            place: Its id, or another number that all runs give it.
        """
        return place % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def _index(text: str, environment: Mapping[str, str]) -> int:
    for name, least in INDEXES:
        if value := environment.get(name, ""):
            try:
                return int(value) - int(environment.get(least) or 0)
            except ValueError:
                raise SettingsError(f"{name}={value!r}: must be a number") from None
    names = " nor ".join(name for name, _ in INDEXES)
    raise SettingsError(f"--shard {text!r}: which part? neither {names} is set; give it, such as 3{text.strip()}")
