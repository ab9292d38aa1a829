"""A stand-in for the model that takes no time: what it finds follows from the task's id alone. No test of its own."""

import secrets
from typing import Any

VERSION = "wholebody-soak-2"
EMPTY_EVERY = 11
"""Nobody is in every so many-th picture."""


def result_of(task_id: int) -> list[dict[str, Any]]:
    """The regions of a task; their ids are new each time, as the model's are."""
    if task_id % EMPTY_EVERY == 0:
        return []
    return [
        {
            "id": secrets.token_hex(8),
            "type": "keypointlabels",
            "from_name": "body",
            "to_name": "img",
            "original_width": 100,
            "original_height": 100,
            "image_rotation": 0,
            "value": {"x": task_id % 97, "y": number, "width": 0.5, "keypointlabels": ["nose"]},
        }
        for number in range(2)
    ]


def is_result_of(task_id: int, result: Any) -> bool:
    """Whether these are the regions of a task, whole and unspoilt."""
    return [region | {"id": ""} for region in result] == [region | {"id": ""} for region in result_of(task_id)]


class StubAnnotator:
    """Takes the place of `annotator.Annotator`."""

    model_version = VERSION
    workers = 2

    def __init__(self, settings: object, *, bulk: bool, stop: object) -> None:
        assert bulk

    def annotate(self, task: dict[str, Any], config: object) -> dict[str, Any]:
        """The task's prediction."""
        return {"result": result_of(task["id"]), "score": 0.5, "model_version": VERSION}

    def close(self) -> None:
        """It holds nothing back."""
