"""Predictions in groups of like poses, so that people do not see the same doubt again and again. By k-means."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.dataset.people import Doubles, Person
from wholebody.keypoints import PART_SLICES
from wholebody.labeling.labeling_config import LabelingConfig

NOBODY: Final = 0
"""The cluster of predictions in which nobody was found."""

ROUNDS, CLOSE_ENOUGH, ATTEMPTS, SEED = 50, 1e-3, 3, 1


@dataclass(frozen=True, slots=True)
class Clustered:
    """A prediction and its cluster.

    Attributes:
        prediction_id: Its number.
        stored: The cluster that it carries already, or `None`.
        cluster: `NOBODY`, or 1 and more, the largest cluster first.
    """

    prediction_id: int
    stored: int | None
    cluster: int


def find_clusters(tasks: Iterable[dict[str, Any]], config: LabelingConfig, version: str, count: int) -> list[Clustered]:
    """Group the predictions of a model version by the pose of the largest person in each.

    Args:
        tasks: Tasks with `id`, `data` and `predictions`.
        config: The labeling config that the predictions were made for.
        version: Their model version; others are passed over.
        count: How many clusters of poses; fewer where there are fewer different poses.
    """
    reader = TaskReader(config, "predictions")
    stored: list[tuple[int, int | None]] = []
    poses: list[Doubles | None] = []
    for task in tasks:
        for prediction in (one for one in task["predictions"] if one.get("model_version") == version):
            people = [person for image in reader.read_entry(task, prediction).images for person in image.people]
            stored.append((prediction["id"], prediction.get("cluster")))
            poses.append(_pose(max(people, key=_area)) if people else None)
    known = [pose for pose in poses if pose is not None]
    groups = iter(_group(np.stack(known), count) if known else [])
    clusters = [NOBODY if pose is None else next(groups) for pose in poses]
    return [Clustered(*one, cluster) for one, cluster in zip(stored, clusters, strict=True)]


def _pose(person: Person) -> Doubles:
    """`(266,)` x, y of each keypoint from the middle of the box, over its longer side; NaN where there is none.

    Each part weighs the same, however many keypoints it has.
    """
    left, top, right, bottom = person.xyxy
    middle, longer = np.array([left + right, top + bottom]) / 2, max(right - left, bottom - top, 1.0)
    places = np.where((person.visibility > 0)[:, None], (person.keypoints - middle) / longer, np.nan)
    for span in PART_SLICES.values():
        places[span] /= np.sqrt(span.stop - span.start)
    return places.reshape(-1)


def _area(person: Person) -> float:
    left, top, right, bottom = person.xyxy
    return (right - left) * (bottom - top)


def _group(poses: Doubles, count: int) -> list[int]:
    """The cluster of each pose, from 1; a point that is missing counts as where it is on average."""
    given = ~np.isnan(poses)
    means = np.where(given, poses, 0).sum(axis=0) / given.sum(axis=0).clip(1)
    filled = np.where(given, poses, means).astype(np.float32)
    count = min(count, len(np.unique(filled, axis=0)))
    cv2.setRNGSeed(SEED)  # the same predictions get the same clusters
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, CLOSE_ENOUGH)
    _, labels, _ = cv2.kmeans(filled, count, None, until, ATTEMPTS, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    found = labels.reshape(-1).tolist()
    by_size = {label: number for number, (label, _) in enumerate(Counter(found).most_common(), 1)}
    return [by_size[label] for label in found]
