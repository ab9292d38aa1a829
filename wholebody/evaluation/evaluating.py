"""One evaluation: tasks go by, numbers stay. Knows no files and no options."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby
from typing import Any, Final

from wholebody.dataset.choosing import NOT_ANNOTATED, ONLY_A_DRAFT, SKIPPED, UNSUBMITTED, submitted
from wholebody.dataset.coco_format import area_of, kept_of_person
from wholebody.dataset.images_of_tasks import ImagePeople, TaskReader
from wholebody.dataset.left_out import LeftOut, LeftOutTally
from wholebody.dataset.people import Person
from wholebody.errors import DatasetError
from wholebody.evaluation.agreement import Agreement
from wholebody.evaluation.annotations import AnnotationCounts, Reviewed
from wholebody.evaluation.coco_scores import CocoScores, TruePerson
from wholebody.evaluation.comparisons import Comparison
from wholebody.evaluation.pairing import PairedImage, annotator_of, pair_entries, pair_task, version_of
from wholebody.evaluation.score_truth import FirstTenth, ScoreTruth
from wholebody.evaluation.sources import predictions_of

Json = dict[str, Any]
Watch = Callable[[PairedImage, Comparison], None]

MOST_NAMES: Final = 100
"""Model versions, and annotators, that are told apart; those who come later are put together."""

OTHERS: Final = "others"

NOT_YET: Final = (NOT_ANNOTATED, ONLY_A_DRAFT, SKIPPED, UNSUBMITTED)
"""Nobody has judged the prediction: nothing of the measure is missing."""

MOST_REASONS: Final = 3
"""Of why there is nothing to compare."""

MOST_ANNOTATIONS: Final = 20
"""Of a task are compared with each other, the newest."""
TOO_MANY: Final = f"an annotation beside {MOST_ANNOTATIONS} newer ones of its task: not compared with them"


@dataclass(slots=True)
class _Version:
    """The numbers of a model version.

    Attributes:
        newest: When the newest prediction of it was made, as Label Studio writes it.
        tasks: Tasks with an annotation that came from it.
    """

    newest: str = ""
    tasks: int = 0
    did: AnnotationCounts = field(default_factory=AnnotationCounts)
    coco: CocoScores = field(default_factory=CocoScores)
    scores: ScoreTruth = field(default_factory=ScoreTruth)
    first: FirstTenth = field(default_factory=FirstTenth)

    def add(self, review: Reviewed, corrections: int) -> None:
        self.did.add(review)
        self.first.add(review.score, corrections)
        for image, compared in review.images:
            self.scores.add(compared, image.removed)

    def numbers(self) -> Json:
        points = self.did.points
        return {
            "tasks": self.tasks,
            **self.did.numbers(),
            "coco_images": self.coco.images,
            "coco": self.coco.numbers(),
            "points": {"all": points.all(), "parts": points.parts(), "keypoints": points.keypoints()},
            "scores": {
                "parts": self.scores.parts(),
                "first_tenth": self.first.share(),
                "first_tenth_best": self.first.best(),
            },
        }


class Evaluation:
    """All that is measured. Memory grows with the number of images by some hundred bytes.

    Args:
        watch: Is shown each image and what became of its people.
        where: What tasks are called in lines about what was left out.
    """

    def __init__(self, watch: Watch = lambda image, compared: None, where: str = "task") -> None:
        self.left_out = LeftOutTally(where, "Nothing to compare, or not about people:")
        self._watch = watch
        self._versions: dict[str, _Version] = {}
        self._annotators: dict[str, AnnotationCounts] = {}
        self._agreement = Agreement()
        self._tasks, self._images, self._people = 0, 0, 0

    def add_task(self, task: Json, reader: TaskReader) -> None:
        """Count a task of Label Studio: each annotation beside the prediction that it came from, and beside the other
        annotations; each model version beside the annotation that counts."""
        paired = pair_task(task, reader)
        for one in paired.left_out:
            self.left_out.add(task["id"], replace(one, is_loss=False) if one.reason in NOT_YET else one)
        reviews = [Reviewed.of([*images]) for _, images in groupby(paired.images, lambda one: id(one.image.entry))]
        for review in reviews:
            self._version(review.model_version).add(review, review.corrections)
            self._annotator(review.annotator).add(review)
            for image, compared in review.images:
                self._watch(image, compared)
        for name in {review.model_version for review in reviews}:
            self._version(name).tasks += 1
        annotations, _ = submitted(task, reader.annotator)
        if annotations:
            self._add_coco(task, annotations[0], paired.images, reader)
            if len(annotations) > MOST_ANNOTATIONS:
                self.left_out.add(task["id"], LeftOut(TOO_MANY, len(annotations) - MOST_ANNOTATIONS, is_loss=False))
            self._agreement.add_task([*_compared(task, annotations[:MOST_ANNOTATIONS], reader)])

    def add_image(self, image: PairedImage, truth: Sequence[TruePerson], found: Sequence[Person]) -> None:
        """Count an image of a ground truth.

        Args:
            image: Its people beside those of the model.
            truth: All people of the ground truth, crowds too.
            found: Those of the model with all their points, however low their scores.
        """
        review = Reviewed.of([image])
        version = self._version(image.model_version)
        version.add(review, review.errors)
        version.tasks += 1
        version.coco.add(truth, found)
        self._count(len(image.image.people), images=1)
        self._watch(image, review.images[0][1])

    def leave_out(self, task_id: object, one: LeftOut) -> None:
        """Name something that is not measured."""
        self.left_out.add(task_id, one)

    def metrics(self, source: Json) -> Json:
        """What `metrics.json` has; see `docs/evaluation.md`.

        Args:
            source: What was evaluated.

        Raises:
            DatasetError: Nothing was, or a package is missing.
        """
        agreement = self._agreement.numbers()
        if not self._tasks and agreement is None:
            raise DatasetError(f"there is nothing to compare: {self._why_nothing() or 'there are no tasks'}")
        versions = sorted(self._versions.items(), key=lambda one: one[1].newest)
        metrics = {
            "format": 1,
            "source": source,
            "counts": {
                "tasks": self._tasks,
                "images": self._images,
                "people": self._people,
                "left_out": [*self.left_out.reasons()],
            },
            "model_versions": {name: version.numbers() for name, version in versions},
            "annotators": {name: self._of_annotator(name) for name in sorted(self._annotators)},
            "agreement": agreement,
            "sigmas": self._agreement.sigmas(),
        }
        return dict(_rounded(metrics))

    def _add_coco(self, task: Json, annotation: Json, paired: Sequence[PairedImage], reader: TaskReader) -> None:
        """Each model version of a task beside the annotation that counts, whichever it came from."""
        newest = {version_of(one): one for one in predictions_of(task)}
        counted = False
        for name, prediction in newest.items():
            images = [one for one in paired if one.image.entry is annotation and one.predicted.entry is prediction]
            images = images or [*pair_entries(task, annotation, prediction, reader).images]
            version = self._version(name)
            version.newest = max(version.newest, str(prediction.get("created_at") or ""))
            for image in images:
                version.coco.add([*_true_people(image.image)], image.predicted.people)
            if images and not counted:
                self._count(sum(len(one.image.people) for one in images), images=len(images))
                counted = True

    def _count(self, people: int, *, images: int) -> None:
        self._tasks += 1
        self._images += images
        self._people += people

    def _why_nothing(self) -> str:
        named = [
            f"{one['count']} x {one['reason']} ({self.left_out.where} {one['tasks'][0]}...)"
            for one in self.left_out.reasons()
        ]
        return "; ".join(named[:MOST_REASONS])

    def _of_annotator(self, name: str) -> Json:
        did = self._annotators[name]
        points = {"all": did.points.all(), "parts": did.points.parts()}
        return {**did.numbers(), "points": points, "offsets": self._agreement.offsets(name)}

    def _version(self, name: str) -> _Version:
        name = _known(name, self._versions)
        if name not in self._versions:
            self._versions[name] = _Version()
        return self._versions[name]

    def _annotator(self, name: str) -> AnnotationCounts:
        name = _known(name, self._annotators)
        if name not in self._annotators:
            self._annotators[name] = AnnotationCounts(by_keypoint=False)
        return self._annotators[name]


def _compared(
    task: Json, annotations: Sequence[Json], reader: TaskReader
) -> Iterator[tuple[str, str, tuple[PairedImage, ...]]]:
    """Each two annotations of a task."""
    for first, second in combinations(annotations, 2):
        images = pair_entries(task, first, second, reader).images
        if images:
            yield annotator_of(first), annotator_of(second), images


def _true_people(image: ImagePeople) -> Iterator[TruePerson]:
    for person in image.people:
        area, is_crowd = area_of(person, kept_of_person(person, image.task.get("meta")))
        yield TruePerson(person, area, is_crowd)


def _known(name: str, names: Json) -> str:
    return name if name in names or len(names) < MOST_NAMES else OTHERS


def _rounded(given: Any) -> Any:
    """Floats with six decimals: more would be noise of the processor."""
    if isinstance(given, float):
        return round(given, 6)
    if isinstance(given, dict):
        return {key: _rounded(value) for key, value in given.items()}
    return [_rounded(value) for value in given] if isinstance(given, list) else given
