"""Predictions and what annotators made of them, drawn by chance. No test of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.dataset.regions import WIDTH, box, point
from wholebody.keypoints import NAMES, PART_SLICES, Part

BEFORE, AFTER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"

FAR_PX = 20
"""A quarter of the box: no such point was left."""


def corrected_task(
    number: int,
    chance: Callable[[float], float],
    rng: np.random.Generator,
    parts: tuple[Part, ...] = (Part.BODY,),
    version: str = "v1",
    shown: Callable[[float], float] = lambda score: score,
) -> dict[str, Any]:
    """A task of one person, as Label Studio exports it.

    Args:
        number: Its id.
        chance: The score of a point as the network gave it -> how often it is right.
        rng: What is drawn by.
        parts: Which keypoints the person has.
        version: The model version of the prediction.
        shown: The score as the network gave it -> as it stands in the prediction.
    """
    person = box("a", 60, 10, 110, 90, score=0.9)
    before, after = [person], [person]
    for name in (name for part in parts for name in NAMES[PART_SLICES[part]]):
        score, place = float(rng.uniform(0.3, 1)), rng.uniform((60, 10), (90, 70))
        given = point(name, *place.round(3).tolist(), "a", id=f"{number}-{name}", score=round(shown(score), 4))
        before.append(given)
        right = rng.random() < chance(score)
        moved = {"x": given["value"]["x"] + (0 if right else FAR_PX / WIDTH * 100)}
        after.append(given | {"value": given["value"] | moved})
    prediction = {"id": number, "model_version": version, "created_at": BEFORE, "score": 0.5, "result": before}
    annotation = {"id": number, "completed_by": 1, "created_at": AFTER, "result": after, "prediction": prediction}
    return {
        "id": number,
        "data": {"image": f"/data/{number}.jpg"},
        "annotations": [annotation],
        "predictions": [number],
    }
