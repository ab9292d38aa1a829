"""Which annotation or prediction of a task counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from wholebody.dataset.left_out import LeftOut

Of = Literal["annotations", "predictions"]

NOT_ANNOTATED = "a task without an annotation"
ONLY_A_DRAFT = "a task with a draft that was never submitted"
UNSUBMITTED = "a draft beside the annotation, never submitted"
SKIPPED = "a task that was skipped"
NOT_BY = "a task without an annotation of that annotator"
NOT_PREDICTED = "a task without a prediction"
NUMBERS_ALONE = "a task whose predictions the file has the numbers of alone; take them with --project"
OTHERS = "an annotation or prediction beside the one that was taken"


@dataclass(frozen=True, slots=True)
class Choice:
    """What counts of a task.

    Attributes:
        entry: The annotation or prediction, or `None`.
        left_out: What does not count, and why.
    """

    entry: dict[str, Any] | None
    left_out: tuple[LeftOut, ...] = ()


def choose(task: dict[str, Any], of: Of, annotator: str = "") -> Choice:
    """The annotation or prediction of a task that counts.

    Of annotations the newest that is a ground truth, else the newest. Skipped ones and drafts count for nothing. Of
    predictions the newest.

    Args:
        task: As Label Studio exports it.
        of: Which of the two is wanted.
        annotator: E-mail address or number of the annotator whose annotations count alone.
    """
    return _prediction(task) if of == "predictions" else _annotation(task, annotator)


def submitted(task: dict[str, Any], annotator: str = "") -> tuple[list[dict[str, Any]], tuple[LeftOut, ...]]:
    """All annotations of a task that count, the one that counts most first, and what does not count.

    Args:
        task: As Label Studio exports it.
        annotator: E-mail address or number of the annotator whose annotations count alone.
    """
    given = [*_entries(task, "annotations")]
    done = [one for one in given if not one.get("was_cancelled")]
    drafts = [*_entries(task, "drafts")]
    wanted = [one for one in done if not annotator or annotator in _names(one)]
    if not wanted:
        reason = NOT_BY if done else SKIPPED if given else ONLY_A_DRAFT if drafts else NOT_ANNOTATED
        return [], (LeftOut(reason),)
    wanted.sort(key=lambda one: (one.get("ground_truth") is True, *_age(one)), reverse=True)
    return wanted, (LeftOut(UNSUBMITTED, len(drafts)),) if drafts else ()


def _annotation(task: dict[str, Any], annotator: str) -> Choice:
    wanted, left_out = submitted(task, annotator)
    if not wanted:
        return Choice(None, left_out)
    done = sum(not one.get("was_cancelled") for one in _entries(task, "annotations"))
    others = (LeftOut(OTHERS, done - 1, is_loss=False),) if done > 1 else ()
    return Choice(wanted[0], others + left_out)


def _prediction(task: dict[str, Any]) -> Choice:
    given = [*_entries(task, "predictions")]
    if not given:
        return Choice(None, (LeftOut(NUMBERS_ALONE if task.get("predictions") else NOT_PREDICTED),))
    others = (LeftOut(OTHERS, len(given) - 1, is_loss=False),) if len(given) > 1 else ()
    return Choice(max(given, key=_age), others)


def _entries(task: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    given = task.get(key)
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and isinstance(one.get("result"), list):
            yield one


def _names(annotation: dict[str, Any]) -> set[str]:
    """How the annotator may be called."""
    by = annotation.get("completed_by")
    return {str(by[key]) for key in ("id", "email") if key in by} if isinstance(by, dict) else {str(by)}


def _age(entry: dict[str, Any]) -> tuple[str, int]:
    """Greater for what is newer; Label Studio writes its times so that their text sorts."""
    number = entry.get("id")
    return str(entry.get("updated_at") or entry.get("created_at") or ""), number if isinstance(number, int) else 0
