"""Which prediction an annotation came from."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def predictions_of(task: Json) -> list[Json]:
    """All predictions of a task that are there whole, oldest first.

    Label Studio's JSON export has the numbers of predictions alone. But of each annotation it keeps, under
    `prediction`, the one of the project's model version at that time.
    """
    found: dict[object, Json] = {}
    for number, one in enumerate(_whole(task)):
        given = one.get("id")
        found.setdefault(given if isinstance(given, int) else f"without a number: {number}", one)
    return sorted(found.values(), key=_age)


def prediction_of(annotation: Json, predictions: list[Json]) -> Json | None:
    """The prediction that an annotation came from.

    That which Label Studio names; else the one with which it shares most region ids; else the newest before it.

    Args:
        annotation: One of the task's.
        predictions: Those of the task, oldest first.

    Returns:
        The prediction, or `None` where all are younger than the annotation.
    """
    parent = annotation.get("parent_prediction")
    named = next((one for one in predictions if isinstance(parent, int) and one.get("id") == parent), None)
    if named is not None:
        return named
    ids = _region_ids(annotation)
    shared = [len(ids & _region_ids(one)) for one in predictions]
    if any(shared):
        return max(zip(shared, range(len(shared)), predictions, strict=True))[2]
    begun = str(annotation.get("created_at") or "")
    before = [one for one in predictions if not begun or str(one.get("created_at") or "") <= begun]
    return before[-1] if before else None


def _whole(task: Json) -> Iterator[Json]:
    annotations = [one for one in _list(task.get("annotations")) if isinstance(one, dict)]
    for one in (*_list(task.get("predictions")), *(annotation.get("prediction") for annotation in annotations)):
        if isinstance(one, dict) and isinstance(one.get("result"), list):
            yield one


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []


def _region_ids(entry: Json) -> set[str]:
    results = [one for one in _list(entry.get("result")) if isinstance(one, dict)]
    return {one["id"] for one in results if isinstance(one.get("id"), str) and one["id"]}


def _age(prediction: Json) -> tuple[str, int]:
    """Greater for what is newer; Label Studio writes its times so that their text sorts."""
    number = prediction.get("id")
    return str(prediction.get("created_at") or ""), number if isinstance(number, int) else 0
