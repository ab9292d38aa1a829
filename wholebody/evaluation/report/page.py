"""Writes `report.html`: one file without scripts, which opens without a network, light, dark or on paper."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from wholebody import __version__
from wholebody.errors import DatasetError
from wholebody.evaluation.comparisons import RIGHT_WITHIN
from wholebody.evaluation.person_pictures import PersonPicture
from wholebody.evaluation.report import words
from wholebody.evaluation.report.body_map import body_map
from wholebody.evaluation.report.habits import habits_of, part_sigmas
from wholebody.evaluation.report.keypoint_table import keypoint_rows
from wholebody.evaluation.report.measure import COMPARED, CORRECTED
from wholebody.evaluation.report.moved_distances import moved_distances
from wholebody.evaluation.report.notices import notices
from wholebody.evaluation.report.people import cards, task_url
from wholebody.evaluation.report.reliability import reliability
from wholebody.evaluation.report.summary import summarize
from wholebody.keypoints import NAMES

FILTERS = (
    words.count,
    words.decimals,
    words.drift,
    words.part_name,
    words.percent,
    words.pixels,
    words.points_of_percent,
    words.seconds,
    words.signed_percent,
)
FUNCTIONS = (habits_of, moved_distances, part_sigmas, reliability, words.counted, words.share, words.within)

MAP_STEPS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""The largest share that the body map may show in its strongest color: the least that suffices."""


def write_report(metrics: dict[str, Any], worst: Sequence[PersonPicture], out: Path, label_studio: str = "") -> None:
    """Write the report; it is there whole or not at all.

    Args:
        metrics: As metrics.json has them.
        worst: The people with the largest corrections, the largest first.
        out: The file; one that is there is replaced.
        label_studio: Address under which browsers know Label Studio; `""` where it is not known.

    Raises:
        DatasetError: It cannot be written.
    """
    text = render(metrics, worst, label_studio)
    temporary = out.with_name(f"{out.name}.partial")
    try:
        # Texts of tasks may hold halves of characters, which no file can.
        temporary.write_text(text, encoding="utf-8", errors="replace")
        temporary.replace(out)
    except OSError as error:
        raise DatasetError(f"{out} cannot be written: {error.strerror or error}") from None


def render(metrics: dict[str, Any], worst: Sequence[PersonPicture], label_studio: str = "") -> str:
    """The page as text; see `write_report`."""
    versions: dict[str, Any] = metrics.get("model_versions") or {}
    newest, before = shown_versions(metrics)
    version = versions.get(newest) or {}
    measure = COMPARED if words.within(metrics, "source", "coco") else CORRECTED
    rows = keypoint_rows(versions, newest, measure) if versions else []
    shares = {row.name: _bad(measure.of(row.points)) for row in rows}
    return _template().render(
        metrics=metrics,
        versions=versions,
        newest=newest,
        before=before,
        source=_source(metrics.get("source")),
        version=version,
        measure=measure,
        summary=summarize(version, versions.get(before) or {}, metrics.get("agreement"), measure),
        notices=[*notices(version, rows, measure)],
        rows=rows,
        panels=body_map(),
        map_shares=shares,
        map_most=_map_most(shares.values()),
        cards=[*cards(worst, label_studio, measure)],
        task_url=partial(task_url, label_studio, words.within(metrics, "source", "project")),
        keypoint_names=NAMES,
        right_within=RIGHT_WITHIN,
        program_version=__version__,
    )


def shown_versions(metrics: dict[str, Any]) -> tuple[str, str]:
    """The model version that the page is about, and the one before it; `""` where there is none.

    It is the newest from which annotations came; versions that were only measured beside annotations have no
    corrections to show.
    """
    versions: dict[str, Any] = metrics.get("model_versions") or {}
    corrected = [name for name, one in versions.items() if words.within(one, "points", "all", "predicted")]
    newest, before, *_ = *reversed(corrected or [*versions]), "", ""
    return newest, before


def _source(source: Any) -> str:
    """What was evaluated, for a heading."""
    if (project := words.within(source, "project")) is not None:
        title = words.within(source, "title")
        return f"project {project}{f', {title}' if title else ''}"
    return str(words.within(source, "coco") or words.within(source, "tasks") or "predicted people")


@cache
def _template() -> Template:
    # Everything is escaped: texts of tasks, labels and people's names are strangers' words.
    environment = Environment(
        loader=PackageLoader("wholebody.evaluation.report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function.__name__: function for function in FILTERS}
    environment.globals |= {function.__name__: function for function in FUNCTIONS}
    environment.globals["as_text"] = lambda name, number: environment.filters[name](number)
    return environment.get_template("page.html")


def _bad(good: float | None) -> float | None:
    return None if good is None else 1 - good


def _map_most(shares: Any) -> float:
    most = max((one for one in shares if one is not None), default=0.0)
    return next(step for step in MAP_STEPS if step >= most - 1e-9)
