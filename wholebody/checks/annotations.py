"""The check of what annotators submitted: has anybody lost their box, and are there points of nobody?

It reads every annotation of the project, so it is made only where it is asked for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from wholebody.checks.facts import Check, Facts, Finding
from wholebody.dataset.choosing import submitted
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.people import AMBIGUOUS_PEOPLE, NOBODY, TAKEN
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.process.stopping import Stop

OF_NOBODY = frozenset((NOBODY, TAKEN, AMBIGUOUS_PEOPLE))

MOST_TASKS = 5
"""Tasks that are named."""

HOW_TO_MEND = (
    "open these tasks: delete what is left of somebody who was to go, else draw a box of the label for people around "
    "them (docs/annotating.md#remove-a-person)"
)


@dataclass(slots=True)
class _Found:
    """Something in annotations: how often, in how many of them, and in which tasks."""

    count: int = 0
    annotations: int = 0
    tasks: list[Any] = field(default_factory=list)

    def add(self, task_id: Any, count: int) -> None:
        if count:
            self.count += count
            self.annotations += 1
            if task_id not in self.tasks[-1:] and len(self.tasks) <= MOST_TASKS:
                self.tasks.append(task_id)

    @property
    def where(self) -> str:
        several = "s" * (self.annotations != 1)
        named = ", ".join(map(str, self.tasks[:MOST_TASKS])) + ", ..." * (len(self.tasks) > MOST_TASKS)
        return f"in {self.annotations} annotation{several} (task{'s' * (len(self.tasks) != 1)} {named})"


def look_at_annotations(facts: Facts) -> Finding:
    """Has anybody lost their box, and are there points of nobody? Every submitted annotation is read."""
    client, project_id, query = LabelStudioClient(facts.settings, Stop()), facts.project["id"], TaskQuery.annotated()
    tasks = tqdm(
        client.tasks_in_full(project_id, query),
        total=client.count_tasks(project_id, query),
        unit="task",
        disable=None,
        leave=False,
    )
    bereft, of_nobody, annotations = _Found(), _Found(), 0
    for task_id, people, points in _lost(tasks, TaskReader(facts.config, "annotations")):
        annotations += 1
        bereft.add(task_id, people)
        of_nobody.add(task_id, points)
    if not annotations:
        return Finding("skip", "no task has an annotation")
    told = []
    if bereft.count:
        who = "1 person has" if bereft.count == 1 else f"{bereft.count} people have"
        told.append(f"{bereft.where} {who} lost their box: exports and evaluations find them by their points")
    if of_nobody.count:
        which = "1 point is" if of_nobody.count == 1 else f"{of_nobody.count} points are"
        told.append(f"{of_nobody.where} {which} of nobody: exports and evaluations leave them out")
    if told:
        return Finding("warn", "; ".join(told), HOW_TO_MEND)
    looked = f"the {annotations} annotations" if annotations > 1 else "the only annotation"
    return Finding("ok", f"in {looked}, nobody has lost their box and no point is of nobody")


def _lost(tasks: Iterable[dict[str, Any]], reader: TaskReader) -> Iterator[tuple[Any, int, int]]:
    """Of each annotation: its task, how many people have lost their box, and how many points are of nobody."""
    for task in tasks:
        for annotation in submitted(task)[0]:
            found = reader.read_entry(task, annotation)
            people = sum(person.lost_box for image in found.images for person in image.people)
            yield task["id"], people, sum(one.count for one in found.left_out if one.reason in OF_NOBODY)


ANNOTATIONS = Check("annotations", look_at_annotations, ("labeling config",))
