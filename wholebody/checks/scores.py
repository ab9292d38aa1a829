"""The check of what people sort by: is the data manager's score column filled?"""

from wholebody.checks.facts import Check, Facts, Finding
from wholebody.label_studio.model_versions import count_versions


def look_at_scores(facts: Facts) -> Finding:
    """Does the project show the scores of its predictions? Label Studio averages those of its model version alone."""
    stored = count_versions(facts.api.read, facts.project_id)
    chosen = facts.project.get("model_version")
    if not stored:
        return Finding("skip", "no predictions are stored")
    if chosen is None:
        return Finding("ok", "of all predictions, for the project has no model version")
    cure = f"wholebody review --project {facts.project_id} (docs/review.md)"
    if chosen not in stored:
        message = f"the column is empty: predictions are of {_some(stored)}, the project's model version is {chosen!r}"
        return Finding("warn", message, cure)
    if stored[chosen] < max(stored.values()):
        message = f"the column is empty for most tasks: it shows {chosen}, predictions are of {_some(stored)}"
        return Finding("warn", message, cure)
    return Finding("ok", f"of {stored[chosen]} predictions of {chosen}")


def _some(stored: dict[str, int]) -> str:
    return ", ".join(f"{version} ({count})" for version, count in stored.items())


SCORES = Check("score column", look_at_scores, ("project",))
