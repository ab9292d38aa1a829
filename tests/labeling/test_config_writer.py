import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from itertools import chain, combinations

import pytest

from wholebody.errors import SettingsError
from wholebody.keypoints import NAMES, PART_SLICES, PARTS, Part
from wholebody.labeling.config_writer import PRESETS, Prompt, parse_parts, write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.skeletons import SKELETONS
from wholebody.labeling.targets import BoxControl

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
    assert names == ["img", "prompt_box", "box", *parts]
    assert len({label["value"] for label in labels}) == len(labels)
    assert len({label["model_index"] for label in labels}) == len(labels)


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_every_label_has_a_key_that_is_its_own_and_none_of_the_editors(parts: tuple[Part, ...]) -> None:
    for skeleton in (False, True):
        if skeleton and FEET in parts and BODY not in parts:
            continue
        keys = [label["hotkey"] for label in attributes(write_config(parts, skeleton=skeleton), "Label")]
        assert len(set(keys)) == len(keys)
        assert not set("behkmopruvw") & set(keys)


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
@pytest.mark.parametrize("skeleton", [False, True])
def test_no_key_of_a_choice_chooses_a_label_or_a_tool(parts: tuple[Part, ...], skeleton: bool) -> None:
    if skeleton and FEET in parts and BODY not in parts:
        return
    config = write_config(parts, skeleton=skeleton, prompt=Prompt.BOTH, visibility=True)
    labels = [label["hotkey"] for label in attributes(config, "Label")]
    choices = [choice["hotkey"] for choice in attributes(config, "Choice")]
    assert len(set(choices)) == len(choices)
    assert not set(choices) & set(labels)
    assert set("behkmopruvw") & set(choices) == {"o"}  # that of ellipses
    assert not attributes(config, "Ellipse") + attributes(config, "EllipseLabels")


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_visibility_is_a_choice_for_points_alone(parts: tuple[Part, ...]) -> None:
    root = ET.fromstring(write_config(parts, visibility=True))
    (choices,) = root.iter("Choices")
    assert [choice.attrib for choice in choices] == [{"value": "hidden", "hotkey": "o"}]
    labels = choices.attrib.pop("whenLabelValue").split(",")
    assert labels == [label.attrib["value"] for control in root.iter("KeyPointLabels") for label in control]
    assert choices.attrib == {
        "name": "visibility",
        "toName": "img",
        "perRegion": "true",
        "choice": "single",
        "showInline": "true",
        "visibleWhen": "region-selected",
    }


@pytest.mark.parametrize(
    ("parts", "offered"),
    [
        (ALL, {"body": 23, "face": 68, "left_hand": 21, "right_hand": 21}),
        ([BODY, RIGHT_HAND], {"body": 17, "right_hand": 21}),
    ],
)
def test_visibility_of_a_skeleton_is_that_of_all_or_of_single_joints(
    parts: Sequence[Part], offered: dict[str, int]
) -> None:
    config = write_config(parts, skeleton=True, visibility=True)
    whole, *single = ET.fromstring(config).iter("Choices")
    assert (whole.attrib["name"], whole.attrib["whenLabelValue"]) == ("visibility", ",".join(offered))
    assert [choice.attrib["value"] for choice in whole] == ["hidden"]
    assert [(c.attrib["name"], c.attrib["whenLabelValue"], c.attrib["choice"]) for c in single] == [
        (f"hidden_{label}", label, "multiple") for label in offered
    ]
    assert [len(c) for c in single] == [*offered.values()]
    (target,) = parse_labeling_config(config).targets
    for control, label in zip(single, offered, strict=True):
        part = {name: kind for kind, name in target.skeletons[0].labels.items()}[label]
        assert {choice.attrib["value"] for choice in control} == {NAMES[joint] for joint in SKELETONS[part]}


@pytest.mark.parametrize("skeleton", [False, True])
def test_visibility_changes_nothing_of_what_is_filled(skeleton: bool) -> None:
    plain, marked = (write_config(ALL, skeleton=skeleton, visibility=visibility) for visibility in (False, True))
    assert parse_labeling_config(marked) == parse_labeling_config(plain)


