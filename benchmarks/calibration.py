"""What a calibration of scores gains on people that it does not know: `python -m benchmarks.calibration`.

The people are those of the test data (WHOLEBODY_TESTDATA), degraded in many ways. An annotator is simulated who leaves
a marked point that lies within 2 % of the longer side of the box of its true place, and corrects all others. Curves are
learned from some of the people, and judged on the rest. The people of one picture are never apart enough to be truly
unknown: there are four.
"""

import click
import numpy as np

from benchmarks.degraded import shown_people
from benchmarks.inputs import testdata_folder, testdata_settings
from wholebody.estimation.estimator import load_estimator
from wholebody.estimation.weights import find_weights
from wholebody.evaluation.calibrating import calibrate_parts, calibration_error
from wholebody.evaluation.score_tally import FOLDS, STEPS, ScoreTally
from wholebody.keypoints import PART_SLICES, Part

WITHIN = 0.02
SCORES = np.arange(STEPS + 1) / STEPS

Corrected = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of each person: `(133,)` score, whether it was given, whether it was left."""


def corrected_people(draws: int, threshold: float) -> list[Corrected]:
    """What the annotator made of everybody's points."""
    given, folder = testdata_settings(), testdata_folder()
    if given is None or folder is None:
        raise click.ClickException("no test data: set WHOLEBODY_TESTDATA")
    estimator = load_estimator(given[0], find_weights(given[0]), threads=0, concurrency=1)
    people = []
    for shown in shown_people(folder, draws, np.random.default_rng(3)):
        poses = estimator.pose(shown.person.bgr, shown.xyxy[None], np.ones(1, np.float32)).inside(WITHIN)
        side = (shown.person.xyxy[2:] - shown.person.xyxy[:2]).max()
        apart = np.linalg.norm(poses.keypoints[0] - shown.person.keypoints, axis=1) / side
        people.append((poses.scores[0], shown.person.labelled & (poses.scores[0] >= threshold), apart <= WITHIN))
    return people


def tallied(people: list[Corrected]) -> ScoreTally:
    """As many tasks of one person each, counted."""
    tally = ScoreTally(WITHIN)
    for number, (scores, given, left) in enumerate(people):
        steps = np.rint(scores * STEPS).astype(int)
        for part, span in enumerate(PART_SLICES.values()):
            chosen = given[span]
            np.add.at(tally.counts[number % FOLDS, part], (steps[span][chosen], left[span][chosen].astype(int)), 1)
            tally.tasks[part] += bool(chosen.any())
    return tally


@click.command(help=__doc__)
@click.option("--draws", default=24, show_default=True, help="Of each degradation of each person.")
@click.option("--threshold", default=0.3, show_default=True, help="Points with a lower score are not shown.")
@click.option("--repeats", default=20, show_default=True, help="Times that people are drawn to learn from.")
def main(draws: int, threshold: float, repeats: int) -> None:
    """Measure and print the table."""
    people, rng = corrected_people(draws, threshold), np.random.default_rng(1)
    click.echo(f"{len(people)} people; error of the scores on people unknown to the curves, mean of {repeats} draws")
    click.echo(f"{'learned from':>14}" + "".join(f"{part:>24}" for part in Part))
    for count in (40, 80, 160, 320):
        found: dict[Part, list[tuple[float, float]]] = {part: [] for part in Part}
        for _ in range(repeats):
            order = rng.permutation(len(people))
            known, unseen = (tallied([people[n] for n in some]) for some in (order[:count], order[count:]))
            for number, (part, result) in enumerate(calibrate_parts(known).items()):
                if result.record.curve:
                    counts = unseen.counts[:, number].sum(axis=0)
                    after = calibration_error(counts, result.record.curve.apply(SCORES))
                    found[part].append((calibration_error(counts, SCORES), after))
        cells = [
            f"{np.mean(errors, axis=0)[0]:.3f} -> {np.mean(errors, axis=0)[1]:.3f} ({len(errors)})" if errors else "-"
            for errors in found.values()
        ]
        click.echo(f"{count:>14}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
