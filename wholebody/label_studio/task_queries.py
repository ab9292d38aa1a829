"""What Label Studio is asked for when tasks are listed: its filters, in JSON. An unknown one ends in its HTTP 500."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from wholebody.versions import OUR_VERSIONS

_DONE_BY = ("total_predictions", "total_annotations", "cancelled_annotations")

Filter = tuple[str, str, str, object]
"""Field, operator, type and value."""


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks of a project are meant.

    Attributes:
        start_id: The least id.
        filters: What they must meet besides.
        ids: Those among which they are, or `None` for all.
        ordering: By what they are sorted.
    """

    start_id: int = 1
    filters: tuple[Filter, ...] = ()
    ids: tuple[int, ...] | None = None
    ordering: str = "tasks:id"

    @classmethod
    def undone(cls, start_id: int = 1) -> Self:
        """Tasks without prediction and annotation; a skipped task counts as annotated."""
        return cls(start_id, tuple((counter, "equal", "Number", 0) for counter in _DONE_BY))

    @classmethod
    def unpredicted(cls) -> Self:
        """Tasks without any prediction, whatever Label Studio has counted."""
        return cls(1, (("predictions_model_versions", "empty", "List", True),))

    @classmethod
    def annotated(cls, start_id: int = 1) -> Self:
        """Tasks with a submitted annotation; a skipped task has none."""
        return cls(start_id, (("total_annotations", "greater", "Number", 0),))

    @classmethod
    def outdated(cls, version: str, start_id: int = 1) -> Self:
        """Tasks without annotation that have predictions of other versions of ours, and none of `version`."""
        return cls(
            start_id,
            (
                *_UNANNOTATED,
                ("predictions_model_versions", "contains", "List", [OUR_VERSIONS]),
                ("predictions_model_versions", "not_contains", "List", [version]),
            ),
        )

    @classmethod
    def predicted_by(cls, version: str, start_id: int = 1) -> Self:
        """Tasks with predictions of `version`."""
        return cls(start_id, (("predictions_model_versions", "contains", "List", [version]),))

    @classmethod
    def with_more_than_one(cls, version: str, start_id: int = 1) -> Self:
        """Tasks with several predictions, of which at least one is of `version`."""
        return cls(
            start_id,
            (
                ("total_predictions", "greater", "Number", 1),
                ("predictions_model_versions", "contains", "List", [version]),
            ),
        )

    def without_annotation(self) -> Self:
        """Those of them that nobody has annotated or skipped."""
        return replace(self, filters=(*self.filters, *_UNANNOTATED))

    def among(self, ids: Sequence[int]) -> Self:
        """Those of them with one of these ids."""
        return replace(self, ids=tuple(sorted(ids)))

    def from_id(self, start_id: int) -> Self:
        """Those of them with this id or a greater one."""
        return replace(self, start_id=start_id)

    def newest_first(self) -> Self:
        """The same ones, by falling ids."""
        return replace(self, ordering="-tasks:id")

    def encoded(self) -> bytes:
        """As Label Studio takes it."""
        filters: list[Filter] = [("id", "greater_or_equal", "Number", self.start_id), *self.filters]
        if self.ids is not None:
            filters.append(("id", "in_list", "List", self.ids))
        items = [filter_item(one) for one in filters]
        return orjson.dumps({"filters": {"conjunction": "and", "items": items}, "ordering": [self.ordering]})


def filter_item(one: Filter) -> dict[str, Any]:
    """A filter as Label Studio takes it."""
    field, operator, kind, value = one
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


_UNANNOTATED: tuple[Filter, ...] = tuple((counter, "equal", "Number", 0) for counter in _DONE_BY[1:])
