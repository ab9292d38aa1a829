"""The controls with which annotators say that a point is hidden but known: per-region choices.

Label Studio has no visibility on a point or vertex. A choice for the selected region becomes a result of its own with
the region's id: `{"id": ..., "from_name": "visibility", "type": "choices", "value": {"choices": ["hidden"]}}`.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling import hotkeys

VISIBILITY: Final = "visibility"
HIDDEN: Final = "hidden"
"""The control, and its only choice: the point, or all points of the skeleton, cannot be seen."""


def hidden_joints(part: Part) -> str:
    """The control whose choices are the joints of a part's skeleton that cannot be seen."""
    return f"hidden_{part}"


def write_visibility(parts: Sequence[Part], image: str, *, skeleton: bool) -> ET.Element:
    """The choices for these parts on an image, which show while a point or skeleton is selected.

    `whenLabelValue` keeps them from boxes: the editor neither shows nor stores a choice for other labels.
    """
    view = ET.Element("View", className="wb-visibility")
    if not skeleton:
        _add_hidden(view, image, [name for part in parts for name in NAMES[PART_SLICES[part]]])
        return view
    with_skeleton = [part for part in Part if part in parts and part is not Part.FEET]
    _add_hidden(view, image, with_skeleton)
    for part in with_skeleton:
        joints = [*range(len(NAMES))[PART_SLICES[part]]]
        if part is Part.BODY and Part.FEET in parts:
            joints += range(len(NAMES))[PART_SLICES[Part.FEET]]
        choices = _add_choices(view, image, hidden_joints(part), [part], choice="multiple")
        for joint in joints:
            ET.SubElement(choices, "Choice", value=NAMES[joint], hotkey=hotkeys.joint_hotkey(joint))
    return view


def _add_hidden(view: ET.Element, image: str, labels: Sequence[str]) -> None:
    choices = _add_choices(view, image, VISIBILITY, labels, choice="single")
    ET.SubElement(choices, "Choice", value=HIDDEN, hotkey=hotkeys.HIDDEN)


def _add_choices(view: ET.Element, image: str, name: str, labels: Sequence[str], *, choice: str) -> ET.Element:
    options = {"perRegion": "true", "choice": choice, "showInline": "true"}
    when = {"visibleWhen": "region-selected", "whenLabelValue": ",".join(labels)}
    return ET.SubElement(view, "Choices", {"name": name, "toName": image, **options, **when})
