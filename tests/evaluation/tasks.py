"""Tasks with predictions and annotations, for the tests of this folder. A picture has 200 x 100 pixels."""

from typing import Any

from tests.dataset.regions import box, point

BEFORE, AFTER, LATER = (f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3))


def predicted(*result: Any, number: int = 3, **changes: Any) -> dict[str, Any]:
    """A prediction of the version `v1`."""
    return {"id": number, "model_version": "v1", "created_at": BEFORE, "result": [*result]} | changes


def annotated(*result: Any, **changes: Any) -> dict[str, Any]:
    """An annotation."""
    return {"id": 9, "completed_by": 1, "created_at": AFTER, "lead_time": 12.5, "result": [*result]} | changes


def task(predictions: list[Any], *annotations: Any) -> dict[str, Any]:
    """A task."""
    data = {"image": "/data/1.jpg"}
    return {"id": 1, "data": data, "annotations": [*annotations], "predictions": predictions}


ALICE = box("a", 10, 10, 60, 90)
BOB = box("b", 100, 10, 150, 90)
NOSE = point("nose", 30, 20, "a", id="n")
ELBOW = point("left_elbow", 20, 50, "a", id="e")


def at(region: dict[str, Any], x: float, y: float) -> dict[str, Any]:
    """The region moved to a place in pixels."""
    return region | {"value": region["value"] | {"x": x / 2, "y": float(y)}, "origin": "prediction-changed"}
