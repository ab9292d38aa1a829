"""A labeling config and a task's data -> the images of the task, each with what is filled on it. Fetches none."""

from dataclasses import dataclass

from wholebody.errors import ImageError
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.labeling.labeling_xml import in_short
from wholebody.labeling.targets import ImageTarget
from wholebody.labeling.task_values import resolve, variables

MAX_IMAGES_OF_A_TASK = 5_000
"""An image takes a tenth of a second at least: with more of them a task takes longer than anybody waits."""


@dataclass(frozen=True, slots=True)
class TaskImage:
    """An image of a task.

    Attributes:
        target: The `Image` that shows it, with its controls.
        reference: What the task's data says of it, mostly an address.
        item_index: Its number among the pages of the `Image`, from 0; `None` where that has no pages.
    """

    target: ImageTarget
    reference: object
    item_index: int | None = None

    @property
    def place(self) -> str:
        """Where a task with several images has it, in words; `""` without pages."""
        return "" if self.item_index is None else f"page {self.item_index + 1} of {self.target.name!r}"


def images_of_task(config: LabelingConfig, data: object) -> list[TaskImage]:
    """The images of a task, one at least. One that is blank or missing beside others is left out.

    Args:
        config: What is filled of the task: `LabelingConfig.for_task`.
        data: The task's data.

    Raises:
        ImageError: The task has none, or too many.
    """
    images = [image for target in config.targets for image in _images(target, data)]
    shown = [image for image in images if not _is_blank(image.reference)]
    if len(shown) > MAX_IMAGES_OF_A_TASK:
        raise ImageError(f"the task has {len(shown)} images, over the limit of {MAX_IMAGES_OF_A_TASK}; split it")
    if not shown:
        raise _nothing(config.targets[0], data)
    return shown


def image_of_page(target: ImageTarget, data: object, item_index: int | None) -> TaskImage:
    """One image of a task.

    Args:
        target: The `Image` that shows it.
        data: The task's data.
        item_index: The page that is shown.

    Raises:
        ImageError: There is none.
    """
    number = (item_index or 0) if target.has_pages else 0
    for image in _images(target, data)[number : number + 1]:
        if not _is_blank(image.reference):
            return image
    raise _nothing(target, data)


def _images(target: ImageTarget, data: object) -> list[TaskImage]:
    found = resolve(target.value, data)
    if target.has_pages:
        return [
            TaskImage(target, one, index) for index, one in enumerate(found if isinstance(found, list) else [found])
        ]
    # Of a list in a `value` the editor shows the first.
    return [TaskImage(target, (found[0] if found else None) if isinstance(found, list) else found)]


def _is_blank(reference: object) -> bool:
    return reference is None or (isinstance(reference, str) and not reference.strip())


def _nothing(target: ImageTarget, data: object) -> ImageError:
    missing = [path for path in variables(target.value) if resolve(f"${path}", data) is None]
    if not missing or (isinstance(data, dict) and missing[0] in data):
        return ImageError("the task's image is blank, not an address", cause="image_refused")
    has = in_short(sorted(map(str, data))) if isinstance(data, dict) else "nothing"
    return ImageError(
        f"the task's data has no {missing[0][:200]!r}, which the labeling config shows (it has {has})", cause="config"
    )
