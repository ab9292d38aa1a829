"""Whose point is whose: everything that people do to regions by hand."""

from typing import Any

import numpy as np
import pytest

from tests.dataset.regions import HEIGHT, WIDTH, box, hidden, our_config, point, skeleton
from wholebody.dataset import people, shapes
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.meanings import ConfigMeanings
from wholebody.dataset.people import Person, assemble
from wholebody.keypoints import NAMES

POINTS = ConfigMeanings.of(our_config().targets[0])
SKELETONS = ConfigMeanings.of(our_config(skeletons=True).targets[0])
NOSE, LEFT_EYE, LEFT_WRIST = (NAMES.index(name) for name in ("nose", "left_eye", "left_wrist"))


def read(*results: Any, meanings: ConfigMeanings = POINTS) -> tuple[list[Person], list[LeftOut]]:
    return assemble(shapes.read_shapes(list(results), meanings, (WIDTH, HEIGHT)))


def named(person: Person) -> dict[str, tuple[float, float]]:
    """The points that a person has."""
    return {
        NAMES[k]: (round(float(person.keypoints[k, 0]), 3), round(float(person.keypoints[k, 1]), 3))
        for k in np.flatnonzero(person.visibility)
    }


def reasons(left_out: list[LeftOut]) -> list[tuple[str, int]]:
    return [(one.reason, one.count) for one in left_out]


def test_points_are_of_the_box_that_they_lie_under() -> None:
    (left, right), left_out = read(
        point("nose", 20, 30, "a", score=0.25, origin="prediction"),
        point("nose", 150, 30, "b"),
        point("left_eye", 22.5, 28, "a", origin="prediction-changed"),
        box("a", 10, 10, 60, 90, score=0.75),
        box("b", 120, 10, 180, 90),
    )
    assert left_out == []
    assert named(left) == {"nose": (20, 30), "left_eye": (22.5, 28)}
    assert named(right) == {"nose": (150, 30)}
    assert left.xyxy == pytest.approx((10, 10, 60, 90))
    assert (left.box_score, right.box_score) == (0.75, None)
    assert left.scores[NOSE] == 0.25
    assert np.isnan(left.scores[LEFT_EYE])
    assert left.region_ids[NOSE] == "nose-20-30"
    assert left.region_ids[LEFT_WRIST] == ""
    assert (left.origins[NOSE], left.origins[LEFT_EYE]) == ("prediction", "prediction-changed")
    assert left.box is not None
    assert left.box.region_id == "a"


def test_visibility_is_2_or_where_marked_1_and_else_0() -> None:
    seen, unseen = point("nose", 20, 30, "a"), point("left_eye", 22, 28, "a")
    (person,), _ = read(hidden(unseen), seen, unseen, box("a", 10, 10, 60, 90))
    assert list(np.flatnonzero(person.visibility)) == [NOSE, LEFT_EYE]
    assert (person.visibility[NOSE], person.visibility[LEFT_EYE]) == (2, 1)


def test_a_choice_that_was_unmarked_says_nothing() -> None:
    one = point("nose", 20, 30, "a")
    unmarked = hidden(one) | {"value": {"choices": []}}
    (person,), left_out = read(one, unmarked, box("a", 10, 10, 60, 90))
    assert person.visibility[NOSE] == 2
    assert left_out == []


def test_a_point_without_parent_goes_to_whose_box_holds_it_and_who_lacks_it() -> None:
    (left, right), left_out = read(
        point("nose", 60, 50),  # in both boxes; the left one has a nose
        point("nose", 20, 30, "a"),
        box("a", 10, 10, 100, 90),
        box("b", 50, 10, 180, 90),
    )
    assert left_out == []
    assert named(left) == {"nose": (20, 30)}
    assert named(right) == {"nose": (60, 50)}


