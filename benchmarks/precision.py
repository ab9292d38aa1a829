"""What PRECISION costs in accuracy: `python -m benchmarks.precision`.

The photographs of the test data (WHOLEBODY_TESTDATA), as they are and made worse in several ways, are looked at with
each precision. Two questions, and a table for each:

* How far is what is found from what PRECISION=full finds? A person is the same if the boxes overlap by half or more.
  Distances are in percent of the longer side of the person's box, over the points that both show.
* How far is it from the truth? The people with ground truth, likewise. The two detectors of the test data stand beside
  it, since they differ as two of rtmlib's modes may do.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.degraded import DEGRADATIONS, SHAKEN, UNSTEADY, Shown, drawn_box
from benchmarks.inputs import read_bgr, testdata_folder, true_people
from wholebody.estimation.detections import ious
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.precision import knows_bfloat16
from wholebody.estimation.weights import find_weights
from wholebody.images.decoding import BGR
from wholebody.keypoints import SIGMAS
from wholebody.poses import Poses
from wholebody.process.cores import count_cores
from wholebody.settings import Precision, Settings

POSE = "wholebody133_256x192.onnx"
DETECTORS = {"RTMDet": "rtmdet_nano_person.onnx", "YOLOX": "yolox_nano_person.onnx"}
PRECISIONS: tuple[Precision, ...] = ("full", "fast", "fastest")
THRESHOLD = 0.3
SAME_PERSON, AREA_OF_BOX = 0.5, 0.53
BLUR_PX, NOISE, SCALES, QUALITY, DARKER = (1, 2, 4), (10, 25, 50), (0.3, 0.5, 0.75, 1.4), (5, 15, 40), (0.15, 0.4)


@dataclass(slots=True)
class Compared:
    """One way to estimate beside another, over many pictures.

    Attributes:
        people: How many the other found; `same` of them were found, and `more` besides.
        overlaps: IoU of each person found by both.
        shown: Points over the threshold, of the other and here, of people found by both.
        distances: Of points that both show, in percent of the longer side of the box; `pixels` likewise.
    """

    people: int
    same: int
    more: int
    overlaps: list[float]
    shown: tuple[int, int]
    distances: list[float]
    pixels: list[float]


def worse(bgr: BGR, rng: np.random.Generator) -> Iterator[BGR]:
    """A picture blurred, noisy, of other sizes, as a bad JPEG, and dark."""
    for sigma in BLUR_PX:
        yield np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma), np.uint8)
    for amount in NOISE:
        yield np.asarray((bgr + rng.normal(0, amount, bgr.shape)).clip(0, 255), np.uint8)
    for scale in SCALES:
        yield np.asarray(cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    for quality in QUALITY:
        encoded = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        yield np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    for factor in DARKER:
        yield np.asarray(bgr * factor, np.uint8)


def compare(pairs: list[tuple[Poses, Poses]]) -> Compared:
    """The second of each pair beside the first."""
    found = Compared(0, 0, 0, [], (0, 0), [], [])
    for one, other in pairs:
        found.people += len(one)
        overlaps = np.array([ious(other.xyxy, box) for box in one.xyxy])
        taken: set[int] = set()
        for row in range(len(one)):
            column = max((i for i in range(len(other)) if i not in taken), key=lambda i: overlaps[row, i], default=-1)
            if column < 0 or overlaps[row, column] < SAME_PERSON:
                continue
            taken.add(column)
            found.same += 1
            found.overlaps.append(float(overlaps[row, column]))
            shown, shown_here = one.scores[row] >= THRESHOLD, other.scores[column] >= THRESHOLD
            found.shown = (found.shown[0] + int(shown.sum()), found.shown[1] + int(shown_here.sum()))
            both = shown & shown_here
            apart = np.linalg.norm(one.keypoints[row][both] - other.keypoints[column][both], axis=1)
            found.pixels += apart.tolist()
            found.distances += (100 * apart / (one.xyxy[row, 2:] - one.xyxy[row, :2]).max()).tolist()
        found.more += len(other) - len(taken)
    return found


@dataclass(slots=True)
class Wrong:
    """What is wrong with the points of true people.

    Attributes:
        found: How many people the detector found.
        shown: How many marked points are over the threshold.
        distances: Of all marked points from their places, in percent of the longer side of the true box.
        oks: Of each person, by COCO-WholeBody's sigmas.
    """

    found: int
    shown: int
    distances: list[float]
    oks: list[float]


def errors(estimator: Estimator, people: list[Shown]) -> Wrong:
    """Who is not found by the detector is posed in their drawn box: so all precisions answer for the same points."""
    wrong = Wrong(0, 0, [], [])
    for one in people:
        person, boxes = one.person, estimator.detect(one.person.bgr)
        overlaps = ious(boxes.xyxy, one.xyxy)
        seen = bool(len(overlaps)) and float(overlaps.max()) >= SAME_PERSON
        wrong.found += seen
        box = boxes.xyxy[int(overlaps.argmax())] if seen else one.xyxy
        poses = estimator.pose(person.bgr, box[None], np.ones(1, np.float32))
        apart = np.linalg.norm(poses.keypoints[0] - person.keypoints, axis=1)[person.labelled]
        size_wh = person.xyxy[2:] - person.xyxy[:2]
        wrong.distances += (100 * apart / size_wh.max()).tolist()
        spread = 2 * np.array(SIGMAS)[person.labelled] ** 2 * 4 * AREA_OF_BOX * size_wh.prod()
        wrong.oks.append(float(np.exp(-(apart**2) / spread).mean()))
        wrong.shown += int((poses.scores[0][person.labelled] >= THRESHOLD).sum())
    return wrong


def estimators(models: Path) -> dict[tuple[str, Precision], Estimator]:
    """Each detector with each precision."""
    loaded = {}
    for name, file in DETECTORS.items():
        for precision in PRECISIONS:
            settings = Settings(
                det_model=str(models / file),
                pose_model=str(models / POSE),
                det_input_size=(416, 416) if name == "YOLOX" else None,
                precision=precision,
            )
            weights = find_weights(settings)
            loaded[name, precision] = load_estimator(settings, weights, threads=count_cores(), concurrency=1)
    return loaded


def true_crowd(folder: Path, draws: int) -> list[Shown]:
    """The people of the ground truth in each kind of worse picture, the same for whoever looks."""
    rng, people = np.random.default_rng(1), []
    for source, person in enumerate(true_people(folder)):
        for kind, degrade in DEGRADATIONS.items():
            for _ in range(draws):
                shown = degrade(person, rng)
                off = SHAKEN if kind == "box shaken" else UNSTEADY
                people.append(Shown(shown, drawn_box(shown, off, rng), source, kind))
    return people


def _line(name: str, found: Compared) -> str:
    overlaps, distances, pixels = (np.array(values) for values in (found.overlaps, found.distances, found.pixels))
    return (
        f"| {name} | {found.same} of {found.people}, {found.more} more | {np.median(overlaps):.3f} "
        f"| {np.percentile(overlaps, 1):.3f} | {100 * (overlaps > 0.95).mean():.1f} % "
        f"| {found.shown[1]} beside {found.shown[0]} | {np.median(distances):.2f} % "
        f"| {np.percentile(distances, 95):.2f} % | {np.percentile(pixels, 95):.1f} px | {pixels.max():.0f} px |"
    )


def beside_full(loaded: dict[tuple[str, Precision], Estimator], kinds: dict[str, list[BGR]]) -> Iterator[str]:
    """The first table."""
    yield "| | people | IoU, median | lowest hundredth | over .95 | points | moved, median | 95 % | 95 % | worst |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for (kind, pictures), detector in itertools.product(kinds.items(), DETECTORS):
        full = [loaded[detector, "full"].estimate(bgr) for bgr in pictures]
        for precision in PRECISIONS[1:]:
            found = [loaded[detector, precision].estimate(bgr) for bgr in pictures]
            yield _line(f"{kind}, {detector}, `{precision}`", compare(list(zip(full, found, strict=True))))
        # In the boxes that full found, so that nothing but the pose network differs.
        posed = [
            loaded[detector, "fastest"].pose(bgr, one.xyxy, one.box_scores)
            for bgr, one in zip(pictures, full, strict=True)
        ]
        name = f"{kind}, {detector}, `fastest` in the boxes of `full`"
        yield _line(name, compare(list(zip(full, posed, strict=True))))


def beside_truth(loaded: dict[tuple[str, Precision], Estimator], people: list[Shown]) -> Iterator[str]:
    """The second table."""
    yield f"| {len(people)} pictures of people | found | points shown | error, median | error, 95 % | mean OKS |"
    yield "|---|---|---|---|---|---|"
    for (detector, precision), estimator in loaded.items():
        wrong = errors(estimator, people)
        yield (
            f"| {detector}, `{precision}` | {wrong.found} | {wrong.shown} of {len(wrong.distances)} "
            f"| {np.median(wrong.distances):.3f} % | {np.percentile(wrong.distances, 95):.2f} % "
            f"| {np.mean(wrong.oks):.4f} |"
        )


@click.command(help=__doc__)
@click.option("--draws", default=3, show_default=True, help="Worse pictures of each kind, of people with a truth.")
def main(draws: int) -> None:
    """Print both tables."""
    folder = testdata_folder()
    if folder is None:
        raise click.ClickException("no test data; set WHOLEBODY_TESTDATA")
    if not knows_bfloat16():
        raise click.ClickException("this processor does not know bfloat16, so all precisions are one")
    loaded, rng = estimators(folder / "models"), np.random.default_rng(1)
    paths = sorted((folder / "images").glob("*.j*g"))
    plain = [read_bgr(path) for path in paths]
    kinds = {"as they are": plain, "worse": [picture for bgr in plain for picture in worse(bgr, rng)]}
    tables: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: beside_full(loaded, kinds),
        lambda: beside_truth(loaded, true_crowd(folder, draws)),
    )
    click.echo(f"{len(plain)} pictures as they are, {len(kinds['worse'])} made of them")
    for table in tables:
        click.echo()
        for line in table():
            click.echo(line)


if __name__ == "__main__":
    main()
