import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import chain, combinations

import pytest

from wholebody.config_writer import parse_parts, write_config
from wholebody.errors import SettingsError
from wholebody.keypoints import NAMES, PART_SLICES, Part

BODY, FEET, FACE, LEFT_HAND, RIGHT_HAND = Part
ALL = tuple(Part)
CHOICES = "choose from body, feet, face, left_hand, right_hand"
SELECTIONS = list(chain.from_iterable(combinations(ALL, n) for n in range(1, len(ALL) + 1)))


def attributes(config: str, tag: str) -> list[dict[str, str]]:
    return [element.attrib for element in ET.fromstring(config).iter(tag)]


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_each_part_has_its_own_control_with_its_keypoints_in_order(parts: tuple[Part, ...]) -> None:
    controls = {c.attrib["name"]: c for c in ET.fromstring(write_config(parts)).iter("KeyPointLabels")}
    assert list(controls) == list(parts)
    for part in parts:
        indices = range(133)[PART_SLICES[part]]
        labels = [(label.attrib["value"], label.attrib["model_index"]) for label in controls[part]]
        assert labels == [(NAMES[i], str(i)) for i in indices]


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_names_labels_and_model_indices_are_unique(parts: tuple[Part, ...]) -> None:
    config = write_config(parts)
    labels = attributes(config, "Label")
    names = re.findall(r' name="([^"]+)"', config)
    assert names == ["img", "box", *parts]
    assert len({label["value"] for label in labels}) == len(labels)
    assert len({label["model_index"] for label in labels}) == len(labels)


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_every_control_takes_results_only_and_draws_on_the_image(parts: tuple[Part, ...]) -> None:
    config = write_config(parts)
    controls = attributes(config, "RectangleLabels") + attributes(config, "KeyPointLabels")
    assert {(c["toName"], c["smart"]) for c in controls} == {("img", "false")}
    (image,) = attributes(config, "Image")
    assert (image["name"], image["value"], image["zoom"]) == ("img", "$image", "true")


def test_person_box_has_the_index_after_the_keypoints() -> None:
    (box,) = ET.fromstring(write_config([BODY])).iter("RectangleLabels")
    assert box.attrib["name"] == "box"
    assert [(label.attrib["value"], label.attrib["model_index"]) for label in box] == [("person", "133")]


@pytest.mark.parametrize(
    ("parts", "on_demand"),
    [
        (ALL, ["face", "left_hand", "right_hand"]),
        ([BODY, FEET], []),
        ([FEET, LEFT_HAND], ["left_hand"]),
        ([FACE], []),  # nothing else to show: it would be an empty palette
        ([FACE, LEFT_HAND, RIGHT_HAND], []),
    ],
)
def test_face_and_hands_are_shown_on_demand(parts: Sequence[Part], on_demand: list[str]) -> None:
    hidden = [view for view in attributes(write_config(parts), "View") if "visibleWhen" in view]
    assert [view["whenTagName"] for view in hidden] == on_demand
    assert {view["visibleWhen"] for view in hidden} <= {"region-selected"}


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("nose", "#2962ff"),
        ("left_eye", "#00c853"),
        ("right_ankle", "#ff6d00"),
        ("left_heel", "#00c853"),
        ("right_big_toe", "#ff6d00"),
        ("face-0", "#ffc400"),
        ("face-67", "#ffc400"),
        ("left_hand_root", "#0091ea"),
        ("left_thumb1", "#01579b"),
        ("left_thumb4", "#01579b"),
        ("left_forefinger1", "#00b8d4"),
        ("right_hand_root", "#d500f9"),
        ("right_pinky_finger4", "#4a148c"),
        ("person", "#e6194b"),
    ],
)
def test_colour_tells_the_side_and_the_finger(name: str, colour: str) -> None:
    backgrounds = {label["value"]: label["background"] for label in attributes(write_config(ALL), "Label")}
    assert backgrounds[name] == colour


def test_order_of_the_parts_makes_no_difference() -> None:
    assert write_config([RIGHT_HAND, BODY]) == write_config([BODY, RIGHT_HAND])


def test_config_is_indented_and_ends_with_a_newline() -> None:
    lines = write_config([BODY]).splitlines(keepends=True)
    assert lines[0] == "<View>\n"
    assert lines[-1] == "</View>\n"
    assert '          <Label value="nose" background="#2962ff" model_index="0" />\n' in lines


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], f"parts: none named; {CHOICES}"),
        ([BODY, FACE, BODY], f"parts 'body,face,body': the same part twice; {CHOICES}"),
    ],
)
def test_write_config_refuses(parts: Sequence[Part], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        write_config(parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("body", (BODY,)),
        ("body,feet,face,left_hand,right_hand", ALL),
        ("  body ,\tfeet\n", (BODY, FEET)),
        ("right_hand,left_hand,face,feet,body", ALL),
        ("face,body,face,body", (BODY, FACE)),
        ("body,", (BODY,)),
    ],
)
def test_parse_parts(text: str, parts: tuple[Part, ...]) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arms", f"parts 'arms': no such part 'arms'; {CHOICES}"),
        ("body,arms,legs", f"parts 'body,arms,legs': no such part 'arms', 'legs'; {CHOICES}"),
        ("Body", f"parts 'Body': no such part 'Body'; {CHOICES}"),
        ("body feet", f"parts 'body feet': no such part 'body feet'; {CHOICES}"),
        ("", f"parts '': none named; {CHOICES}"),
        (" , ", f"parts ' , ': none named; {CHOICES}"),
    ],
)
def test_parse_parts_refuses(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        parse_parts(text)
