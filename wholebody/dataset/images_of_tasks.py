"""A task, as Label Studio exports it -> its images, each with the people in it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from wholebody.dataset.choosing import Of, choose
from wholebody.dataset.left_out import LeftOut
from wholebody.dataset.meanings import ConfigMeanings, Meanings, NameMeanings
from wholebody.dataset.people import Person, assemble
from wholebody.dataset.shapes import read_shapes
from wholebody.errors import ImageError, LabelingConfigError
from wholebody.labeling.labeling_config import LabelingConfig
from wholebody.labeling.targets import ImageTarget
from wholebody.labeling.task_images import images_of_task

UNKNOWN_IMAGE = "a region on an image that the labeling config does not have: give each project its own config"
NO_PAGE = "a region on a page that the task does not have"
NO_IMAGE = "a task without an image: "
NO_CONFIG = "a task with several values in its data; give the project's labeling config with --config"
SIZES = "an image whose regions contradict each other about its size"

MAX_SIDE_PX = 1_000_000


@dataclass(frozen=True, slots=True)
class ImagePeople:
    """The people of one image of a task.

    Attributes:
        task: The task, as it was exported.
        entry: The annotation or prediction that was read.
        reference: What the task's data says of the image, mostly an address.
        image: The name of the `Image` of the labeling config; `""` without a config.
        item_index: Its page, or `None`.
        size_wh: Width and height of the upright image in pixels; `None` where nothing in the task tells.
        people: Everybody, in the order of their boxes; those without boxes last. Where the size is not known their
            coordinates are fractions of it.
    """

    task: dict[str, Any]
    entry: dict[str, Any]
    reference: str
    image: str
    item_index: int | None
    size_wh: tuple[int, int] | None
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class TaskPeople:
    """The images of a task, and what of the task was left out."""

    images: tuple[ImagePeople, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """An image to look for people on."""

    reference: str
    image: str | None
    item_index: int | None
    meanings: Meanings


@dataclass(slots=True)
class TaskReader:
    """Reads the people of tasks. Keeps what it has learned of the labeling config.

    Args:
        config: The labeling config, or `None`: labels are then read by their names, on the only image of a task.
        of: Whether annotations or predictions are read.
        annotator: E-mail address or number of the annotator whose annotations count alone; `""` for all.
    """

    config: LabelingConfig | None
    of: Of
    annotator: str = ""
    _meanings: dict[str, ConfigMeanings] = field(default_factory=dict)

    def read(self, task: dict[str, Any]) -> TaskPeople:
        """The people of a task; nothing is raised for what is wrong with it, it is left out."""
        choice = choose(task, self.of, self.annotator)
        if choice.entry is None:
            return TaskPeople(left_out=choice.left_out)
        return self.read_entry(task, choice.entry, choice.left_out)

    def read_entry(self, task: dict[str, Any], entry: dict[str, Any], left_out: tuple[LeftOut, ...] = ()) -> TaskPeople:
        """The people of one annotation or prediction of a task; what is wrong with it comes to what is left out."""
        try:
            places = self._places(task)
        except (ImageError, LabelingConfigError) as error:
            return TaskPeople(left_out=(LeftOut(NO_IMAGE + str(error)), *left_out))
        if not places:
            return TaskPeople(left_out=(LeftOut(NO_CONFIG), *left_out))
        return _read(task, entry, places, [*left_out])

    def _places(self, task: dict[str, Any]) -> list[_Place]:
        values = task.get("data")
        if self.config is None:
            reference = _only_image(values)
            return [_Place(reference, None, None, NameMeanings())] if reference else []
        config = self.config.for_task(values)
        return [
            _Place(str(image.reference), image.target.name, image.item_index, self._meanings_of(image.target))
            for image in images_of_task(config, values)
        ]

    def _meanings_of(self, target: ImageTarget) -> ConfigMeanings:
        if self.config is not None and self.config.of_tasks:
            return ConfigMeanings.of(target)  # each task has its own
        if target.name not in self._meanings:
            self._meanings[target.name] = ConfigMeanings.of(target)
        return self._meanings[target.name]


def _only_image(values: object) -> str:
    """What of a task's data is its image, where no labeling config says so: `image`, else the only text."""
    if not isinstance(values, dict):
        return ""
    named = values.get("image")
    texts = [value for value in values.values() if isinstance(value, str) and value.strip()]
    return named if isinstance(named, str) and named.strip() else texts[0] if len(texts) == 1 else ""


def _read(task: dict[str, Any], entry: dict[str, Any], places: list[_Place], left_out: list[LeftOut]) -> TaskPeople:
    results = _by_place(entry["result"], places, left_out)
    images = []
    for number, (place, found) in enumerate(zip(places, results, strict=True)):
        size_wh, agrees = _size(found)
        if not agrees:
            left_out.append(LeftOut(SIZES, what=place.reference))
            continue
        if size_wh is None:
            size_wh = _size_elsewhere(task, places, number)
        shapes = read_shapes(found, place.meanings, size_wh or (1, 1))
        people, of_nobody = assemble(shapes)
        left_out += of_nobody
        images.append(
            ImagePeople(task, entry, place.reference, place.image or "", place.item_index, size_wh, tuple(people))
        )
    return TaskPeople(tuple(images), tuple(left_out))


def _by_place(results: list[Any], places: list[_Place], left_out: list[LeftOut]) -> list[list[Any]]:
    """The results of each image. Per-region choices may lack the page: they go with their region."""
    names = {place.image for place in places}
    found: list[list[Any]] = [[] for _ in places]
    of_region: dict[str, list[Any]] = {}
    numbers = {(place.image, place.item_index or 0): number for number, place in enumerate(places)}
    for result in results:
        if not isinstance(result, dict) or "to_name" not in result:
            continue  # relations
        image = None if names == {None} else str(result["to_name"])
        page, has_pages = result.get("item_index") or 0, any(place.item_index is not None for place in places)
        number = numbers.get((image, page if has_pages else 0)) if isinstance(page, int) else None
        home = of_region.get(str(result.get("id"))) if result.get("id") else None
        if home is not None:
            home.append(result)
        elif number is None:
            left_out.append(LeftOut(UNKNOWN_IMAGE if image not in names else NO_PAGE, what=str(result.get("id"))))
        else:
            found[number].append(result)
            of_region[str(result.get("id"))] = found[number]
    return found


def _size(results: list[dict[str, Any]]) -> tuple[tuple[int, int] | None, bool]:
    """The upright size of the image by its regions, and whether they agree."""
    sizes = Counter(
        (one["original_width"], one["original_height"])
        for one in results
        if _is_side(one.get("original_width")) and _is_side(one.get("original_height"))
    )
    size = next(iter(sizes), None)
    return (None if size is None else (int(size[0]), int(size[1]))), len(sizes) <= 1


def _size_elsewhere(task: dict[str, Any], places: list[_Place], number: int) -> tuple[int, int] | None:
    """The size of an image on which nothing was annotated: as what else lies on it says, if it agrees."""
    entries = [one for key in ("annotations", "predictions", "drafts") for one in _list(task.get(key))]
    results = [result for one in entries if isinstance(one, dict) for result in _list(one.get("result"))]
    size_wh, agrees = _size(_by_place(results, places, [])[number])
    return size_wh if agrees else None


def _list(given: object) -> list[Any]:
    return given if isinstance(given, list) else []


def _is_side(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 1 <= given <= MAX_SIDE_PX
