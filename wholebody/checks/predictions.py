"""The check of what is stored in the project: do its predictions carry names that the labeling config has?"""

from typing import Any

from wholebody.checks.api import CHECK_URL
from wholebody.checks.facts import Check, Facts, Finding
from wholebody.errors import LabelStudioError
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_fit import fits
from wholebody.versions import OUR_VERSIONS, is_ours

SAMPLE = 20
"""Tasks looked at from either end: of a project that got another config, the first or the last have not been redone."""


def look_at_predictions(facts: Facts) -> Finding:
    """Do stored predictions of this project's models fit the labeling config? Some tasks are looked at."""
    tasks = _sample(facts)
    if not tasks:
        return Finding("skip", "no task without annotation has predictions of this project's models")
    misfits = [task_id for task_id, predictions in tasks.items() if not all(_fits(one, facts) for one in predictions)]
    looked = f"the {len(tasks)} task{'s' * (len(tasks) != 1)} looked at"
    if not misfits:
        return Finding("ok", f"in {looked}, they fit the labeling config")
    message = (
        f"in {len(misfits)} of {looked}, such as task {misfits[0]}, they carry names that the labeling config lacks: "
        "it was changed since"
    )
    return Finding("warn", message, "`wholebody prefill --replace` predicts such tasks anew (docs/prefill.md)")


def _fits(prediction: Any, facts: Facts) -> bool:
    return not is_ours(prediction.get("model_version")) or fits(prediction.get("result"), facts.config)


def _sample(facts: Facts) -> dict[int, list[Any]]:
    """Task id -> its predictions, of the first tasks and the last; a listing asks no backend about predicted tasks."""
    found: dict[int, list[Any]] = {}
    query = TaskQuery.predicted_by(OUR_VERSIONS).without_annotation()
    for end in (query, query.newest_first()):
        answer = facts.api.read(
            "/api/tasks/",
            project=facts.project_id,
            page=1,
            page_size=SAMPLE,
            fields="all",
            include="id,predictions",
            resolve_uri="false",
            query=end.encoded(),
        )
        try:
            found |= {task["id"]: [{**one} for one in task["predictions"]] for task in answer["tasks"]}
        except (KeyError, TypeError):
            raise LabelStudioError(f"the predictions are not listed as Label Studio does it; {CHECK_URL}") from None
    return found


OF_WHAT_IS_STORED = (Check("predictions", look_at_predictions, ("labeling config",)),)
