"""Writes the labeling config that suits this model. It reads none: `labeling_config` does that."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from wholebody.errors import SettingsError
from wholebody.keypoints import NAMES, PART_SLICES, SIDES, Part, Side
from wholebody.labeling import hotkeys
from wholebody.labeling.visibility import write_visibility

IMAGE: Final = "img"
BOX: Final = "box"
SKELETON: Final = "skeleton"
_PERSON: Final = "person"
_PERSON_MODEL_INDEX: Final = len(NAMES)

# Never white: Label Studio writes a region's name in its label's colour.
_PERSON_COLOUR: Final = "#e6194b"
_PROMPT_COLOUR: Final = "#ff00ff"
_SIDE_COLOURS: Final = {Side.LEFT: "#00c853", Side.RIGHT: "#ff6d00", Side.CENTRE: "#2962ff"}
_FACE_COLOUR: Final = "#ffc400"
# A hand's root, then thumb to little finger.
_HAND_COLOURS: Final = {
    Part.LEFT_HAND: ("#0091ea", "#01579b", "#00b8d4", "#0277bd", "#4fc3f7", "#0d47a1"),
    Part.RIGHT_HAND: ("#d500f9", "#6a1b9a", "#ba68c8", "#8e24aa", "#ea80fc", "#4a148c"),
}
_JOINTS_PER_FINGER: Final = 4
_ALWAYS_SHOWN: Final = frozenset({Part.BODY, Part.FEET})

PRESETS: Final[dict[str, tuple[Part, ...]]] = {
    "body": (Part.BODY,),
    "body-feet": (Part.BODY, Part.FEET),
    "wholebody": tuple(Part),
    "hands": (Part.LEFT_HAND, Part.RIGHT_HAND),
    "face": (Part.FACE,),
}
"""Names of what is mostly wanted."""


class Prompt(StrEnum):
    """What annotators draw to ask for a person: a box, a click, either, or they cannot ask."""

    BOX = "box"
    CLICK = "click"
    BOTH = "both"
    NONE = "none"


# `lsf-` classes are Label Studio's own: should a release rename them, the labels only stand less closely.
_STYLE: Final = """
    .wb-palette { display: flex; flex-wrap: wrap; gap: 3px; padding-top: 6px }
    .wb-palette .lsf-labels, .wb-body, .wb-feet { display: contents }
    .wb-face .lsf-labels, .wb-left_hand .lsf-labels, .wb-right_hand .lsf-labels { display: flex }
    .wb-palette .lsf-labels { flex-wrap: wrap; gap: 3px; margin: 0 }
    .wb-palette .lsf-label { margin: 0; padding: 0 4px; font-size: 12px; white-space: nowrap }
    .wb-palette .lsf-label__hotkey { margin-left: 4px }
    .wb-face .lsf-label__hotkey, .wb-left_hand .lsf-label__hotkey, .wb-right_hand .lsf-label__hotkey { display: none }
    .wb-face, .wb-left_hand, .wb-right_hand { flex: 0 0 100% }
    .wb-on-demand { order: -1 }
    .wb-visibility { order: -2; flex: 0 0 100% }
    .wb-visibility .lsf-choices { display: flex; flex-wrap: wrap; gap: 0 8px; margin: 0 }
    .wb-visibility .lsf-choices_hidden { display: none }
    .wb-visibility .lsf-choice { margin: 0; font-size: 12px; white-space: nowrap }
  """


def parse_parts(text: str) -> tuple[Part, ...]:
    """Read `body,feet,face,left_hand,right_hand` or some of them; the answer is in COCO-WholeBody order.

    Raises:
        SettingsError: A name is not a part's, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Part)]
    if unknown:
        raise SettingsError(f"parts {text!r}: no such part {', '.join(map(repr, unknown))}; {_choices()}")
    if not names:
        raise SettingsError(f"parts {text!r}: none named; {_choices()}")
    return tuple(part for part in Part if part in names)


def write_config(
    parts: Sequence[Part], *, skeleton: bool = False, prompt: Prompt = Prompt.BOX, visibility: bool = False
) -> str:
    """Label Studio's labeling config for these parts: the image as large as the window allows, labels below it.

    The controls are `box` and one named like each part, always in COCO-WholeBody order: Label Studio's COCO
    export names the keypoints in the order of the config, but fills them by `model_index`. Face and hands
    show their labels on demand, unless neither body nor feet are there to be shown instead.

    Args:
        parts: What to label.
        skeleton: One `VectorLabels` named `skeleton` instead, a label for each part; feet belong to the body.
        prompt: The smart tools, `prompt_box` and `prompt_click`. They have no labels: an accepted suggestion
            would get the one that is active.
        visibility: With choices for points that are hidden but known: see `visibility.py`.

    Raises:
        SettingsError: `parts` is empty or names a part twice, or is feet without body for a skeleton.
    """
    if not parts:
        raise SettingsError(f"parts: none named; {_choices()}")
    if len(set(parts)) < len(parts):
        raise SettingsError(f"parts '{','.join(parts)}': the same part twice; {_choices()}")
    config = ET.Element("View")
    ET.SubElement(config, "Style").text = _STYLE
    _add_image(config)
    palette = ET.SubElement(config, "View", className="wb-palette")
    if visibility:
        palette.append(write_visibility(parts, IMAGE, skeleton=skeleton))
    _add_prompts(palette, prompt)
    _add_box(palette)
    if skeleton:
        _add_skeleton(palette, parts)
    else:
        _add_parts(palette, parts)
    ET.indent(config)
    return ET.tostring(config, encoding="unicode") + "\n"


