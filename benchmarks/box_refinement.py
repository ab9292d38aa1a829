"""What a second look at loosely drawn boxes is worth: `python -m benchmarks.box_refinement`.

The error is the distance of a keypoint from the ground truth over the longer side of the person's true box, over
all marked keypoints of all people in the test data (WHOLEBODY_TESTDATA).
"""

from collections.abc import Callable, Iterator

import click
import numpy as np

from benchmarks.inputs import TruePerson, testdata_folder, testdata_settings, true_people
from wholebody.estimation.detections import ious
from wholebody.estimation.estimator import Estimator, load_estimator
from wholebody.estimation.prompted import estimate_prompted
from wholebody.estimation.seen_images import SeenImage
from wholebody.estimation.weights import find_weights
from wholebody.images.decoding import Picture
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.prompts import Prompts
from wholebody.poses import Floats

TARGET = parse_labeling_config(write_config(list(Part))).targets[0]
NO_POINTS = np.zeros((0, 2), np.float32)
SHAKEN, DRAWS = 0.15, 40
TOO_WIDE = 0.25
OVERLAP_IOU = 0.5


def shaken(person: TruePerson, rng: np.random.Generator) -> Iterator[Floats]:
    """The true box, each edge moved by up to `SHAKEN` of the width or height, `DRAWS` times."""
    size = np.tile(person.xyxy[2:] - person.xyxy[:2], 2)
    for _ in range(DRAWS):
        yield inside(person, person.xyxy + rng.uniform(-SHAKEN, SHAKEN, 4) * size)


def too_wide(person: TruePerson) -> Floats:
    """The true box, `TOO_WIDE` of its width and height added at each side."""
    size = person.xyxy[2:] - person.xyxy[:2]
    return inside(person, np.concatenate([person.xyxy[:2] - TOO_WIDE * size, person.xyxy[2:] + TOO_WIDE * size]))


def inside(person: TruePerson, xyxy: Floats) -> Floats:
    """A box as it can be drawn: nothing of it lies outside the picture."""
    height, width = person.bgr.shape[:2]
    return np.asarray(xyxy.clip(0, (width, height, width, height)), np.float32)


def pose_as_drawn(person: TruePerson, xyxy: Floats, estimator: Estimator) -> Floats:
    """`(133, 2)` keypoints by the box as it is."""
    return estimator.pose(person.bgr, xyxy[None], np.ones(1, np.float32)).keypoints[0]


def pose_as_served(person: TruePerson, xyxy: Floats, estimator: Estimator) -> Floats:
    """`(133, 2)` keypoints as the backend answers."""
    height, width = person.bgr.shape[:2]
    fractions = (xyxy / (width, height, width, height)).astype(np.float32)[None]
    prompts = Prompts(TARGET, fractions, NO_POINTS, NO_POINTS)
    seen = SeenImage(Picture(person.bgr, (width, height)))
    return estimate_prompted(seen, prompts, estimator).keypoints[0]


def pose_as_detected(person: TruePerson, xyxy: Floats, estimator: Estimator) -> Floats:
    """`(133, 2)` keypoints by the detection that overlaps the box most, else by the box as it is."""
    found = estimator.detect(person.bgr).xyxy
    overlaps = ious(found, xyxy)
    if overlaps.max(initial=0) > OVERLAP_IOU:
        xyxy = found[int(np.argmax(overlaps))]
    return pose_as_drawn(person, xyxy, estimator)


def error(person: TruePerson, keypoints: Floats) -> Floats:
    """`(k,)` distance of each marked keypoint from its true place over the longer side of the true box."""
    distance = np.linalg.norm(keypoints - person.keypoints, axis=1)[person.labelled]
    return np.asarray(distance / (person.xyxy[2:] - person.xyxy[:2]).max(), np.float32)


WAYS: dict[str, Callable[[TruePerson, Floats, Estimator], Floats]] = {
    "as drawn": pose_as_drawn,
    "ours": pose_as_served,
    "by a detection": pose_as_detected,
}


@click.command(help=__doc__)
@click.option("--seed", default=1, show_default=True, help="Of the shaken boxes.")
def main(seed: int) -> None:
    """Measure and print the table."""
    given, folder = testdata_settings(), testdata_folder()
    if given is None or folder is None:
        raise click.ClickException("no test data; set WHOLEBODY_TESTDATA")
    estimator = load_estimator(given[0], find_weights(given[0]), threads=0, concurrency=1)
    people, rng = list(true_people(folder)), np.random.default_rng(seed)
    boxes: dict[str, list[list[Floats]]] = {
        "true": [[person.xyxy] for person in people],
        f"shaken by {SHAKEN:.0%}": [list(shaken(person, rng)) for person in people],
        f"{TOO_WIDE:.0%} too wide a side": [[too_wide(person)] for person in people],
    }
    click.echo(f"{len(people)} people; median / mean error over the longer side of the box\n")
    click.echo(f"{'boxes':22}" + "".join(f"{way:>18}" for way in WAYS))
    for name, drawn in boxes.items():
        cells = []
        for way in WAYS.values():
            pairs = [(person, box) for person, tried in zip(people, drawn, strict=True) for box in tried]
            errors = np.concatenate([error(person, way(person, box, estimator)) for person, box in pairs])
            cells.append(f"{np.median(errors):.4f} / {errors.mean():.4f}")
        click.echo(f"{name:22}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
