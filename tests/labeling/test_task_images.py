"""The images of a task, by its labeling config and its data."""

import pytest

from tests.labeling.test_labeling_config import keypoints, view
from wholebody.errors import ImageError
from wholebody.labeling.labeling_config import LabelingConfig, parse_labeling_config
from wholebody.labeling.task_images import MAX_IMAGES_OF_A_TASK, image_of_page, images_of_task

NOSE = '<Label value="nose"/>'


def config(*images: str) -> LabelingConfig:
    """Of images `a`, `b`, ... with these attributes."""
    names = "abc"[: len(images)]
    elements = [f'<Image name="{name}" {image}/>' for name, image in zip(names, images, strict=True)]
    return parse_labeling_config(view(*elements, keypoints(NOSE, to=",".join(names))))


ONE, TWO = config('value="$image"'), config('value="$x"', 'value="$y.z"')
PAGES = config('valueList="$images"')


def found(read: LabelingConfig, data: object) -> list[tuple[str, object, int | None]]:
    return [(image.target.name, image.reference, image.item_index) for image in images_of_task(read, data)]


@pytest.mark.parametrize(
    ("read", "data", "expected"),
    [
        (ONE, {"image": "/data/a.jpg"}, [("a", "/data/a.jpg", None)]),
        # whatever it is: the loader judges
        (ONE, {"image": 5}, [("a", 5, None)]),
        # of a list in a `value` the editor shows the first
        (ONE, {"image": ["1.jpg", "2.jpg"]}, [("a", "1.jpg", None)]),
        # an address in the config itself
        (config('value="http://host/a.jpg"'), {}, [("a", "http://host/a.jpg", None)]),
        (TWO, {"x": "1.jpg", "y": {"z": "2.jpg"}}, [("a", "1.jpg", None), ("b", "2.jpg", None)]),
        # blank or missing beside another
        (TWO, {"x": "1.jpg", "y": {"z": " "}}, [("a", "1.jpg", None)]),
        (TWO, {"x": None, "y": {"z": "2.jpg"}}, [("b", "2.jpg", None)]),
        (TWO, {"x": "1.jpg"}, [("a", "1.jpg", None)]),
        (PAGES, {"images": ["1.jpg", "2.jpg"]}, [("a", "1.jpg", 0), ("a", "2.jpg", 1)]),
        (PAGES, {"images": ["1.jpg", "", "3.jpg"]}, [("a", "1.jpg", 0), ("a", "3.jpg", 2)]),
        (PAGES, {"images": "1.jpg"}, [("a", "1.jpg", 0)]),
        (config('valuelist="$images" value="$image"'), {"images": ["1.jpg"]}, [("a", "1.jpg", 0)]),
        (config('valueList="$d.pages"', 'value="$d.pages[0]"'), {"d": {"pages": [1]}}, [("a", 1, 0), ("b", 1, None)]),
    ],
)
def test_the_images_of_a_task(
    read: LabelingConfig, data: object, expected: list[tuple[str, object, int | None]]
) -> None:
    assert found(read, data) == expected


@pytest.mark.parametrize(
    ("read", "data", "message"),
    [
        (ONE, {"b": 1, "a": 2}, "the task's data has no 'image', which the labeling config shows (it has a, b)"),
        (ONE, {}, "the task's data has no 'image', which the labeling config shows (it has )"),
        (ONE, None, "the task's data has no 'image', which the labeling config shows (it has nothing)"),
        (ONE, [1], "the task's data has no 'image', which the labeling config shows (it has nothing)"),
        (ONE, {"image": ""}, "the task's image is blank, not an address"),
        (ONE, {"image": None}, "the task's image is blank, not an address"),
        (ONE, {"image": []}, "the task's image is blank, not an address"),
        (PAGES, {"images": []}, "the task's image is blank, not an address"),
        (PAGES, {"images": ["", None]}, "the task's image is blank, not an address"),
        (TWO, {"y": {}}, "the task's data has no 'x', which the labeling config shows (it has y)"),
        (
            PAGES,
            {"images": ["a"] * (MAX_IMAGES_OF_A_TASK + 1)},
            f"the task has {MAX_IMAGES_OF_A_TASK + 1} images, over the limit of {MAX_IMAGES_OF_A_TASK}; split it",
        ),
    ],
)
def test_a_task_without_an_image(read: LabelingConfig, data: object, message: str) -> None:
    with pytest.raises(ImageError) as raised:
        images_of_task(read, data)
    assert str(raised.value) == message


def test_the_image_of_a_page() -> None:
    data = {"images": ["1.jpg", "2.jpg", ""]}
    (target,) = PAGES.targets
    shown = image_of_page(target, data, 1)
    assert (shown.reference, shown.item_index, shown.place) == ("2.jpg", 1, "page 2 of 'a'")
    assert image_of_page(target, data, None).reference == "1.jpg"
    for page in (2, 3, 10**6):
        with pytest.raises(ImageError, match=r"^the task's image is blank, not an address$"):
            image_of_page(target, data, page)
    (alone,) = ONE.targets
    assert image_of_page(alone, {"image": "1.jpg"}, 4).place == ""