def _choices() -> str:
    return f"choose from {', '.join(Part)}"


def _add_image(config: ET.Element) -> None:
    # The editor fits the image into what is there and then adds its toolbar, which is 42 px wide: without room for it,
    # images smaller than the window were cut off at all sides.
    size = {"width": "calc(100% - 44px)", "maxHeight": "calc(100vh - 194px)"}
    options = {"zoom": "true", "zoomControl": "true", "rotateControl": "false"}
    ET.SubElement(config, "Image", {"name": IMAGE, "value": "$image", **size, **options})


def _add_prompts(palette: ET.Element, prompt: Prompt) -> None:
    # smartOnly: without Auto-Annotation, there is no tool for a box or point that has no label.
    options = {"toName": IMAGE, "smart": "true", "smartOnly": "true", "strokeColor": _PROMPT_COLOUR}
    if prompt in (Prompt.BOX, Prompt.BOTH):
        ET.SubElement(palette, "Rectangle", {"name": "prompt_box", **options, "opacity": "0.1"})
    if prompt in (Prompt.CLICK, Prompt.BOTH):
        look = {"fillColor": _PROMPT_COLOUR, "strokeWidth": "5"}
        ET.SubElement(palette, "KeyPoint", {"name": "prompt_click", **options, **look})


def _add_box(palette: ET.Element) -> None:
    # Without fillOpacity="0" the box tints the person.
    box = _add_control(palette, "RectangleLabels", BOX, fillOpacity="0", strokeWidth="2")
    _add_label(box, _PERSON, _PERSON_COLOUR, model_index=str(_PERSON_MODEL_INDEX), hotkey=hotkeys.PERSON)


def _add_skeleton(palette: ET.Element, parts: Sequence[Part]) -> None:
    if Part.FEET in parts and Part.BODY not in parts:
        raise SettingsError(f"parts '{','.join(parts)}': a skeleton's feet hang on its body; add body")
    options = {"skeleton": "true", "closable": "false", "curves": "false", "strokeWidth": "2", "pointSize": "small"}
    control = _add_control(palette, "VectorLabels", SKELETON, **options)
    colours = {Part.BODY: _SIDE_COLOURS[Side.CENTRE], Part.FACE: _FACE_COLOUR}
    colours |= {part: shades[0] for part, shades in _HAND_COLOURS.items()}
    for part in (part for part in Part if part in parts and part is not Part.FEET):
        meaning = {"predicted_values": "body_without_feet"} if part is Part.BODY and Part.FEET not in parts else {}
        _add_label(control, part, colours[part], **meaning, hotkey=hotkeys.SKELETON[part])


def _add_parts(palette: ET.Element, parts: Sequence[Part]) -> None:
    crowded = not _ALWAYS_SHOWN.isdisjoint(parts)
    for part in Part:
        if part in parts:
            _add_part(palette, part, on_demand=crowded and part not in _ALWAYS_SHOWN)


def _add_part(palette: ET.Element, part: Part, *, on_demand: bool) -> None:
    options = {"className": f"wb-{part}"}
    if on_demand:
        note = f" Shown while a {part} point is selected; without visibleWhen and whenTagName, always. "
        palette.append(ET.Comment(note))
        options = {
            "className": f"wb-{part} wb-on-demand",
            "visibleWhen": "region-selected",
            "whenTagName": part,
        }
    view = ET.SubElement(palette, "View", options)
    control = _add_control(view, "KeyPointLabels", part, strokeWidth="1", opacity="1")
    for index in range(*PART_SLICES[part].indices(len(NAMES))):
        _add_label(control, NAMES[index], _colour(part, index), model_index=str(index), hotkey=hotkeys.hotkey(index))


def _add_control(parent: ET.Element, tag: str, name: str, **options: str) -> ET.Element:
    # A control is a smart tool unless told otherwise; these only hold results.
    return ET.SubElement(parent, tag, {"name": name, "toName": IMAGE, "smart": "false", **options})


def _add_label(control: ET.Element, value: str, colour: str, **options: str) -> None:
    ET.SubElement(control, "Label", {"value": value, "background": colour, **options})


def _colour(part: Part, index: int) -> str:
    if part is Part.FACE:
        return _FACE_COLOUR
    if part in _HAND_COLOURS:
        joint = index - PART_SLICES[part].start
        return _HAND_COLOURS[part][(joint + _JOINTS_PER_FINGER - 1) // _JOINTS_PER_FINGER]
    return _SIDE_COLOURS[SIDES[index]]
