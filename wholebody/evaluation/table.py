"""The numbers of each model version in a column, for a terminal."""

from collections.abc import Iterator
from typing import Any

from wholebody.evaluation.point_counts import PCK_AT
from wholebody.evaluation.similarity import COCO_PARTS, WHOLEBODY
from wholebody.keypoints import Part

Json = dict[str, Any]
Row = tuple[str, list[str]]

NOTHING = "-"

WORDS = {
    "corrected": {"kept": "kept", "missed": "missed", "removed": "removed", "added": "added", "moved": "moved by"},
    "true": {
        "kept": "found",
        "missed": "not found",
        "removed": "found where nobody is",
        "added": "not predicted",
        "moved": "apart by",
    },
}
"""What things are called where people corrected predictions, and where there is a ground truth."""


def table(metrics: Json) -> Iterator[str]:
    """The lines of the table of `metrics.json`; a measure that no version has has none."""
    versions: dict[str, Json] = metrics["model_versions"]
    columns = [*versions.values()]
    if columns:
        yield from _columns(versions, columns, metrics)
    if agreement := metrics["agreement"]:
        oks, tasks = _text(agreement["oks"][WHOLEBODY], "decimals"), agreement["tasks"]
        yield f"agreement of annotators: OKS {oks} (pairs of annotations: {agreement['pairs']}, tasks: {tasks})"


def _columns(versions: dict[str, Json], columns: list[Json], metrics: Json) -> Iterator[str]:
    found = _rows(columns, corrects="coco" not in metrics["source"])
    rows: list[Row] = [("", [*versions]), *(row for row in found if set(row[1]) != {NOTHING})]
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[number]) for _, cells in rows) for number in range(len(columns))]
    for name, cells in rows:
        texts = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        yield "  ".join([name.ljust(first), *texts]).rstrip()


def _rows(versions: list[Json], *, corrects: bool) -> Iterator[Row]:
    of = _Rows(versions, "corrected" if corrects else "true")
    yield of.row("tasks", "tasks")
    yield of.row("images", "coco_images")
    yield from (of.row(f"{m} {part}", "coco", part, m, form="decimals") for m in ("AP", "AR") for part in COCO_PARTS)
    yield from (of.row(f"people {of.words[kind]}", "people", kind) for kind in ("kept", "missed", "removed"))
    yield of.row("points predicted", "points", "all", "predicted")
    if corrects:
        yield from (of.share(f"  {kind}", kind) for kind in ("unmoved", "moved", "deleted"))
        yield of.row("points marked hidden", "points", "all", "hidden")
    yield of.row(f"points {of.words['added']}", "points", "all", "added")
    yield of.row(f"{of.words['moved']}, of the box, median", "points", "all", "moved_share", "median", form="percent")
    yield of.row(f"{of.words['moved']}, pixels, median", "points", "all", "moved_px", "median", form="tenths")
    yield from (of.row(f"PCK at {at}", "points", "all", "pck", f"{at}", form="percent") for at in PCK_AT)
    yield from (of.row(f"NME {_name(part)}", "points", "parts", part.value, "nme", form="percent") for part in Part)
    for part in Part:
        yield of.row(f"calibration error {_name(part)}", "scores", "parts", part.value, "ece", form="decimals")
    yield of.row("corrections in the least certain tenth", "scores", "first_tenth", form="percent")
    yield of.row("seconds an annotation, median", "lead_time", "median", form="tenths")
    yield of.row("people with left and right swapped", "swaps")
    yield of.row("points outside their box", "outside_box")
    if corrects:
        yield of.row("submitted unchanged within seconds", "unchanged_fast")


class _Rows:
    """Rows of some versions, in the words for what they were compared with."""

    def __init__(self, versions: list[Json], compared: str) -> None:
        self._versions = versions
        self.words = WORDS[compared]

    def row(self, name: str, *keys: str, form: str = "count") -> Row:
        return name, [_text(_at(version, keys), form) for version in self._versions]

    def share(self, name: str, kind: str) -> Row:
        points = [version["points"]["all"] for version in self._versions]
        shares = [one[kind] / one["predicted"] if one["predicted"] else None for one in points]
        return name, [_text(share, "percent") for share in shares]


def _name(part: Part) -> str:
    return part.value.replace("_", " ")


def _at(given: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        given = given.get(key) if isinstance(given, dict) else None
    return given


def _text(given: float | None, form: str) -> str:
    if given is None:
        return NOTHING
    forms = {"count": "{:,}", "decimals": "{:.3f}", "tenths": "{:.1f}"}
    return f"{100 * given:.1f} %" if form == "percent" else forms[form].format(given)
