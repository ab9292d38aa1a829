"""The labeling config of one task: `<Repeater>` written out, and labels that come from the task's data.

As the editor does it (`core/Tree.tsx` and `DynamicChildrenMixin.js` of Label Studio 1.23.2).
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from lxml import etree

from wholebody.errors import LabelingConfigError
from wholebody.labeling.labeling_xml import CONTROL_TAGS, attribute
from wholebody.labeling.task_values import resolve

MAX_ELEMENTS = 200_000
"""Of the config of one task: five hundred pages, each with a label for every keypoint, have a third of it."""

_INDEX_FLAG = "{{idx}}"
_LABEL_ATTRIBUTES = ("value", "alias", "predicted_values", "model_index")


def depends_on_task(root: Any) -> bool:
    """Whether a labeling config has something to write out."""
    return any(_tag(element) == "repeater" or labels_from(element) for element in root.iter())


def labels_from(element: Any) -> str:
    """The variable that a control takes its labels from, or `""`."""
    value = str(element.get("value", ""))
    return value if _tag(element) in CONTROL_TAGS and value.startswith("$") else ""


def write_out(root: Any, data: object, *, as_example: bool = False) -> None:
    """Write a labeling config out for a task, in place.

    Args:
        root: The root element.
        data: The task's data.
        as_example: For no task in particular: whatever is repeated is there once.

    Raises:
        LabelingConfigError: There would be more than `MAX_ELEMENTS`.
    """
    left = MAX_ELEMENTS
    waiting = [root]
    while waiting:
        element = waiting.pop()
        children, ahead = [], [*reversed(element)]
        while ahead:
            child = ahead.pop()
            if _tag(child) != "repeater":
                children.append(child)
                continue
            count = 1 if as_example else len(_list(child.get("on", ""), data))
            left = _take(left, count * sum(1 for _ in child.iter()), child.get("on", ""))
            copies = [copy for index in range(count) for copy in _copies(child, index)]
            ahead.extend(reversed(copies))  # a Repeater may lie in a Repeater
        element[:] = children
        waiting.extend(children)
        if labels := labels_from(element):
            found = [label for label in _list(labels, data) if isinstance(label, dict)]
            left = _take(left, len(found), labels)
            element.extend(label for given in found if (label := _label(given)) is not None)


def _take(left: int, count: int, variable: str) -> int:
    if count > left:
        raise LabelingConfigError(
            f"the labeling config has more than {MAX_ELEMENTS} elements with the task's {variable[:40]!r} written out; "
            "split the task"
        )
    return left - count


def _copies(repeater: Any, index: int) -> Iterator[Any]:
    """What is in a Repeater, for one of its items. The editor puts the index in once, at the top a second time."""
    flag = attribute(repeater, "indexFlag", _INDEX_FLAG)
    for child in repeater:
        copy = deepcopy(child)
        for element in (*copy.iter(), copy):
            for name, value in element.attrib.items():
                element.set(name, value.replace(flag, str(index), 1))
        yield copy


def _label(given: dict[Any, Any]) -> Any | None:
    """A `<Label>` of the task's data; `None` for what no XML can hold, such as a control character."""
    label = etree.Element("Label")
    try:
        for name in _LABEL_ATTRIBUTES:
            if isinstance(given.get(name), str | int) and not isinstance(given[name], bool):
                label.set(name, str(given[name]))
    except ValueError:
        return None
    return label


def _list(value: str, data: object) -> list[Any]:
    found = resolve(value, data)
    return found if isinstance(found, list) else []


def _tag(element: Any) -> str:
    return str(element.tag).lower()  # Label Studio does not tell upper from lower case