@pytest.mark.parametrize(
    ("parts", "name", "key"),
    [
        (ALL, "person", "1"),
        (ALL, "nose", "n"),
        (ALL, "left_shoulder", "6"),
        (ALL, "right_shoulder", "7"),
        (ALL, "right_heel", "l"),
        # none that can be pressed
        (ALL, "face-0", "\N{EN DASH}23"),
        ([FACE], "face-67", "\N{EN DASH}90"),
        (ALL, "left_hand_root", "\N{EN DASH}91"),
    ],
)
def test_key_of_a_label(parts: Sequence[Part], name: str, key: str) -> None:
    keys = {label["value"]: label["hotkey"] for label in attributes(write_config(parts), "Label")}
    assert keys[name] == key


@pytest.mark.parametrize(
    ("prompt", "tags"),
    [
        (Prompt.NONE, []),
        (Prompt.BOX, [("Rectangle", "prompt_box")]),
        (Prompt.CLICK, [("KeyPoint", "prompt_click")]),
        (Prompt.BOTH, [("Rectangle", "prompt_box"), ("KeyPoint", "prompt_click")]),
    ],
)
@pytest.mark.parametrize("skeleton", [False, True])
def test_prompts_are_smart_tools_without_labels(prompt: Prompt, tags: list[tuple[str, str]], skeleton: bool) -> None:
    root = ET.fromstring(write_config(ALL, skeleton=skeleton, prompt=prompt))
    smart = [element for element in root.iter() if element.get("smart") == "true"]
    assert [(element.tag, element.attrib["name"]) for element in smart] == tags
    assert all(element.attrib["smartOnly"] == "true" and not len(element) for element in smart)
    assert {element.get("smart") for element in root.iter() if element.tag.endswith("Labels")} == {"false"}


@pytest.mark.parametrize("parts", SELECTIONS, ids=",".join)
def test_what_is_written_is_what_is_read(parts: tuple[Part, ...]) -> None:
    (target,) = parse_labeling_config(write_config(parts)).targets
    assert [control.name for control in target.keypoints] == list(parts)
    assert [i for control in target.keypoints for i in control.labels] == [i for i in range(133) if PARTS[i] in parts]
    assert (target.box, target.skeletons) == (BoxControl("box", "person", 0.0), ())


@pytest.mark.parametrize(
    ("parts", "labels"),
    [
        (ALL, {"body": "body", "face": "face", "left_hand": "left_hand", "right_hand": "right_hand"}),
        ([BODY, FEET], {"body": "body"}),
        ([BODY], {"body_without_feet": "body"}),
        ([FACE], {"face": "face"}),
        ([LEFT_HAND, RIGHT_HAND], {"left_hand": "left_hand", "right_hand": "right_hand"}),
    ],
)
def test_skeleton_instead_of_keypoints(parts: Sequence[Part], labels: dict[str, str]) -> None:
    config = write_config(parts, skeleton=True)
    (target,) = parse_labeling_config(config).targets
    (control,) = target.skeletons
    assert (control.name, control.labels, control.unmatched) == ("skeleton", labels, ())
    assert target.keypoints == ()
    (vector,) = attributes(config, "VectorLabels")
    assert {name: vector[name] for name in ("toName", "smart", "skeleton", "closable", "curves")} == {
        "toName": "img",
        "smart": "false",
        "skeleton": "true",
        "closable": "false",
        "curves": "false",
    }
    colours = [label["background"] for label in attributes(config, "Label")]
    assert len(set(colours)) == len(colours)


def test_a_skeleton_of_feet_alone_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^parts 'feet,face': a skeleton's feet hang on its body; add body$"):
        write_config([FEET, FACE], skeleton=True)


def test_presets() -> None:
    assert {name: ",".join(parts) for name, parts in PRESETS.items()} == {
        "body": "body",
        "body-feet": "body,feet",
        "wholebody": "body,feet,face,left_hand,right_hand",
        "hands": "left_hand,right_hand",
        "face": "face",
    }


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
    assert '        <Label value="nose" background="#2962ff" model_index="0" hotkey="n" />\n' in lines


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
