import pytest

from wholebody.keypoints import NAMES, PART_SLICES, SKELETON, Part
from wholebody.labeling.skeletons import SKELETONS, connect

JOINTS = {
    "body": range(23),
    "body_without_feet": range(17),
    "face": range(133)[PART_SLICES[Part.FACE]],
    "left_hand": range(133)[PART_SLICES[Part.LEFT_HAND]],
    "right_hand": range(133)[PART_SLICES[Part.RIGHT_HAND]],
}
# iBUG-68's own lines: jaw, brows, bridge and nostrils, eyes, outer and inner lips; first and last of each.
FACE_LINES = ((0, 16), (17, 21), (22, 26), (27, 30), (31, 35), (36, 41), (42, 47), (48, 59), (60, 67))


@pytest.mark.parametrize("part", JOINTS)
def test_every_joint_is_in_one_tree_and_its_parent_before_it(part: str) -> None:
    tree = SKELETONS[part]
    assert sorted(tree) == list(JOINTS[part])
    order = list(tree)
    assert [joint for joint, parent in tree.items() if parent is None] == order[:1]
    assert all(order.index(parent) < order.index(joint) for joint, parent in tree.items() if parent is not None)


@pytest.mark.parametrize("part", [Part.LEFT_HAND, Part.RIGHT_HAND])
def test_bones_of_a_hand_are_the_datasets(part: Part) -> None:
    assert {(parent, joint) for joint, parent in SKELETONS[part].items() if parent} == set(SKELETON[part])


def test_bones_of_the_body_are_the_datasets_but_for_the_neck() -> None:
    bones = {frozenset(bone) for part in (Part.BODY, Part.FEET) for bone in SKELETON[part]}
    drawn = {frozenset((parent, joint)) for joint, parent in SKELETONS["body"].items() if parent is not None}
    assert drawn - bones == {frozenset((0, 5)), frozenset((0, 6))}


def test_the_face_is_drawn_along_its_lines() -> None:
    tree = SKELETONS["face"]
    drawn = {frozenset((parent - 23, joint - 23)) for joint, parent in tree.items() if parent is not None}
    lines = {frozenset((i, i + 1)) for first, last in FACE_LINES for i in range(first, last)}
    assert sorted(tuple(sorted(bone)) for bone in drawn - lines) == [
        (8, 57),  # jaw to lip
        (21, 27),  # brows to nose
        (22, 27),
        (27, 39),  # eyes to nose
        (27, 42),
        (30, 33),  # tip to nostrils
        (33, 51),  # nostrils to lip
        (36, 41),  # around the corners of eyes and lips
        (48, 59),
        (51, 62),  # outer to inner lip
        (60, 67),
    ]


def linked(part: str, *missing: str) -> dict[str, str | None]:
    names = {
        NAMES[joint]: None if parent is None else NAMES[parent]
        for joint, parent in connect(SKELETONS[part], lambda joint: NAMES[joint] not in missing)
    }
    assert not set(missing) & (set(names) | set(names.values()))
    assert len(names) == len(SKELETONS[part]) - len(missing)
    return names


def test_all_present() -> None:
    assert dict(connect(SKELETONS["body"], lambda joint: True)) == SKELETONS["body"]


@pytest.mark.parametrize(
    ("missing", "joint", "parent"),
    [
        # the parent is there
        ((), "left_wrist", "left_elbow"),
        # it is not: its parent, and so on
        (("left_elbow",), "left_wrist", "left_shoulder"),
        (("left_elbow", "left_shoulder"), "left_wrist", "nose"),
        (("left_shoulder", "left_hip", "left_knee"), "left_heel", "left_ankle"),
        # no ancestor: the root, which is the first that is there
        (("nose",), "left_shoulder", None),
        (("nose",), "right_shoulder", "left_shoulder"),
        (("nose",), "left_eye", "left_shoulder"),
        (("nose", "left_eye"), "left_ear", "left_shoulder"),
        # ... and as near to the middle as there is one
        (("nose", "left_shoulder"), "right_shoulder", None),
        (("nose", "left_shoulder"), "left_elbow", "right_shoulder"),
        (("nose", "left_shoulder", "right_shoulder"), "left_eye", None),
    ],
)
def test_a_missing_joint_breaks_nothing(missing: tuple[str, ...], joint: str, parent: str | None) -> None:
    links = linked("body", *missing)
    assert links[joint] == parent
    assert [name for name, link in links.items() if link is None] == [next(iter(links))]


@pytest.mark.parametrize("part", JOINTS)
def test_whatever_is_missing_what_is_left_is_one_tree(part: str) -> None:
    for step in range(2, 6):
        for start in range(step):
            present = set(list(SKELETONS[part])[start::step])
            links = list(connect(SKELETONS[part], present.__contains__))
            assert {joint for joint, _ in links} == present
            seen: set[int | None] = set()
            for number, (joint, parent) in enumerate(links):
                assert parent in seen if number else parent is None
                seen.add(joint)


def test_nothing_present() -> None:
    assert list(connect(SKELETONS["face"], lambda joint: False)) == []
