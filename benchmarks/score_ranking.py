"""Which number says best whether a keypoint is right: `python -m benchmarks.score_ranking`.

Right is a keypoint within a share of the longer side of the person's true box: .02 on the body, .03 on feet, .01 in
the face, .02 on hands, each times `--tolerance`. A point given for what lies outside the picture is wrong. AUC is the
chance that a right point has a higher score than a wrong one. The people are those of the test data
(WHOLEBODY_TESTDATA), degraded in many ways.

The test data's network writes each row as one peak of always the same width, times a number, so its rows have no
shape to judge by. `--rows heat-maps` takes those that its part for the body makes on the way, their highest values by
column and by row: 17 points, true shapes. `--rows heat-sums` takes their sums, whose peaks differ by axis.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.degraded import Shown, shown_people
from benchmarks.inputs import testdata_folder
from benchmarks.score_candidates import BASE, CANDIDATES, CROP_WH, Rows
from benchmarks.table import seconds
from wholebody.estimation.geometry import Crop
from wholebody.estimation.networks import Network, open_network
from wholebody.estimation.pose_heads import SimCC
from wholebody.estimation.reference_person import PERSON_XYXY, read_picture
from wholebody.estimation.score_unit import PERCENTILE
from wholebody.estimation.tensors import write_pose_input
from wholebody.keypoints import PARTS, Part
from wholebody.poses import Floats

TOLERANCE = {Part.BODY: 0.02, Part.FEET: 0.03, Part.FACE: 0.01, Part.LEFT_HAND: 0.02, Part.RIGHT_HAND: 0.02}
GROUPS = {"body": (Part.BODY,), "feet": (Part.FEET,), "face": (Part.FACE,), "hands": (Part.LEFT_HAND, Part.RIGHT_HAND)}
HEAT_MAPS = "/tiny/Conv_268_output_0"
"""`(n, 17, 64, 48)` within the network."""
UNITS = (0.2, 1, 3, 6, 10)
JOINS = {"network": None, "heat-maps": np.max, "heat-sums": np.sum}
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Measured:
    """All points that have a truth, one after the other.

    Attributes:
        scores: By candidate, `(n,)` float32.
        right: `(n,)` bool.
        part: `(n,)`, as are `source`, `kind` and `shown`: what each point is of, the last a number for each person
            that the network was shown.
    """

    scores: dict[str, Floats]
    right: np.ndarray
    part: np.ndarray
    source: np.ndarray
    kind: np.ndarray
    shown: np.ndarray


class RowSource:
    """The rows of people, in units of the network: its own, or its heat maps with rows and columns joined."""

    def __init__(self, folder: Path, join: Callable[..., Floats] | None) -> None:
        self._join = join
        self._network = _open_with_heat_maps(folder / "models" / "wholebody133_256x192.onnx")
        self._unit = np.float32(1)
        rows, _ = self.look(read_picture(), np.array(PERSON_XYXY, np.float32))
        self._unit = np.float32(np.percentile(CANDIDATES[BASE](rows), PERCENTILE))

    def look(self, bgr: np.ndarray, xyxy: Floats) -> tuple[Rows, Floats]:
        """The rows of a person, and the `(k, 2)` keypoints in image pixels that the network gives."""
        crop = Crop.around(xyxy[None], CROP_WH)[0]
        pixels = np.zeros((1, 3, *CROP_WH[::-1]), np.float32)
        write_pose_input(crop.cut(bgr), pixels[0])
        simcc_x, simcc_y, heat = self._network.run(pixels)
        keypoints = crop.to_image(SimCC().decode([simcc_x, simcc_y], 1.0)[0][0])
        x, y = _marginals(heat[0], self._join) if self._join else (simcc_x[0], simcc_y[0])
        size = float((xyxy[2:] - xyxy[:2]).max() / crop.extent_wh[1] * CROP_WH[1])
        return Rows(x / self._unit, y / self._unit, size), keypoints[: len(x)]


def _open_with_heat_maps(path: Path) -> Network:
    import onnx

    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_tensor_value_info(HEAT_MAPS, onnx.TensorProto.FLOAT, None))
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / path.name)
        return open_network(Path(folder) / path.name, "onnxruntime", "cpu", 1)


def _marginals(heat: Floats, join: Callable[..., Floats]) -> tuple[Floats, Floats]:
    """`(17, 64, 48)` heat maps -> the rows `(17, 384)` and `(17, 512)` that a SimCC network would write for them."""
    import cv2

    maps = heat.clip(0, None)
    rows = join(maps, axis=1), join(maps, axis=2)
    x, y = (
        cv2.resize(row, (2 * edge, len(row)), interpolation=cv2.INTER_LINEAR)
        for row, edge in zip(rows, CROP_WH, strict=True)
    )
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def is_right(shown: Shown, keypoints: Floats, factor: float) -> np.ndarray:
    """`(k,)` bool: near enough to a true place that is in the picture."""
    person, count = shown.person, len(keypoints)
    distance = np.linalg.norm(keypoints - person.keypoints[:count], axis=1)
    allowed = np.array([TOLERANCE[part] for part in PARTS[:count]]) * (person.xyxy[2:] - person.xyxy[:2]).max()
    in_picture = ((person.keypoints >= 0) & (person.keypoints < person.bgr.shape[1::-1])).all(axis=1)
    return (distance <= factor * allowed) & in_picture[:count]


def measure(source: RowSource, people: Iterable[Shown], factor: float) -> Measured:
    """Every candidate's score of every point that has a truth."""
    columns: list[tuple[np.ndarray, ...]] = []
    scores: dict[str, list[Floats]] = {name: [] for name in CANDIDATES}
    for number, shown in enumerate(people):
        rows, keypoints = source.look(shown.person.bgr, shown.xyxy)
        known = shown.person.labelled[: len(keypoints)]
        for name, candidate in CANDIDATES.items():
            scores[name].append(candidate(rows)[known])
        part = np.array(PARTS[: len(keypoints)])[known]
        same = (np.full(len(part), value, object) for value in (shown.source, shown.kind, number))
        columns.append((is_right(shown, keypoints, factor)[known], part, *same))
    return Measured(
        {name: np.concatenate(values) for name, values in scores.items()},
        *(np.concatenate(values) for values in zip(*columns, strict=True)),
    )


