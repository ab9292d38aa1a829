"""Whether a detector knows when it has missed somebody: `python -m benchmarks.nobody_found`.

Where nobody is found, the best box below the threshold may say whether somebody is there. The people of the test data
(WHOLEBODY_TESTDATA) are degraded until some are not found; pieces of its pictures without people, degraded likewise,
are truly empty. AUC is the chance that a missed person's best box has the higher score: .5 says nothing.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.degraded import DEGRADATIONS, shown_people
from benchmarks.inputs import TruePerson, read_bgr, testdata_folder
from benchmarks.score_ranking import auc
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights
from wholebody.images.decoding import BGR
from wholebody.settings import Settings

THRESHOLD = 0.3
DETECTORS = {"rtmdet_nano_person": (640, 640), "yolox_nano_person": (416, 416)}
WITHOUT_PEOPLE = ("animal_animalpose_ho105.jpeg", "exif_Landscape_6.jpg")
PIECE = (0.2, 0.7)
"""Of the width and height of a picture."""


def empty_pictures(folder: Path, count: int, rng: np.random.Generator) -> Iterator[BGR]:
    """Pieces of pictures without anybody in them, degraded."""
    truth = json.loads((folder / "coco_wholebody.json").read_text())
    pictures = [(read_bgr(folder / "images" / name), []) for name in WITHOUT_PEOPLE]
    for image in truth["images"]:
        boxes = [one["bbox"] for one in truth["annotations"] if one["image_id"] == image["id"]]
        pictures.append((read_bgr(folder / "images" / image["file_name"]), boxes))
    kinds = [kind for kind in DEGRADATIONS if kind not in ("rotated", "cut off")]
    while count:
        bgr, boxes = pictures[int(rng.integers(len(pictures)))]
        size = np.array(bgr.shape[1::-1])
        piece = (size * rng.uniform(*PIECE, 2)).astype(int)
        left, top = rng.integers(0, size - piece)
        right, bottom = piece + np.array((left, top))
        if any(x < right and left < x + w and y < bottom and top < y + h for x, y, w, h in boxes):
            continue
        box = np.array((0, 0, *piece), np.float32)
        nobody = TruePerson(
            bgr[top:bottom, left:right].copy(), box, np.zeros((133, 2), np.float32), np.zeros(133, bool)
        )
        yield DEGRADATIONS[kinds[int(rng.integers(len(kinds)))]](nobody, rng).bgr
        count -= 1


@click.command(help=__doc__)
@click.option("--draws", default=16, show_default=True, help="Of each degradation of each person.")
@click.option("--empty", default=300, show_default=True, help="Pictures without people.")
def main(draws: int, empty: int) -> None:
    """Measure and print."""
    folder = testdata_folder()
    if folder is None:
        raise click.ClickException("no test data: set WHOLEBODY_TESTDATA")
    for name, size_wh in DETECTORS.items():
        settings = Settings(
            det_model=str(folder / "models" / f"{name}.onnx"),
            det_input_size=size_wh,
            pose_model=str(folder / "models" / "wholebody133_256x192.onnx"),
            detection_threshold=0.01,
            max_people=1000,
        )
        estimator = load_estimator(settings, find_weights(settings), threads=0, concurrency=1)
        rng = np.random.default_rng(3)
        best = [
            np.array([float(estimator.detect(bgr).scores.max(initial=0)) for bgr in pictures])
            for pictures in (
                (shown.person.bgr for shown in shown_people(folder, draws, rng)),
                empty_pictures(folder, empty, rng),
            )
        ]
        missed, right = (scores[scores < THRESHOLD] for scores in best)
        found = np.concatenate([missed, right])
        is_missed = np.arange(len(found)) < len(missed)
        click.echo(
            f"{name}: nobody found in {len(missed)} of {len(best[0])} pictures with people, {len(right)} of {empty} "
            f"without; AUC {auc(found, is_missed):.2f}; best box of the missed {np.median(missed):.2f}, of the empty "
            f"{np.median(right):.2f} (medians)"
        )


if __name__ == "__main__":
    main()
