"""How soon the editor can be used with many people, and how long it stands still meanwhile."""

import statistics
from collections.abc import Iterator

from benchmarks.editor.person import Picture, crowd
from benchmarks.editor.rig import Rig, Task
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config
from wholebody.settings import Settings

HEAD = ("people", "predicted", "regions", "usable after", "longest freeze")
SIZE_WH = (1920, 1280)
PEOPLE = (1, 2, 4, 6, 10, 20)
ROUNDS = 3
LONGEST_S = 300.0
STILL_MS = 200
"""A task of the page that takes longer is a freeze; three seconds without one, and the editor can be used."""

_WATCH = """
    window.freezes = [];
    new PerformanceObserver(list => window.freezes.push(...list.getEntries().map(one => [one.startTime, one.duration])))
        .observe({type: "longtask", buffered: true});
"""
_USABLE = """count => {
    const regions = window.Htx?.annotationStore?.selected?.regions?.length ?? 0;
    if (regions < count) return null;
    window.thereAt ??= performance.now();
    const long = window.freezes.filter(([_, taken]) => taken > STILL);
    const last = Math.max(window.thereAt, ...long.map(([start, taken]) => start + taken));
    if (performance.now() - last < 3000) return null;
    return [last / 1000, Math.max(0, ...long.map(([_, taken]) => taken)) / 1000];
}""".replace("STILL", str(STILL_MS))


def measure_crowds(rig: Rig, person: Picture, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A row for each number of people and form of prediction."""
    points, skeletons = write_config(tuple(Part)), write_config(tuple(Part), skeleton=True)
    limit = Settings.model_fields["max_regions"].default
    for count in PEOPLE[:1] if quick else PEOPLE:
        picture = crowd(person, count, SIZE_WH)
        forms = {"all points": (points, 0), f"MAX_REGIONS={limit}": (points, limit), "skeletons": (skeletons, 0)}
        tasks = {name: rig.make_task(picture, config, most) for name, (config, most) in forms.items()}
        for name, task in tasks.items():
            if name.startswith("MAX") and task.count == tasks["all points"].count:
                continue
            rounds = 1 if quick or task.count > 2000 else ROUNDS
            opened = [_open(rig, task) for _ in range(rounds)]
            usable, freeze = (statistics.median(values) for values in zip(*opened, strict=True))
            yield str(count), name, str(task.count), f"{usable:.1f} s", f"{freeze:.1f} s"


def _open(rig: Rig, task: Task) -> tuple[float, float]:
    """Seconds from the navigation until everything is there and the editor still; its longest freeze."""
    with rig.editor() as editor:
        page = editor.page
        page.add_init_script(_WATCH)
        page.goto(f"{rig.server.url}/projects/{task.project}/data?labeling=1", wait_until="commit")
        found = page.wait_for_function(_USABLE, arg=task.count, polling=100, timeout=LONGEST_S * 1000)
        usable, freeze = found.json_value()
        return usable, freeze
