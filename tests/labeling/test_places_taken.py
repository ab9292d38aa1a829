"""Who is asked for takes the place of the same person with few points, as the editor does by ids."""

from typing import Any

import numpy as np
import pytest

from tests.labeling.test_crowds import APART, crowd, target
from tests.labeling.test_regions import BOX, control
from tests.labeling.test_regions_skeletons import skeleton
from wholebody.keypoints import NAMES
from wholebody.labeling.crowds import thin_out
from wholebody.labeling.places_taken import take_places
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.targets import ImageTarget
from wholebody.poses import Poses
from wholebody.predictions import Region

OURS = "wholebody-figures-12345678"


def apart(count: int) -> Poses:
    poses = crowd(count)
    size = poses.xyxy[:, 2:] - poses.xyxy[:, :2]
    poses.xyxy[:, :2] = np.arange(count)[:, None] * (150, 50)
    poses.xyxy[:, 2:] = poses.xyxy[:, :2] + size
    return poses


def alone(poses: Poses, person: int) -> Poses:
    one = slice(person, person + 1)
    return Poses(poses.size_wh, poses.xyxy[one], poses.box_scores[one], poses.keypoints[one], poses.scores[one])


def everything(poses: Poses, where: ImageTarget, page: int | None = None) -> list[Region]:
    return write_regions(poses, where, Shown.of(poses, where, 0.3), page)


def thinned(poses: Poses, where: ImageTarget, most: int, page: int | None = None) -> list[Region]:
    return write_regions(poses, where, thin_out(Shown.of(poses, where, 0.3), poses, most)[0], page)


def stored(result: Any, **changes: Any) -> dict[str, Any]:
    return {"id": 1, "predictions": [{"id": 5, "model_version": OURS, "result": result, **changes}]}


def accepted(before: list[Region], answer: list[Region]) -> list[Region]:
    """What the editor has then: regions in the place of those with their id, the others at the end."""
    after: dict[str, list[Region]] = {}
    for region in before:
        after.setdefault(region["id"], []).append(region)
    new: dict[str, list[Region]] = {}
    for region in answer:
        new.setdefault(region["id"], []).append(region)
    return [region for some in (after | new).values() for region in some]


def kinds(regions: list[Region], box: str) -> list[str]:
    """The labels of what hangs on a box."""
    values = [region["value"] | {"type": region["type"]} for region in regions if region.get("parentID") == box]
    return sorted(label for value in values for label in value.get("labels") or value.get(value["type"], []))


@pytest.mark.parametrize("most", [24 + 134, 134 + 1, 2])
@pytest.mark.parametrize(
    "where", [target(), target(skeletons=(skeleton(),)), APART], ids=["points", "with skeletons", "labels apart"]
)
def test_there_is_one_person_with_everything_afterwards(where: ImageTarget, most: int) -> None:
    poses = apart(2)
    before = thinned(poses, where, most)
    whole = everything(alone(poses, 1), where)
    after = accepted(before, take_places(whole, stored(before), where, None))
    boxes = [region for region in after if region["type"].startswith("rectangle")]
    assert len(boxes) == 2
    other, box = boxes
    assert after[-1]["id"] == box["id"], "below its points"
    assert kinds(after, box["id"]) == kinds(whole, whole[-1]["id"])
    assert kinds(after, other["id"]) == kinds(before, other["id"])
    assert {region.get("parentID", box["id"]) for region in after} <= {box["id"], other["id"]}


def test_two_who_are_asked_for_at_once() -> None:
    poses = apart(3)
    before = thinned(poses, target(), 3)
    asked = Poses(*(one if isinstance(one, tuple) else one[1:] for one in (
        poses.size_wh, poses.xyxy, poses.box_scores, poses.keypoints, poses.scores)))  # fmt: skip
    after = accepted(before, take_places(everything(asked, target()), stored(before), target(), None))
    boxes = [region["id"] for region in after if region["type"] == "rectanglelabels"]
    assert [len(kinds(after, box)) for box in boxes] == [0, 133, 133]


def test_where_nothing_is_new_the_box_keeps_its_id() -> None:
    poses, where = apart(1), target(control({0: "nose"}))
    before = thinned(poses, where, 1)
    poses.scores[:] = 0
    (box,) = take_places(everything(poses, where), stored(before), where, None)
    assert box["id"] == before[0]["id"]


OTHERS = [
    # somebody else
    lambda poses, where: stored(thinned(alone(poses, 0), where, 1)),
    # who has all points
    lambda poses, where: stored(everything(alone(poses, 1), where)),
    # of another model
    lambda poses, where: stored(thinned(alone(poses, 1), where, 1), model_version="other"),
    # on another page, or image
    lambda poses, where: stored(thinned(alone(poses, 1), where, 1, page=2)),
    lambda poses, where: stored([r | {"to_name": "other"} for r in thinned(alone(poses, 1), where, 1)]),
    # whose id no answer can have
    *(
        lambda poses, where, bad=bad: stored([r | {"id": bad} for r in thinned(alone(poses, 1), where, 1)])
        for bad in ("", "\ud800", "a" * 101, 5)
    ),
    # nothing, or nonsense
    lambda *_: {"id": 1},
    lambda *_: {"id": 1, "predictions": [3, {}, {"result": 3}, None]},
    lambda *_: {"id": 1, "predictions": {"result": []}},
    lambda *_: stored([None, {"id": ["a"]}, {"id": "a", "to_name": "img", "type": 5, "value": []}]),
    lambda *_: stored(
        [{"id": "a", "to_name": "img", "type": "rectanglelabels", "value": {"rectanglelabels": ["person"]}}]
    ),
    lambda *_: stored(
        [{"id": "a", "to_name": "img", "type": "rectanglelabels", "value": {"rectanglelabels": [["person"]]}}]
    ),
]


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_nobody_elses_place_is_taken(number: int) -> None:
    poses, where = apart(2), target()
    asked = everything(alone(poses, 1), where)
    assert take_places(asked, OTHERS[number](poses, where), where, None) == asked


def test_skeletons_alone_are_never_few_points() -> None:
    where = ImageTarget("img", "$image", (), BOX, (skeleton(),))
    asked = everything(apart(1), where)
    assert take_places(asked, stored(everything(apart(1), where)), where, None) == asked


def test_the_newest_prediction_counts() -> None:
    old, new = (thinned(apart(1), target(), 1) for _ in range(2))
    kept = [{"id": number, "model_version": OURS, "result": one} for number, one in ((5, old), (7, new), (6, old))]
    answer = take_places(everything(apart(1), target()), {"id": 1, "predictions": kept}, target(), None)
    ids = {region["id"] for region in answer}
    assert (new[0]["id"] in ids, old[0]["id"] in ids) == (True, False)


def test_a_label_of_several_points_gives_each_its_own_id() -> None:
    where = target(control(dict.fromkeys(range(133), "any")))
    poses = apart(1)
    before = thinned(poses, where, 1)
    answer = take_places(everything(poses, where), stored(before), where, None)
    assert len({region["id"] for region in answer}) == len(answer) == 134


def test_the_place_on_a_page() -> None:
    where = ImageTarget("img", "$pages", (control({0: NAMES[0], 23: NAMES[23]}),), BOX, has_pages=True)
    before = thinned(apart(1), where, 1, page=1)
    answer = take_places(everything(apart(1), where, 1), stored(before), where, 1)
    assert before[0]["id"] in {region["id"] for region in answer}
