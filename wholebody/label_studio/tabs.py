"""The tabs of a project's data manager: lists of its tasks, each with an order and filters, for everybody in it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from wholebody.errors import LabelStudioError
from wholebody.label_studio.task_queries import Filter, filter_item
from wholebody.label_studio.transport import Transport

VIEWS, COLUMNS = "/api/dm/views/", "/api/dm/columns/"


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab as we want it.

    Attributes:
        title: What it is known by.
        order: The column to sort by, lowest first; tasks without a value come last.
        filters: What its tasks must meet.
    """

    title: str
    order: str
    filters: tuple[Filter, ...]


class TabState(StrEnum):
    """What was done about a tab."""

    MADE = "made"
    MENDED = "put right"
    THERE = "there already"


_TO_DO: Final[tuple[Filter, ...]] = (
    ("total_annotations", "equal", "Number", 0),
    ("cancelled_annotations", "equal", "Number", 0),
    ("total_predictions", "greater", "Number", 0),
)

MOST_DOUBTFUL_FIRST: Final = Tab(
    "Most doubtful first", "predictions_score", (*_TO_DO, ("predictions_score", "not_equal", "Number", 0))
)
"""Predicted tasks that nobody has annotated or skipped, the least certain at the top. Label Studio leaves out those
without a score too, whose predictions are of another version than the project's."""

NOBODY_FOUND: Final = Tab("Nobody found", "id", (*_TO_DO, ("predictions_score", "equal", "Number", 0)))
"""Those in which the model found nobody. Their score is 0, as if they were worse than all others; but most of them may
be right, and a glance tells."""


def ensure_tab(transport: Transport, project_id: int, tab: Tab) -> tuple[int, TabState]:
    """See to it that a project has one tab of this title, in this order and with these filters; its id.

    One that is there keeps what else was chosen in it, such as the columns that it shows. Where there is no tab at
    all, the usual one is made too: the data manager makes it only while there is none.

    Raises:
        LabelStudioError: Label Studio refuses, or does not answer as it does.
    """
    answer = transport.read(VIEWS, {"project": project_id})
    try:
        tabs = {int(one["id"]): dict(one["data"]) for one in answer}
    except (KeyError, TypeError, ValueError):
        raise LabelStudioError(f"{transport.base_url} does not list tabs as Label Studio does") from None
    items = [filter_item(one) for one in tab.filters]
    wanted = {
        "title": tab.title,
        "ordering": [f"tasks:{tab.order}"],
        "filters": {"conjunction": "and", "items": items},
    }
    for tab_id, data in tabs.items():
        if data.get("title") == tab.title:
            if all(data.get(key) == value for key, value in wanted.items()):
                return tab_id, TabState.THERE
            transport.write("PATCH", f"{VIEWS}{tab_id}/", {"data": data | wanted})
            return tab_id, TabState.MENDED
    columns = _columns(transport, project_id)
    if not tabs:
        usual = {"title": "Default"} | _look(columns)
        transport.write("POST", VIEWS, {"project": project_id, "data": usual})
    made = transport.write("POST", VIEWS, {"project": project_id, "data": wanted | _look(columns, tab.order)})
    return int(made["id"]), TabState.MADE


def _columns(transport: Transport, project_id: int) -> dict[str, dict[str, bool]]:
    """Name of each column -> in which kinds of list Label Studio shows it when nobody has chosen."""
    answer = transport.read(COLUMNS, {"project": project_id})
    try:
        return {
            ".".join(filter(None, (one.get("parent"), one["id"]))): one["visibility_defaults"]
            for one in answer["columns"]
            if "children" not in one
        }
    except (AttributeError, KeyError, TypeError):
        raise LabelStudioError(f"{transport.base_url} does not list columns as Label Studio does") from None


def _look(columns: dict[str, dict[str, bool]], shown: str | None = None) -> dict[str, Any]:
    """A list with the usual columns, and with one more."""
    kinds = ("explore", "labeling")
    hidden = {
        kind: [f"tasks:{name}" for name, defaults in columns.items() if not defaults[kind] and name != shown]
        for kind in kinds
    }
    sizes: dict[str, Any] = {"columnsWidth": {}, "columnsDisplayType": {}, "gridWidth": 4}
    return {"type": "list", "target": "tasks", "hiddenColumns": hidden, **sizes}
