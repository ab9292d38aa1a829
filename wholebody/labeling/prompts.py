"""Smart-tool context -> prompts: what an annotator drew to say where a person is. Knows no pixels."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wholebody.errors import RequestError
from wholebody.labeling.label_names import names_person
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.labeling.labeling_xml import in_short
from wholebody.labeling.targets import ImageTarget
from wholebody.poses import Floats

BOXES = frozenset({"rectangle", "rectanglelabels"})
CLICKS = frozenset({"keypoint", "keypointlabels"})

MAX_NUMBER = 1e6
"""No percentage, angle or side of an image is larger; what is would overflow in the arithmetic."""

MAX_PROMPTS = 100
"""Boxes or clicks that are answered at once: each is a person, whose crop takes its share of time and memory."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What was drawn on one image or page, in fractions of its width and height: boxes or clicks, never both.

    Attributes:
        target: The image and the controls that the answer fills.
        boxes: `(n, 4)` float32 left, top, right, bottom of boxes, each around one person.
        clicks: `(m, 2)` float32 x, y of points on people.
        excluded: `(k, 2)` float32 x, y of points on people who are not meant.
        item_index: The page that they were drawn on; `None` where the target has no pages.
    """

    target: ImageTarget
    boxes: Floats
    clicks: Floats
    excluded: Floats
    item_index: int | None = None


def read_prompts(context: dict[str, Any], config: LabelingConfig) -> list[Prompts]:
    """The prompts in the `context` of an interactive call: those on each page; the page drawn on last comes last.

    Label Studio sends more than what was drawn last. Of a label-less control: every prompt that was not accepted
    yet, and the answer takes the place of all earlier suggestions, so all are answered. Of a control with labels:
    also every region of that label that was accepted long ago, so only the last is answered.

    Args:
        context: What Label Studio sends.
        config: What is filled of the task: `LabelingConfig.for_task`.

    Raises:
        RequestError: No prompt in it, too many, or one of a kind that says nothing about people.
    """
    regions = context.get("result")
    if not isinstance(regions, list) or not regions or not all(isinstance(region, dict) for region in regions):
        raise RequestError("the context holds no prompt: draw a box around a person or click on one")
    last = regions[-1]
    kind = last.get("type")
    if not isinstance(kind, str) or kind not in BOXES | CLICKS:
        raise RequestError(f"a prompt of type {_quoted(kind)} says nothing about people: draw a box or click")
    target = _target(config, last.get("to_name"))
    _check_label(last, target)
    alike = [r for r in regions if _drawn_with(r) == _drawn_with(last)]
    excluded = [r for r in alike if kind in CLICKS and r.get("is_positive") is False]
    positive = [r for r in alike if kind in BOXES or r.get("is_positive") is not False]
    wanted = positive if kind in ("rectangle", "keypoint") else positive[-1:]
    if not wanted:
        raise RequestError("the context holds only points that exclude people: click on a person")
    _check_number([*wanted, *excluded])
    pages = dict.fromkeys(_page(region, target) for region in reversed(wanted))
    return [
        _on_page(target, page, kind, *([r for r in some if _page(r, target) == page] for some in (wanted, excluded)))
        for page in reversed(pages)
    ]


def _on_page(
    target: ImageTarget, page: int | None, kind: str, wanted: list[dict[str, Any]], excluded: list[dict[str, Any]]
) -> Prompts:
    if kind in BOXES:
        return Prompts(target, np.array([drawn_box(r) for r in wanted], np.float32), _points([]), _points([]), page)
    return Prompts(target, np.zeros((0, 4), np.float32), _points(wanted), _points(excluded), page)


def _page(region: dict[str, Any], target: ImageTarget) -> int | None:
    """The page that a region lies on; the editor may leave the first one out."""
    page = region.get("item_index") or 0
    if not target.has_pages:
        return None
    if isinstance(page, bool) or not isinstance(page, int) or not 0 <= page <= MAX_NUMBER:
        raise RequestError(f"the prompt's item_index must be the number of a page, not {_quoted(page)}")
    return page


def _drawn_with(region: dict[str, Any]) -> list[str | None]:
    """The tool that drew a region, and on which image; `None` for what is no name."""
    names = (region.get(key) for key in ("type", "from_name", "to_name"))
    return [name if isinstance(name, str) else None for name in names]


def _check_label(region: dict[str, Any], target: ImageTarget) -> None:
    """Refuse what was drawn with a label of something else: the answer would take its place.

    In Label Studio every label of a smart control is one, whether it stands for a person or for a ball.
    """
    value = region.get("value")
    labels = value.get(region["type"]) if isinstance(value, dict) else None
    if not isinstance(labels, list) or not labels:
        return
    known = {target.box.label} if target.box else set()
    if region["type"] in CLICKS:
        known |= {label for control in target.keypoints for label in control.labels.values()}
    if not any(isinstance(label, str) and (label in known or names_person(label)) for label in labels):
        raise RequestError(
            f"the label {_quoted(labels[0])} stands for no person: use one that does, or a smart tool without labels"
        )


def _check_number(wanted: list[dict[str, Any]]) -> None:
    if len(wanted) > MAX_PROMPTS:
        raise RequestError(
            f"the context holds {len(wanted)} prompts that are to be answered together, over the limit of "
            f"{MAX_PROMPTS}: accept or delete suggestions first"
        )


def _target(config: LabelingConfig, name: object) -> ImageTarget:
    for target in config.targets:
        if target.name == name:
            return target
    known = in_short(target.name for target in config.targets)
    raise RequestError(f"the prompt was drawn on {_quoted(name)}, which has no keypoints to fill; known: {known}")


def _points(regions: list[dict[str, Any]]) -> Floats:
    points = [(_number(r, "x") / 100, _number(r, "y") / 100) for r in regions]
    return np.array(points, np.float32).reshape(-1, 2)


def drawn_box(region: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a rectangle, in fractions of the image; if it is turned, of the upright box around.

    Raises:
        RequestError: A number is missing, or is none.
    """
    x, y, width, height = (_number(region, key) / 100 for key in ("x", "y", "width", "height"))
    turn = math.radians(_number(region, "rotation", 0.0))
    if not turn:
        return x, y, x + width, y + height
    # Percent of width and of height are different lengths: turn in pixels of the image's aspect.
    aspect = _side(region, "original_width") / _side(region, "original_height")
    corners = [(u * aspect, v) for u in (0, width) for v in (0, height)]
    xs = [x + (u * math.cos(turn) - v * math.sin(turn)) / aspect for u, v in corners]
    ys = [y + u * math.sin(turn) + v * math.cos(turn) for u, v in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _number(region: dict[str, Any], key: str, default: float | None = None) -> float:
    value = region.get("value")
    return _finite(key, value.get(key, default) if isinstance(value, dict) else default)


def _side(region: dict[str, Any], key: str) -> float:
    """`original_width` or `original_height` of a region, at least a pixel."""
    return max(1.0, _finite(key, region.get(key, 1.0)))


def _finite(key: str, number: object) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise RequestError(f"the prompt's {key} must be a number, not {_quoted(number)}")
    if not abs(number) <= MAX_NUMBER:  # nor is NaN
        raise RequestError(f"the prompt's {key} must be a number of at most {MAX_NUMBER:,.0f}")
    return float(number)


def _quoted(value: object) -> str:
    """A value in an error message. Of lists and objects only what they are: they may be nested too deep to show."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return repr(str(value)[:40])