def ranks(values: Floats) -> np.ndarray:
    """`(n,)` places in ascending order from 1 on, those of equals shared."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def auc(values: Floats, right: np.ndarray) -> float:
    """The chance that a right point has more than a wrong one; NaN where there is only one kind."""
    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses:
        return float("nan")
    return float((ranks(values)[right].sum() - hits * (hits + 1) / 2) / (hits * misses))


def auc_within(found: Measured, values: Floats) -> float:
    """AUC among points of the same part of the same person: what is left when no picture is better than another."""
    ends = np.flatnonzero((found.shown[1:] != found.shown[:-1]) | (found.part[1:] != found.part[:-1])) + 1
    won = pairs = 0.0
    for some, right in zip(np.split(values, ends), np.split(found.right, ends), strict=True):
        weight = float(right.sum() * (~right).sum())
        if weight:
            won, pairs = won + weight * auc(some, right), pairs + weight
    return won / pairs


def views(found: Measured) -> list[dict[str, np.ndarray]]:
    """The columns of two tables: which points each is about."""
    parts = {name: np.isin(found.part, group) for name, group in GROUPS.items()}
    people = {f"person {one}": found.source == one for one in np.unique(found.source)}
    picture = {"picture 0": found.source == 0, "picture 1": found.source != 0}
    kinds = {str(one): found.kind == one for one in dict.fromkeys(found.kind)}
    whole = {"all": np.ones(len(found.right), bool)}
    return [{**whole, **parts, **picture, **people}, {**kinds, "all but clean": found.kind != "clean"}]


def print_auc(found: Measured, columns: dict[str, np.ndarray]) -> None:
    """AUC of each candidate in each view."""
    click.echo(f"{'AUC':31}" + "".join(f"{name:>14}" for name in columns))
    for name, values in found.scores.items():
        cells = [auc(values[chosen], found.right[chosen]) for chosen in columns.values()]
        click.echo(f"{name:31}" + "".join(f"{cell:14.3f}" for cell in cells))
    shares = "".join(f"{found.right[chosen].mean():14.3f}" for chosen in columns.values())
    click.echo(f"{'points that are right':31}{shares}")
    click.echo(f"{'points':31}" + "".join(f"{chosen.sum():14}" for chosen in columns.values()) + "\n")


def print_dependence(found: Measured) -> None:
    """Of each candidate: how much its order is the mean peak's, AUC within people, medians by how it was degraded."""
    clean, base = found.kind == "clean", ranks(found.scores[BASE])
    click.echo(f"{'':31}{'order':>9}{'within':>9}{'clean':>9}{'degraded':>9}{'right':>9}{'wrong':>9}")
    for name, values in found.scores.items():
        order = np.corrcoef(base, ranks(values))[0, 1]
        medians = [np.median(values[chosen]) for chosen in (clean, ~clean, found.right, ~found.right)]
        cells = (order, auc_within(found, values), *medians)
        click.echo(f"{name:31}" + "".join(f"{cell:9.3f}" for cell in cells))


def print_properties(source: RowSource) -> None:
    """Of each candidate: its range, how far it moves with the network's unit, and its cost."""
    rows, _ = source.look(read_picture(), np.array(PERSON_XYXY, np.float32))
    click.echo(f"\n{'one person':31}{'lowest':>8}{'highest':>9}{'by unit':>10}{'ms':>8}")
    for name, candidate in CANDIDATES.items():
        values, moved = candidate(rows), 0.0
        for factor in np.float32(UNITS):
            times = Rows(rows.x * factor, rows.y * factor, rows.size)
            unit = np.percentile(CANDIDATES[BASE](times), PERCENTILE).astype(np.float32)
            moved = max(moved, float(np.abs(candidate(Rows(times.x / unit, times.y / unit, rows.size)) - values).max()))
        cost_s = np.median([seconds(lambda: candidate(rows)) for _ in range(ROUNDS)])  # noqa: B023
        click.echo(f"{name:31}{values.min():8.3f}{values.max():9.3f}{moved:10.1e}{cost_s * 1e3:8.2f}")


@click.command(help=__doc__)
@click.option("--rows", type=click.Choice(list(JOINS)), default="network", show_default=True)
@click.option("--tolerance", default=1.0, show_default=True, help="Times the distances above.")
@click.option("--draws", default=24, show_default=True, help="Of each person in each kind of degradation.")
@click.option("--seed", default=1, show_default=True, help="Of all that is drawn.")
def main(rows: str, tolerance: float, draws: int, seed: int) -> None:
    """Measure and print the tables."""
    folder = testdata_folder()
    if folder is None:
        raise click.ClickException("no test data; set WHOLEBODY_TESTDATA")
    source = RowSource(folder, JOINS[rows])
    people = list(shown_people(folder, draws, np.random.default_rng(seed)))
    click.echo(f"{len(people)} people; rows of the {rows}; {tolerance:g} times the tolerance\n")
    found = measure(source, people, tolerance)
    for columns in views(found):
        print_auc(found, {name: chosen for name, chosen in columns.items() if chosen.any()})
    print_dependence(found)
    print_properties(source)


if __name__ == "__main__":
    main()
