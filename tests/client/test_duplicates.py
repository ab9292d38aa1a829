"""Which predictions of a task are too many."""

from typing import Any

import pytest

from wholebody.label_studio.duplicates import alike, is_never_replaced, is_outdated, surplus

OURS, OLD, OTHER = "wholebody-balanced-22222222", "wholebody-balanced-11111111", "yolo-3"


def region(number: int, x: float = 10.0, **rest: Any) -> dict[str, Any]:
    """A region as `regions.py` writes it, with ids made of `number`."""
    value = {"x": x, "y": 20.5, "width": 0.4, "keypointlabels": ["nose"]}
    return {"id": f"k{number}", "parentID": f"b{number}", "type": "keypointlabels", "value": value, **rest}


def stored(number: int, version: str = OURS, result: Any = None) -> dict[str, Any]:
    return {"id": number, "model_version": version, "result": [region(number)] if result is None else result}


MISFIT = [region(0, from_name="gone")]
"""What is under a name that the config lacks, as `fits` has it."""


def fits(result: Any) -> bool:
    return result != MISFIT


def is_replaced(prediction: dict[str, Any]) -> bool:
    return is_outdated(prediction, OURS, fits)


@pytest.mark.parametrize(
    ("predictions", "replaces", "deleted"),
    [
        ([], False, []),
        ([stored(4)], False, []),
        # the oldest stays, in whatever order they are listed
        ([stored(4), stored(9)], False, [9]),
        ([stored(9), stored(4), stored(6)], False, [6, 9]),
        # empty ones are equal
        ([stored(1, result=[]), stored(2, result=[])], False, [2]),
        # what is not equal may be meant so
        ([stored(1), stored(2, result=[])], False, []),
        ([stored(1), stored(2, result=[region(2, x=10.5)])], False, []),
        (
            [stored(1), stored(2, result=[region(2, x=90)]), stored(3), stored(4, result=[region(4, x=90)])],
            False,
            [3, 4],
        ),
        # nobody else's copies
        ([stored(1, OTHER), stored(2, OTHER), stored(3, OLD), stored(4, OLD)], False, []),
        ([stored(1, OTHER), stored(2), stored(3), stored(4, OTHER)], False, [3]),
        # what is replaced goes when the new one is there, and only what was ours
        ([stored(1, OLD), stored(2, OTHER)], True, []),
        ([stored(1, OLD), stored(2)], False, []),
        ([stored(1, OLD), stored(2, OTHER), stored(3), stored(4, OLD), stored(5)], True, [1, 4, 5]),
        # so does what is under names that the config lacks
        ([stored(1, result=MISFIT), stored(2)], True, [1]),
        ([stored(1), stored(2, result=MISFIT)], True, [2]),
        ([stored(1, result=MISFIT)], True, []),
        ([stored(1, result=MISFIT), stored(2)], False, []),
        ([stored(1, OTHER, result=MISFIT), stored(2)], True, []),
    ],
)
def test_what_is_deleted(predictions: list[dict[str, Any]], replaces: bool, deleted: list[int]) -> None:
    doomed = surplus(predictions, OURS, is_replaced if replaces else is_never_replaced)
    assert sorted(one["id"] for one in doomed) == deleted


@pytest.mark.parametrize(
    ("version", "result", "outdated"),
    [
        *[(version, [], True) for version in (OLD, "wholebody-own-1")],
        *[(version, [], False) for version in (OURS, OTHER, "", None)],
        (OURS, MISFIT, True),
        (OTHER, MISFIT, False),
    ],
)
def test_only_versions_of_this_project_are_outdated(version: str | None, result: Any, outdated: bool) -> None:
    assert is_outdated({"id": 1, "model_version": version, "result": result}, OURS, fits) is outdated


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([region(1)], [region(2)], True),
        ([region(1, x=10.0)], [region(2, x=10.05)], True),  # another processor's rounding
        ([region(1, x=10.0)], [region(2, x=10.2)], False),
        ([region(1)], [region(2), region(3)], False),
        ([region(1)], [region(2, score=0.5)], False),
        ([region(1, type="rectanglelabels")], [region(2)], False),
        ([region(1)], None, False),
        (None, None, True),
        ([{"a": "x"}], [{"a": 1}], False),
    ],
)
def test_results_are_compared_without_their_ids(one: Any, other: Any, same: bool) -> None:
    assert alike(one, other) is same
    assert alike(other, one) is same