def test_the_nearest_who_lacks_it_goes_first() -> None:
    (left, right), left_out = read(
        point("left_wrist", 62, 52),
        point("left_wrist", 90, 52),
        point("left_elbow", 60, 50, "a"),
        point("left_elbow", 120, 50, "b"),
        box("a", 10, 10, 100, 90),
        box("b", 50, 10, 180, 90),
    )
    assert left_out == []
    assert named(left)["left_wrist"] == (62, 52)
    assert named(right)["left_wrist"] == (90, 52)


def test_a_point_next_to_a_box_is_of_it_unless_another_box_holds_it() -> None:
    (left, right), left_out = read(
        point("nose", 62, 50), point("left_eye", 101, 50), box("a", 10, 10, 60, 90), box("b", 61, 10, 100, 90)
    )
    assert left_out == []
    assert named(left) == {}
    assert named(right) == {"nose": (62, 50), "left_eye": (101, 50)}


def test_a_point_in_nobodys_box_is_named() -> None:
    (person,), left_out = read(point("nose", 190, 50), box("a", 10, 10, 60, 90))
    assert named(person) == {}
    assert left_out == [LeftOut(people.NOBODY, what="nose")]


def test_a_point_that_all_around_it_have_is_named() -> None:
    (person,), left_out = read(point("nose", 20, 20, "a"), point("nose", 30, 30), box("a", 10, 10, 60, 90))
    assert named(person) == {"nose": (20, 20)}
    assert left_out == [LeftOut(people.TAKEN, what="nose")]


@pytest.mark.parametrize("by_hand", ["manual", "prediction-changed"])
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_points_of_one_name_the_one_set_by_a_person_is_kept(by_hand: str, is_first: bool) -> None:
    found = point("nose", 20, 20, "a", origin="prediction")
    corrected = point("nose", 30, 30, "a", origin=by_hand)
    pair = [corrected, found] if is_first else [found, corrected]
    (person,), left_out = read(*pair, box("a", 10, 10, 60, 90))
    assert named(person) == {"nose": (30, 30)}
    assert left_out == [LeftOut(people.TWICE, what="nose")]


def test_of_two_by_hand_the_later_is_kept() -> None:
    (person,), left_out = read(point("nose", 20, 20, "a"), point("nose", 30, 30, "a"), box("a", 10, 10, 60, 90))
    assert named(person) == {"nose": (30, 30)}
    assert reasons(left_out) == [(people.TWICE, 1)]


def test_points_whose_box_was_deleted_stay_one_person() -> None:
    (kept, bereft), left_out = read(
        point("nose", 20, 30, "a"),
        point("nose", 150, 30, "gone"),
        point("left_wrist", 170, 70, "gone"),
        box("a", 10, 10, 60, 90),
    )
    assert left_out == []
    assert named(kept) == {"nose": (20, 30)}
    assert named(bereft) == {"nose": (150, 30), "left_wrist": (170, 70)}
    assert bereft.xyxy == pytest.approx((150, 30, 170, 70))
    assert bereft.box is None


def test_two_deleted_boxes_are_two_people() -> None:
    found, left_out = read(point("nose", 20, 30, "gone"), point("nose", 150, 30, "gone too"))
    assert [named(person) for person in found] == [{"nose": (20, 30)}, {"nose": (150, 30)}]
    assert left_out == []


def test_a_box_drawn_anew_around_points_whose_box_was_deleted_gets_them() -> None:
    (person,), left_out = read(
        point("nose", 20, 30, "gone"), point("left_wrist", 40, 60, "gone"), box("new", 10, 10, 60, 90)
    )
    assert left_out == []
    assert named(person) == {"nose": (20, 30), "left_wrist": (40, 60)}
    assert person.xyxy == pytest.approx((10, 10, 60, 90))


def test_a_box_drawn_anew_that_holds_few_of_the_points_gets_none() -> None:
    found, _ = read(point("nose", 20, 30, "gone"), point("left_wrist", 140, 60, "gone"), box("new", 10, 10, 60, 90))
    assert [len(named(person)) for person in found] == [0, 2]


