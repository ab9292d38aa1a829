"""Writes the labeling config that suits this model. It reads none: `labeling` does that."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from wholebody.errors import SettingsError
from wholebody.keypoints import NAMES, PART_SLICES, SIDES, Part, Side

IMAGE_NAME: Final = "img"
BOX_NAME: Final = "box"
PERSON_LABEL: Final = "person"
PERSON_MODEL_INDEX: Final = len(NAMES)

_PERSON_COLOUR: Final = "#e6194b"
_SIDE_COLOURS: Final = {Side.LEFT: "#00c853", Side.RIGHT: "#ff6d00", Side.CENTRE: "#2962ff"}
_FACE_COLOUR: Final = "#ffab00"
# A hand's root, then thumb to little finger.
_HAND_COLOURS: Final = {
    Part.LEFT_HAND: ("#0091ea", "#01579b", "#00b8d4", "#0277bd", "#4fc3f7", "#0d47a1"),
    Part.RIGHT_HAND: ("#d500f9", "#6a1b9a", "#ba68c8", "#8e24aa", "#ea80fc", "#4a148c"),
}
_JOINTS_PER_FINGER: Final = 4
_ALWAYS_SHOWN: Final = frozenset({Part.BODY, Part.FEET})

_ROW_STYLE: Final = "display:flex;align-items:flex-start;gap:8px"
_IMAGE_STYLE: Final = "flex:1 1 auto;min-width:0"
_PALETTE_STYLE: Final = "flex:0 0 230px;max-height:75vh;overflow-y:auto;position:sticky;top:0"


def parse_parts(text: str) -> tuple[Part, ...]:
    """Read `body,feet,face,left_hand,right_hand` or some of it; the answer is in COCO-WholeBody order.

    Raises:
        SettingsError: A name is not a part, or there is none.
    """
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in set(Part)]
    if unknown:
        raise SettingsError(f"parts: {', '.join(map(repr, unknown))} in {text!r} not known; {_choices()}")
    return tuple(part for part in Part if part in names)


def write_config(parts: Sequence[Part]) -> str:
    """Label Studio's labeling config for these parts: image at the left, labels in a column at the right.

    The controls are `box` and one named like each part. They stand in COCO-WholeBody order whatever the order of
    `parts`, because Label Studio's COCO export names keypoints in the order of the config.

    Raises:
        SettingsError: `parts` is empty or names a part twice.
    """
    if not parts:
        raise SettingsError(f"parts: empty; {_choices()}")
    if len(set(parts)) < len(parts):
        raise SettingsError(f"parts: {', '.join(parts)!r} names a part twice; {_choices()}")
    view = ET.Element("View")
    row = ET.SubElement(view, "View", style=_ROW_STYLE)
    _add_image(row)
    palette = ET.SubElement(row, "View", style=_PALETTE_STYLE)
    _add_box(palette)
    shown = [part for part in Part if part in parts]
    for part in shown:
        _add_part(palette, part)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def _choices() -> str:
    return f"choose from {', '.join(Part)}"


def _add_image(row: ET.Element) -> None:
    column = ET.SubElement(row, "View", style=_IMAGE_STYLE)
    options = {"zoom": "true", "zoomControl": "true", "rotateControl": "false"}
    ET.SubElement(column, "Image", {"name": IMAGE_NAME, "value": "$image", **options})


def _add_box(palette: ET.Element) -> None:
    # Without fillOpacity="0" the box tints the person.
    box = _add_control(palette, "RectangleLabels", BOX_NAME, fillOpacity="0", strokeWidth="2")
    _add_label(box, PERSON_LABEL, _PERSON_COLOUR, PERSON_MODEL_INDEX)


def _add_part(palette: ET.Element, part: Part) -> None:
    parent = palette
    if part not in _ALWAYS_SHOWN:
        palette.append(ET.Comment(f" Shown while a {part} region is selected. "))
        parent = ET.SubElement(palette, "View", visibleWhen="region-selected", whenTagName=part)
    control = _add_control(parent, "KeyPointLabels", part, strokeWidth="3")
    for index in range(*PART_SLICES[part].indices(len(NAMES))):
        _add_label(control, NAMES[index], _colour(part, index), index)


def _add_control(parent: ET.Element, tag: str, name: str, **options: str) -> ET.Element:
    # Every control is a smart tool unless told otherwise; these take results only.
    return ET.SubElement(parent, tag, {"name": name, "toName": IMAGE_NAME, "smart": "false", **options})


def _add_label(control: ET.Element, value: str, colour: str, index: int) -> None:
    ET.SubElement(control, "Label", value=value, background=colour, model_index=str(index))


def _colour(part: Part, index: int) -> str:
    if part is Part.FACE:
        return _FACE_COLOUR
    if part in _HAND_COLOURS:
        joint = index - PART_SLICES[part].start
        return _HAND_COLOURS[part][(joint + _JOINTS_PER_FINGER - 1) // _JOINTS_PER_FINGER]
    return _SIDE_COLOURS[SIDES[index]]
