"""What Label Studio sends of a drawn box or a click -> Prompts."""

import cmath
import math
from typing import Any

import numpy as np
import orjson
import pytest

from wholebody.errors import RequestError
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.prompts import MAX_PROMPTS, Prompts, read_prompts

CONFIG = parse_labeling_config(
    '<View><Image name="img" value="$image"/><Image name="other" value="$b"/><Image name="empty" value="$c"/>'
    '<KeyPointLabels name="kp" toName="img,other"><Label value="nose"/></KeyPointLabels></View>'
)
REGION = {"original_width": 200, "original_height": 100, "image_rotation": 0, "to_name": "img", "origin": "manual"}


def box(x: object, y: object, width: object, height: object, **changes: Any) -> dict[str, Any]:
    """A label-less prompt, in percent; `rotation` goes into its value."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": changes.pop("rotation", 0)}
    return {**REGION, "type": "rectangle", "from_name": "prompt_box", "value": value, **changes}


def labelled_box(*xywh: float, **changes: Any) -> dict[str, Any]:
    return box(*xywh, **{"type": "rectanglelabels", "from_name": "box", **changes})


def click(x: object, y: object, *, positive: bool = True, **changes: Any) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.25, "labels": []}
    return {
        **REGION,
        "type": "keypoint",
        "from_name": "prompt_pt",
        "value": value,
        "is_positive": positive,
        **changes,
    }


def labelled_click(x: float, y: float, **changes: Any) -> dict[str, Any]:
    return click(x, y, **{"type": "keypointlabels", "from_name": "kp", **changes})


def without(region: dict[str, Any], key: str) -> dict[str, Any]:
    """The region without a key of its own or of its value."""
    value = {name: given for name, given in region["value"].items() if name != key}
    return {name: given for name, given in region.items() if name != key} | ({"value": value} if key != "value" else {})


def read(*regions: object) -> Prompts:
    (prompts,) = read_prompts({"result": list(regions)}, CONFIG)
    return prompts


BOXES = [
    # a single prompt
    ([box(10, 20, 30, 40)], [(0.1, 0.2, 0.4, 0.6)]),
    # label-less: none is accepted yet, and the answer takes the place of all suggestions
    ([box(10, 20, 30, 40), box(50, 0, 50, 100)], [(0.1, 0.2, 0.4, 0.6), (0.5, 0, 1, 1)]),
    # labelled: the first may have been accepted long ago
    ([labelled_box(10, 20, 30, 40), labelled_box(50, 0, 50, 100)], [(0.5, 0, 1, 1)]),
    # the last region says what was drawn
    ([click(1, 1), labelled_box(5, 5, 5, 5), box(10, 20, 30, 40)], [(0.1, 0.2, 0.4, 0.6)]),
    # boxes of another control, and on another image, are other prompts
    ([box(0, 0, 9, 9, from_name="x"), box(0, 0, 9, 9, to_name="other"), box(10, 20, 30, 40)], [(0.1, 0.2, 0.4, 0.6)]),
    # beyond the image: the pixels are not known here, so that it is cut later
    ([box(-10, -20, 150, 150)], [(-0.1, -0.2, 1.4, 1.3)]),
    # integers and floats; no rotation at all
    ([without(box(10.0, 20, 30.0, 40), "rotation")], [(0.1, 0.2, 0.4, 0.6)]),
    # the image's size does not matter to an upright box
    ([without(without(box(10, 20, 30, 40), "original_width"), "original_height")], [(0.1, 0.2, 0.4, 0.6)]),
]


WITH_PEOPLE = parse_labeling_config(
    '<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img"><Label value="Spieler" '
    'predicted_values="person"/><Label value="ball"/></RectangleLabels><KeyPointLabels name="kp" toName="img">'
    '<Label value="Nase" predicted_values="nose"/><Label value="ball centre"/></KeyPointLabels></View>'
)


def with_label(region: dict[str, Any], *labels: object) -> dict[str, Any]:
    return region | {"value": region["value"] | {region["type"]: list(labels)}}


@pytest.mark.parametrize(
    ("region", "label", "counts"),
    [
        (labelled_box(10, 20, 30, 40), "Spieler", True),
        (labelled_box(10, 20, 30, 40), "Person", True),
        (labelled_box(10, 20, 30, 40), "ball", False),
        (labelled_box(10, 20, 30, 40), 7, False),
        (labelled_click(10, 20), "Nase", True),
        (labelled_click(10, 20), "Spieler", True),
        (labelled_click(10, 20), "person", True),
        (labelled_click(10, 20), "ball centre", False),
        (labelled_box(10, 20, 30, 40), "Nase", False),
    ],
)
def test_a_label_of_something_else_asks_for_no_person(region: dict[str, Any], label: object, counts: bool) -> None:
    context = {"result": [with_label(region, label)]}
    if counts:
        assert read_prompts(context, WITH_PEOPLE)
        return
    message = rf"^the label '{label}' stands for no person: use one that does, or a smart tool without labels$"
    with pytest.raises(RequestError, match=message):
        read_prompts(context, WITH_PEOPLE)


@pytest.mark.parametrize("labels", [[], None, "ball"])
def test_a_prompt_without_a_label_counts(labels: object) -> None:
    region = labelled_box(10, 20, 30, 40)
    given = region | {"value": region["value"] | {"rectanglelabels": labels}}
    assert len(read_prompts({"result": [given]}, WITH_PEOPLE)[0].boxes) == 1


@pytest.mark.parametrize(("regions", "expected"), BOXES)
def test_boxes(regions: list[dict[str, Any]], expected: list[tuple[float, ...]]) -> None:
    prompts = read(*regions)
    np.testing.assert_allclose(prompts.boxes, expected, atol=1e-6)
    assert (prompts.boxes.dtype, prompts.clicks.shape, prompts.excluded.shape) == (np.float32, (0, 2), (0, 2))


CLICKS = [
    # a single click
    ([click(10, 20)], [(0.1, 0.2)], []),
    # label-less: several people
    ([click(10, 20), click(30, 40)], [(0.1, 0.2), (0.3, 0.4)], []),
    # Alt and click: somebody who is not meant, first, between or last
    (
        [click(5, 5, positive=False), click(10, 20), click(6, 6, positive=False)],
        [(0.1, 0.2)],
        [(0.05,) * 2, (0.06,) * 2],
    ),
    # labelled: noses accepted long ago look the same, so the last alone, and all that exclude
    (
        [labelled_click(1, 1), labelled_click(10, 20), labelled_click(5, 5, is_positive=False)],
        [(0.1, 0.2)],
        [(0.05, 0.05)],
    ),
    # without is_positive, a click means its person
    ([without(click(10, 20), "is_positive")], [(0.1, 0.2)], []),
    # the last region says what was drawn
    ([box(1, 1, 1, 1), labelled_click(3, 3), click(10, 20)], [(0.1, 0.2)], []),
]


@pytest.mark.parametrize(("regions", "clicks", "excluded"), CLICKS)
def test_clicks(
    regions: list[dict[str, Any]], clicks: list[tuple[float, ...]], excluded: list[tuple[float, ...]]
) -> None:
    prompts = read(*regions)
    np.testing.assert_allclose(prompts.clicks, clicks, atol=1e-6)
    np.testing.assert_allclose(prompts.excluded, np.reshape(excluded, (-1, 2)), atol=1e-6)
    assert prompts.boxes.shape == (0, 4)


@pytest.mark.parametrize("turn", [-370.0, -90, -1, 0.5, 30, 45, 90, 137, 180, 270, 359])
@pytest.mark.parametrize("size_wh", [(200, 100), (100, 200), (640, 425)])
def test_a_turned_box_is_enclosed(turn: float, size_wh: tuple[int, int]) -> None:
    """Label Studio turns clockwise around the top left corner, in pixels."""
    width, height = size_wh
    left, top, box_w, box_h = 0.4 * width, 0.3 * height, 0.25 * width, 0.5 * height
    corners = [complex(0, 0), complex(box_w, 0), complex(box_w, box_h), complex(0, box_h)]
    turned = [complex(left, top) + corner * cmath.exp(1j * math.radians(turn)) for corner in corners]
    xs, ys = [corner.real for corner in turned], [corner.imag for corner in turned]
    expected = (min(xs) / width, min(ys) / height, max(xs) / width, max(ys) / height)
    prompts = read(box(40, 30, 25, 50, rotation=turn, original_width=width, original_height=height))
    np.testing.assert_allclose(prompts.boxes, [expected], atol=1e-5)


def test_the_image_is_the_one_drawn_on() -> None:
    assert read(box(1, 1, 5, 5, to_name="other")).target is CONFIG.targets[1]
    assert read(click(1, 1)).target is CONFIG.targets[0]


NESTED = orjson.loads("[" * 1000 + "]" * 1000)

NO_PROMPT = r"^the context holds no prompt: draw a box around a person or click on one$"
NOT_A_NUMBER = r"^the prompt's {} must be a number, not '{}'$"
TOO_LARGE = r"^the prompt's {} must be a number of at most 1,000,000$"

WRONG = [
    # nothing drawn
    ({}, NO_PROMPT),
    ({"result": []}, NO_PROMPT),
    # not a list of regions
    ({"result": None}, NO_PROMPT),
    ({"result": "box"}, NO_PROMPT),
    ({"result": {"0": box(1, 1, 5, 5)}}, NO_PROMPT),
    ({"result": [box(1, 1, 5, 5), None]}, NO_PROMPT),
    ({"result": [[box(1, 1, 5, 5)]]}, NO_PROMPT),
    # other tools
    (box(1, 1, 5, 5, type="brush"), r"^a prompt of type 'brush' says nothing about people: draw a box or click$"),
    (box(1, 1, 5, 5, type="x" * 99), rf"^a prompt of type '{'x' * 40}' says nothing"),
    (without(box(1, 1, 5, 5), "type"), r"^a prompt of type 'None' says nothing"),
    (box(1, 1, 5, 5, type=["rectangle"]), r"^a prompt of type a list says nothing"),
    (box(1, 1, 5, 5, type={}), r"^a prompt of type an object says nothing"),
    # an image that nothing is filled on, or that is not there
    (
        box(1, 1, 5, 5, to_name="empty"),
        r"^the prompt was drawn on 'empty', which has no keypoints to fill; known: img, other$",
    ),
    (without(box(1, 1, 5, 5), "to_name"), r"^the prompt was drawn on 'None', which has no keypoints"),
    (box(1, 1, 5, 5, to_name=["img"]), r"^the prompt was drawn on a list, which has no keypoints"),
    # clicks that only exclude
    (click(1, 1, positive=False), r"^the context holds only points that exclude people: click on a person$"),
    (labelled_click(1, 1, is_positive=False), r"^the context holds only points that exclude people"),
    # values that are missing or no numbers
    *((without(box(1, 1, 5, 5), key), NOT_A_NUMBER.format(key, "None")) for key in ("x", "y", "width", "height")),
    *((without(click(1, 1), key), NOT_A_NUMBER.format(key, "None")) for key in ("x", "y")),
    (without(box(1, 1, 5, 5), "value"), NOT_A_NUMBER.format("x", "None")),
    (box(1, 1, 5, 5, value=[1, 2]), NOT_A_NUMBER.format("x", "None")),
    (box("1", 1, 5, 5), NOT_A_NUMBER.format("x", "1")),
    (box(1, True, 5, 5), NOT_A_NUMBER.format("y", "True")),
    (box(1, 1, [5], 5), r"^the prompt's width must be a number, not a list$"),
    (box(1, 1, 5, "y" * 99), NOT_A_NUMBER.format("height", "y" * 40)),
    (box(1, 1, 5, 5, rotation="90"), NOT_A_NUMBER.format("rotation", "90")),
    (box(1, 1, 5, 5, rotation=None), NOT_A_NUMBER.format("rotation", "None")),
    (box(1, 1, 5, 5, rotation=9, original_width="200"), NOT_A_NUMBER.format("original_width", "200")),
    (box(1, 1, 5, 5, rotation=9, original_height=None), NOT_A_NUMBER.format("original_height", "None")),
    (click({}, 1), r"^the prompt's x must be a number, not an object$"),
    # nested as deep as JSON is read
    (box(NESTED, 1, 5, 5), r"^the prompt's x must be a number, not a list$"),
    (box(1, 1, 5, 5, type=NESTED), r"^a prompt of type a list says nothing"),
    (box(1, 1, 5, 5, to_name=NESTED), r"^the prompt was drawn on a list, which has no keypoints"),
    # more than anybody draws
    (
        {"result": [box(1, 1, 5, 5)] * (MAX_PROMPTS + 1)},
        r"^the context holds 101 prompts that are to be answered together, over the limit of 100: accept or delete "
        r"suggestions first$",
    ),
    ({"result": [click(1, 1)] * (MAX_PROMPTS + 1)}, r"^the context holds 101 prompts"),
    ({"result": [click(1, 1, positive=False)] * MAX_PROMPTS + [click(1, 1)]}, r"^the context holds 101 prompts"),
    # numbers that overflow further on
    (box(math.nan, 1, 5, 5), TOO_LARGE.format("x")),
    (box(1, math.inf, 5, 5), TOO_LARGE.format("y")),
    (box(1, 1, -math.inf, 5), TOO_LARGE.format("width")),
    (box(1, 1, 5, 1e300), TOO_LARGE.format("height")),
    (box(1, 1, 5, 10**5000), TOO_LARGE.format("height")),
    (box(1, 1, 5, 5, rotation=1e7), TOO_LARGE.format("rotation")),
    (box(1, 1, 5, 5, rotation=9, original_width=math.inf), TOO_LARGE.format("original_width")),
    (click(1, -1e300), TOO_LARGE.format("y")),
    # one that is wrong among those that are answered
    ({"result": [box(None, 1, 5, 5), box(1, 1, 5, 5)]}, NOT_A_NUMBER.format("x", "None")),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_wrong_prompts(given: dict[str, Any], message: str) -> None:
    context = {"result": [given]} if "type" in given or "value" in given else given
    with pytest.raises(RequestError, match=message):
        read_prompts(context, CONFIG)


def test_what_was_accepted_long_ago_may_be_broken() -> None:
    """Of labelled boxes the last alone is read."""
    np.testing.assert_allclose(
        read(labelled_box(1, 1, 5, 5, value={}), labelled_box(0, 0, 100, 100)).boxes, [(0, 0, 1, 1)]
    )


def test_of_labels_that_were_accepted_there_may_be_any_number() -> None:
    assert len(read(*[labelled_box(1, 1, 5, 5)] * 1000).boxes) == 1
    assert len(read(*[labelled_click(1, 1)] * 1000).clicks) == 1


def test_names_of_controls_that_are_no_names_are_alike() -> None:
    """Nor are lists compared, which may be nested too deep for that."""
    regions = [box(10, 20, 30, 40, from_name=orjson.loads("[" * 1000 + "]" * 1000)) for _ in range(2)]
    assert len(read(*regions).boxes) == 2


@pytest.mark.parametrize("size", [0, -5, 0.5, 1e6])
def test_an_impossible_size_of_the_image_makes_no_nonsense(size: float) -> None:
    boxes = read(box(1e6, -1e6, 1e6, 1e6, rotation=33, original_width=size, original_height=3)).boxes
    assert np.isfinite(boxes).all()


PAGES = parse_labeling_config(
    '<View><Image name="img" valueList="$images"/>'
    '<KeyPointLabels name="kp" toName="img"><Label value="nose"/></KeyPointLabels></View>'
)


def test_prompts_on_pages_are_answered_page_by_page_the_last_one_last() -> None:
    regions = [box(1, 1, 2, 2, item_index=2), box(3, 3, 2, 2), box(5, 5, 2, 2, item_index=2), box(7, 7, 2, 2)]
    found = read_prompts({"result": [*regions, box(9, 9, 2, 2, item_index=1)]}, PAGES)
    assert [(one.item_index, [round(left, 2) for left in one.boxes[:, 0].tolist()]) for one in found] == [
        (2, [0.01, 0.05]),
        (0, [0.03, 0.07]),
        (1, [0.09]),
    ]


def test_points_that_exclude_people_hold_on_their_own_page() -> None:
    regions = [click(1, 1, positive=False), click(2, 2, item_index=1), click(3, 3)]
    one, two = read_prompts({"result": regions}, PAGES)
    assert (one.item_index, len(one.clicks), len(one.excluded)) == (1, 1, 0)
    assert (two.item_index, len(two.clicks), len(two.excluded)) == (0, 1, 1)


def test_a_page_means_nothing_where_there_are_none() -> None:
    assert read(box(1, 1, 5, 5, item_index=7)).item_index is None


@pytest.mark.parametrize("page", ["1", -1, 1.5, True, 10**400, [1]])
def test_a_page_that_is_none(page: object) -> None:
    with pytest.raises(RequestError, match=r"^the prompt's item_index must be the number of a page, not "):
        read_prompts({"result": [box(1, 1, 5, 5, item_index=page)]}, PAGES)
