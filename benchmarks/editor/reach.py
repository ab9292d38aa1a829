"""How many points can be clicked: whose middle no other region covers."""

from collections.abc import Iterator

import numpy as np

from benchmarks.editor.earlier import earlier_config
from benchmarks.editor.person import Picture, of_size
from benchmarks.editor.rig import Rig, Task
from tests.label_studio.browser import Editor
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

PARTS = ("body", "feet", "face", "right_hand")
HEAD = ("the person fills", "config", "zoom", *PARTS)
SIZE_WH, SMALL_WH, SMALL = (1920, 1280), (6000, 4000), 0.1
NOTCHES = (1, 2, 3, 4)
NOTCHES_TO_SMALL = 8
"""Until somebody of a tenth of the height fills four fifths of it: each notch makes it 1.3 times as large."""

XY = tuple[float, float]


def measure_reach(rig: Rig, person: Picture, *, quick: bool) -> Iterator[tuple[str, ...]]:
    """A row for each person, config and zoom."""
    configs = {"before": earlier_config(), "now": write_config(tuple(Part))}
    large, small = of_size(person, SIZE_WH), of_size(person, SMALL_WH, SMALL)
    for label, config in configs.items():
        task = rig.make_task(large, config)
        yield "the height", label, "none", *_counts(rig, task)
        yield (
            "a tenth of it",
            label,
            "until they fill it",
            *_counts(rig, rig.make_task(small, config), NOTCHES_TO_SMALL),
        )
    for notches in NOTCHES[:1] if quick else NOTCHES:
        over = {part: _counts(rig, task, notches, part)[PARTS.index(part)] for part in ("face", "right_hand")}
        zoom = f"{notches} {'notch' if notches == 1 else 'notches'} over the part"
        yield "the height", "now", zoom, "", "", *over.values()


def _counts(rig: Rig, task: Task, notches: int = 0, over: str = "body") -> tuple[str, ...]:
    """How many of each part can be clicked, once the wheel was turned over the middle of one."""
    with rig.opened(task) as editor:
        places = _places(editor)
        if notches:
            x, y = np.mean(list(places[over].values()), axis=0)
            editor.zoom((float(x), float(y)), notches)
        return tuple(_share(editor, places.get(part, {})) for part in PARTS)


def _places(editor: Editor) -> dict[str, dict[str, XY]]:
    """Control -> region id -> the middle of each point."""
    places: dict[str, dict[str, XY]] = {}
    for region in editor.regions():
        if region["type"] == "keypointlabels":
            value = region["value"]
            places.setdefault(region["from_name"], {})[region["id"]] = (value["x"] / 100, value["y"] / 100)
    return places


def _share(editor: Editor, points: dict[str, XY]) -> str:
    hits = editor.hit(list(points.values()))
    reached = sum(hit == id_ for id_, hit in zip(points, hits, strict=True))
    return f"{reached} of {len(points)}"
