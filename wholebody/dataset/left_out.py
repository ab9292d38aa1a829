"""What could not be taken over, why, and of which tasks: so that nothing is lost without a word."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_TASKS = 10
"""Tasks that a line names; all of them stand in the list that an export writes."""

MOST_REASONS = 1_000
OTHER_REASONS = "other reasons"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was left out.

    Attributes:
        reason: Why, in words that are the same for all tasks with the same trouble.
        count: How many things: points, boxes, images, tasks.
        is_loss: Whether something that was labelled as a person's is missing. A label of something else is not.
        what: The thing itself, for the list: a label, a region's id, an image.
    """

    reason: str
    count: int = 1
    is_loss: bool = True
    what: str = ""


@dataclass(slots=True)
class LeftOutTally:
    """All that a command left out, by reason. Holds few words, however many tasks there are.

    Attributes:
        where: What tasks are called in the lines.
        no_loss: What stands above the lines of what is no loss.
        losses: How many things are missing.
    """

    where: str = "task"
    no_loss: str = "Not about people, or not chosen:"
    losses: int = 0
    _counts: Counter[tuple[bool, str]] = field(default_factory=Counter)
    _tasks: dict[tuple[bool, str], list[str]] = field(default_factory=dict)
    _more: Counter[tuple[bool, str]] = field(default_factory=Counter)
    _last: dict[tuple[bool, str], str] = field(default_factory=dict)

    def add(self, task: object, one: LeftOut) -> None:
        """Count something of a task."""
        key = (one.is_loss, one.reason)
        if key not in self._counts and len(self._counts) >= MOST_REASONS:
            key = (one.is_loss, OTHER_REASONS)
        self._counts[key] += one.count
        self.losses += one.count if one.is_loss else 0
        name = str(task)
        if self._last.get(key) == name:
            return
        self._last[key] = name
        named = self._tasks.setdefault(key, [])
        if len(named) < MOST_TASKS:
            named.append(name)
        else:
            self._more[key] += 1

    def has(self, *reasons: str) -> bool:
        """Whether anything was left out for one of these reasons."""
        return any(reason in reasons for _, reason in self._counts)

    def reasons(self) -> Iterator[dict[str, Any]]:
        """For files: each `reason`, the most frequent first, with its `count`, `is_loss`, and some `tasks` by name."""
        for (is_loss, reason), count in self._counts.most_common():
            tasks = [*self._tasks[is_loss, reason]]
            yield {"reason": reason, "count": count, "is_loss": is_loss, "tasks": tasks}

    def lines(self) -> Iterator[str]:
        """A line for each reason, losses first, the most frequent first."""
        for is_loss, title in ((True, "Left out:"), (False, self.no_loss)):
            found = [(key, count) for key, count in self._counts.most_common() if key[0] is is_loss]
            if found:
                yield title
            for key, count in found:
                more = f" and {self._more[key]} more" if self._more[key] else ""
                several = "s" if len(self._tasks[key]) > 1 else ""
                yield f"  {count} x {key[1]} ({self.where}{several} {', '.join(self._tasks[key])}{more})"