def test_points_without_any_box_are_one_person() -> None:
    (person,), left_out = read(point("nose", 20, 30), point("left_wrist", 60, 70))
    assert left_out == []
    assert named(person) == {"nose": (20, 30), "left_wrist": (60, 70)}
    assert person.xyxy == pytest.approx((20, 30, 60, 70))


def test_points_without_any_box_whose_names_repeat_are_named() -> None:
    found, left_out = read(point("nose", 20, 30), point("left_wrist", 60, 70), point("nose", 120, 30))
    assert found == []
    assert reasons(left_out) == [(people.AMBIGUOUS_PEOPLE, 3)]


def test_a_point_added_to_the_only_person_whose_box_was_deleted() -> None:
    (person,), left_out = read(point("nose", 20, 30, "gone"), point("left_wrist", 190, 90))
    assert left_out == []
    assert named(person) == {"nose": (20, 30), "left_wrist": (190, 90)}


def test_a_box_without_points_is_a_person() -> None:
    (person,), left_out = read(box("a", 60, 90, 10, 10))
    assert left_out == []
    assert named(person) == {}
    assert person.xyxy == pytest.approx((10, 10, 60, 90))


def test_a_turned_box_is_the_upright_one_around_it() -> None:
    turned = box("a", 100, 20, 140, 40)
    turned["value"]["rotation"] = 90
    (person,), _ = read(turned)
    assert person.xyxy == pytest.approx((80, 20, 100, 60))


def test_a_picture_that_was_turned_in_the_editor_has_its_points_where_they_are() -> None:
    """The editor turns its view alone: it saves the same coordinates with another `image_rotation`."""
    (person,), _ = read(point("nose", 20, 30, "a", image_rotation=90), box("a", 10, 10, 60, 90, image_rotation=90))
    assert named(person) == {"nose": (20, 30)}


def test_points_under_a_box_of_something_else_are_loose() -> None:
    (person,), left_out = read(
        point("nose", 20, 30, "ball"), box("ball", 15, 25, 30, 40, "ball"), box("a", 10, 10, 60, 90)
    )
    assert [one for one in left_out if one.is_loss] == []
    assert named(person) == {"nose": (20, 30)}


def test_a_point_outside_the_picture_is_kept_as_it_is() -> None:
    (person,), _ = read(point("nose", 240, -10, "a"), box("a", 10, 10, 60, 90))
    assert named(person) == {"nose": (240, -10)}


# Skeletons


def test_skeletons_are_read_by_their_vertices() -> None:
    (person,), left_out = read(
        skeleton("s", "body", {"nose": (20, 30), "left_wrist": (40, 60)}, "a"),
        skeleton("h", "left_hand", {"left_hand_root": (41, 61)}, "a"),
        box("a", 10, 10, 60, 90),
        meanings=SKELETONS,
    )
    assert left_out == []
    assert named(person) == {"nose": (20, 30), "left_wrist": (40, 60), "left_hand_root": (41, 61)}
    assert person.region_ids[NOSE] == person.region_ids[LEFT_WRIST] == "s"


def test_a_vertex_may_carry_its_visibility_and_score() -> None:
    drawn = skeleton(
        "s",
        "body",
        {"nose": (20, 30), "left_eye": (22, 28), "left_wrist": (40, 60)},
        "a",
        nose={"visibility": 1, "score": 0.5},
        left_eye={"visibility": 0},
    )
    (person,), _ = read(drawn, box("a", 10, 10, 60, 90), meanings=SKELETONS)
    assert [int(person.visibility[k]) for k in (NOSE, LEFT_EYE, LEFT_WRIST)] == [1, 0, 2]
    assert person.scores[NOSE] == 0.5


