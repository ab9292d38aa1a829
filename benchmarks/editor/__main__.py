"""What annotators have to do with: how large pictures open, which points can be clicked, how many people the editor
bears, and what a correction takes: `python -m benchmarks.editor`. Writes docs/editor.md.

A real Label Studio and Chromium (CHROMIUM says where). The person is one of the test data's (WHOLEBODY_TESTDATA), or a
drawn figure without it. Nothing else should be at work on the machine: seconds belong to it, pixels and counts do not.
"""

import os
import re
from collections.abc import Callable, Iterator

import click

from benchmarks.editor import corrections, crowds, reach, room
from benchmarks.editor.person import Picture, standing_person
from benchmarks.editor.rig import Rig, started
from benchmarks.inputs import ROOT

PAGE = ROOT / "docs" / "editor.md"
Measure = Callable[..., Iterator[tuple[str, ...]]]
PARTS: dict[str, tuple[tuple[str, ...], Measure]] = {
    "room": (room.HEAD, room.measure_room),
    "reach": (reach.HEAD, reach.measure_reach),
    "crowds": (crowds.HEAD, crowds.measure_crowds),
    "corrections": (corrections.HEAD, corrections.measure_corrections),
}


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--quick", is_flag=True, help="Little of each, to see that it runs; nothing is written.")
def main(parts: tuple[str, ...], quick: bool) -> None:
    """Measure, print, and write the tables of these parts into the page."""
    person = standing_person()
    with started() as rig:
        for part in parts or PARTS:
            table = _table(part, rig, person, quick=quick)
            click.echo(f"{table}\n")
            if not quick:
                between = re.compile(rf"(?<=<!-- {part} -->\n).*?(?=<!-- /{part} -->)", re.DOTALL)
                PAGE.write_text(between.sub(lambda _, table=table: table, PAGE.read_text()))


def _table(part: str, rig: Rig, person: Picture, *, quick: bool) -> str:
    """As Markdown."""
    head, measure = PARTS[part]
    lines = [head, ("---",) * len(head)]
    for row in measure(rig, person, quick=quick):
        click.echo(f"load {os.getloadavg()[0]:.1f}: {' | '.join(row)}", err=True)
        lines.append(row)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
