"""Which part of the tasks a run does, where several runs divide them."""

import re
from dataclasses import dataclass

from wholebody.errors import SettingsError


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
    def parse(cls, text: str, index: int | None) -> "Shard":
        """`3/16`; or `/16`, where `index` says which, from 0.

        Raises:
            SettingsError: It is neither, or says not which.
        """
        found = re.fullmatch(r"(\d*)/(\d+)", text.strip())
        if not found:
            raise SettingsError(f"--shard {text!r}: must be such as 3/16, the third of sixteen parts, or /16")
        if not found[1] and index is None:
            raise SettingsError(
                f"--shard {text!r}: which part? neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set; give it, "
                f"such as 1{text.strip()}"
            )
        number, count = int(found[1] or (index or 0) + 1), int(found[2])
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