def test_a_vertex_added_by_hand_is_named() -> None:
    drawn = skeleton("s", "body", {"nose": (20, 30), "x7Fq": (40, 60)}, "a")
    (person,), left_out = read(drawn, box("a", 10, 10, 60, 90), meanings=SKELETONS)
    assert named(person) == {"nose": (20, 30)}
    assert left_out == [LeftOut(shapes.UNNAMED_VERTEX, what="x7Fq")]


def test_skeletons_without_any_box_are_told_apart() -> None:
    found, left_out = read(
        skeleton("s1", "body", {"nose": (20, 30), "left_wrist": (40, 60)}),
        skeleton("s2", "body", {"nose": (120, 30), "left_wrist": (140, 60)}),
        skeleton("h2", "left_hand", {"left_hand_root": (141, 61)}),
        skeleton("h1", "left_hand", {"left_hand_root": (41, 61)}),
        meanings=SKELETONS,
    )
    assert left_out == []
    assert [named(person)["left_hand_root"] for person in found] == [(41, 61), (141, 61)]
    assert [named(person)["nose"] for person in found] == [(20, 30), (120, 30)]


def test_a_skeleton_without_parent_goes_whole_to_the_box_that_holds_it() -> None:
    (left, right), left_out = read(
        skeleton("s", "body", {"nose": (130, 30), "left_wrist": (140, 60)}),
        box("a", 10, 10, 60, 90),
        box("b", 110, 10, 180, 90),
        meanings=SKELETONS,
    )
    assert left_out == []
    assert (len(named(left)), len(named(right))) == (0, 2)


def test_a_joint_that_is_point_and_vertex_at_one_place_is_one() -> None:
    both = ConfigMeanings(POINTS._keypoints, SKELETONS._skeletons, POINTS._people)
    (person,), left_out = read(
        point("nose", 20, 30, "a"), skeleton("s", "body", {"nose": (20, 30)}, "a"), box("a", 10, 10, 60, 90),
        meanings=both,
    )  # fmt: skip
    assert left_out == []
    assert person.region_ids[NOSE] == "nose-20-30"  # what a person set


# What cannot be read


@pytest.mark.parametrize(
    ("region", "reason", "is_loss"),
    [
        (point("tail", 20, 30), shapes.OTHER_LABEL, False),
        (point("nose", 20, 30, from_name="kp2"), shapes.UNKNOWN_CONTROL, True),
        (skeleton("s", "body", {"nose": (20, 30)}), shapes.UNKNOWN_CONTROL, True),
        (skeleton("s", "road", {"a": (20, 30)}), shapes.OTHER_LABEL, False),
        (box("b", 1, 1, 5, 5, "ball"), shapes.OTHER_LABEL, False),
        (box("b", 1, 1, 5, 5, type="rectangle", value={"x": 1, "y": 1}), shapes.NO_LABEL_BOX, True),
        (point("nose", 20, 30, value={"x": 1, "y": 1, "width": 1}), shapes.NO_LABEL_POINT, True),
        (point("nose", 20, 30, value={"x": "1", "y": 1, "keypointlabels": ["nose"]}), shapes.UNREADABLE, True),
        (point("nose", 20, 30, value={"y": 1, "keypointlabels": ["nose"]}), shapes.UNREADABLE, True),
        (point("nose", float("nan"), 30), shapes.UNREADABLE, True),
        (box("b", float("inf"), 1, 5, 5), shapes.UNREADABLE, True),
        ({"id": "x", "type": "brushlabels", "value": {"brushlabels": ["nose"]}}, shapes.OTHER_LABEL, False),
        ({"id": "x", "type": "choices", "value": {"choices": ["good"]}}, shapes.OTHER_LABEL, False),
    ],
)
def test_what_cannot_be_taken_over_is_named(region: dict[str, Any], reason: str, is_loss: bool) -> None:
    found, left_out = read(region)
    assert found == []
    assert [(one.reason, one.is_loss) for one in left_out] == [(reason, is_loss)]


def test_relations_are_nothing() -> None:
    assert read({"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}) == ([], [])
