"""rtmlib's own `Wholebody` and ours over the same images, in turns: `python -m benchmarks.against_rtmlib`.

Absolute times belong to the machine; the ratio of the medians is what can be compared.
"""

import contextlib
import io
import os
import statistics
import time
from collections.abc import Callable

import click

from benchmarks.inputs import figure_settings, pictures, read_bgr, testdata_settings
from wholebody.decoding import BGR
from wholebody.estimator import load_estimator
from wholebody.weights import Weights, find_weights


def load_rtmlib(weights: Weights) -> Callable[[BGR], int]:
    """What a user of rtmlib would write; returns how many people were posed."""
    from rtmlib import Wholebody

    with contextlib.redirect_stdout(io.StringIO()):
        wholebody = Wholebody(
            det=str(weights.detector),
            det_input_size=weights.detector_wh[::-1],
            pose=str(weights.pose),
            pose_input_size=weights.pose_wh,
        )
    return lambda bgr: len(wholebody(bgr)[0])


def seconds(run: Callable[[BGR], int], bgr: BGR) -> tuple[float, int]:
    """Time of one call, and its result."""
    start = time.perf_counter()
    people = run(bgr)
    return time.perf_counter() - start, people


@click.command(help=__doc__)
@click.option("--rounds", default=15, show_default=True, help="Calls of each on every image.")
def main(rounds: int) -> None:
    """Measure and print the table."""
    settings, folder = testdata_settings() or figure_settings()
    weights = find_weights(settings)
    estimator = load_estimator(settings, weights, threads=0, concurrency=1)
    rivals: dict[str, Callable[[BGR], int]] = {
        "rtmlib": load_rtmlib(weights),
        "ours": lambda bgr: len(estimator.estimate(bgr)),
    }
    click.echo(f"{weights.detector.name} + {weights.pose.name}, {os.cpu_count()} cores, {rounds} rounds\n")
    click.echo(f"{'image':34} {'people':>11} {'rtmlib ms':>10} {'ours ms':>9} {'ratio':>7}")
    ratios = []
    for path in pictures(folder):
        bgr = read_bgr(path)
        times: dict[str, list[float]] = {name: [] for name in rivals}
        people = {}
        for number in range(rounds + 1):
            for name, run in sorted(rivals.items(), reverse=bool(number % 2)):
                taken, people[name] = seconds(run, bgr)
                if number:  # the first round warms up
                    times[name].append(taken)
        rtmlib_ms, ours_ms = (statistics.median(times[name]) * 1e3 for name in ("rtmlib", "ours"))
        ratios.append(rtmlib_ms / ours_ms)
        found = f"{people['rtmlib']} / {people['ours']}"
        click.echo(f"{path.name:34} {found:>11} {rtmlib_ms:10.1f} {ours_ms:9.1f} {ratios[-1]:7.2f}")
    click.echo(f"\nmedian ratio rtmlib / ours: {statistics.median(ratios):.2f} (above 1: ours is faster)")
    click.echo("Where nobody is seen rtmlib still poses the whole image once: its 1 against our 0 people.")


if __name__ == "__main__":
    main()
