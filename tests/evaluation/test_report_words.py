"""Numbers as readers see them, and what is picked out of them."""

from typing import Any

import pytest

from tests.evaluation.made_up import metrics
from wholebody.evaluation.report import words
from wholebody.evaluation.report.habits import habits_of, part_sigmas
from wholebody.evaluation.report.keypoint_table import keypoint_rows
from wholebody.evaluation.report.measure import CORRECTED
from wholebody.evaluation.report.moved_distances import moved_distances
from wholebody.evaluation.report.notices import notices
from wholebody.evaluation.report.reliability import SIDE, reliability


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (None, words.MISSING), (0, "0 %"), (0.0004, "0.04 %"), (0.0123, "1.2 %"), (0.0999, "10 %"), (0.5, "50 %"),
        (0.9961, "99.6 %"), (0.99999, "99.9 %"), (1, "100 %"), (-0.021, "\N{MINUS SIGN}2.1 %"),
    ],
)  # fmt: skip
def test_percent(share: float | None, expected: str) -> None:
    assert words.percent(share).replace(words.THIN, " ") == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, words.MISSING), (3.14, "3.1 s"), (42.4, "42 s"), (59.7, "1:00 min"), (125, "2:05 min")],
)
def test_seconds(number: float | None, expected: str) -> None:
    assert words.seconds(number).replace(words.THIN, " ") == expected


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.02, 0.0, "→ 2.0 %"), (0.0, -0.04, "↑ 4.0 %"), (0.0, 0.04, "↓ 4.0 %"), (-0.03, 0.03, "↙ 4.2 %"),
        (0.0001, 0.0, "0"), (None, None, words.MISSING),
    ],
)  # fmt: skip
def test_an_arrow_leads_to_where_it_is_predicted(x: float | None, y: float | None, expected: str) -> None:
    assert words.drift({"x": x, "y": y}).replace(words.THIN, " ") == expected


def said(**changes: Any) -> list[str]:
    version = metrics("a")["model_versions"]["a"]
    for points in version["points"]["keypoints"].values():
        points["offset"] = {"x": 0.0, "y": 0.0, "noise": 0.01}
    version["points"]["keypoints"]["left_hip"]["offset"] = changes.pop("offset", {"x": 0.0, "y": 0.0, "noise": 0.0})
    version |= changes
    return [one.text for one in notices(version, keypoint_rows({"a": version}, "a", CORRECTED), CORRECTED)]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ({"x": 0.0, "y": -0.04}, "left_hip is predicted too high, by 4.0 % of the box on average."),
        ({"x": 0.0, "y": 0.04}, "left_hip is predicted too low, by 4.0 % of the box on average."),
        ({"x": 0.03, "y": 0.01}, "left_hip is predicted too far right, by 3.0 % of the box on average."),
        ({"x": -0.03, "y": 0.01}, "left_hip is predicted too far left, by 3.0 % of the box on average."),
    ],
)
def test_what_is_wrong_in_one_direction_is_named(offset: dict[str, float], expected: str) -> None:
    assert expected in [text.replace(words.THIN, " ") for text in said(offset=offset)]


def test_what_is_not_worth_a_sentence_has_none() -> None:
    text = " ".join(said(swaps=0, unchanged_fast=0, scores={"parts": {"body": {"ece": 0.02, "bins": []}}}))
    assert not any(word in text for word in ("too", "Left and right", "unchanged", "calibrate"))
    text = " ".join(said(swaps=1, unchanged_fast=1, scores={"parts": {"body": {"ece": 0.2, "bins": []}}}))
    assert "on 1 person." in text
    assert "1 task submitted unchanged" in text
    assert f"body 20{words.THIN}%" in text


def test_habits_are_no_accidents() -> None:
    offsets = {
        "left_hip": {"count": 60, "x": 0.0, "y": -0.04, "noise": 0.02},
        "nose": {"count": 60, "x": 0.03, "y": 0.0, "noise": 0.2},
        "left_ear": {"count": 3, "x": 0.3, "y": 0.0, "noise": 0.01},
        "right_ear": {"count": 60, "x": 0.002, "y": 0.0, "noise": 0.0},
        "left_eye": {"count": 60, "x": None, "y": None, "noise": None},
    }
    found = habits_of({"ada": {"offsets": offsets}, "ben": {"offsets": {}}})
    assert {name: [one.keypoint for one in ones] for name, ones in found.items()} == {"ada": ["left_hip"]}


def test_sigmas_by_part() -> None:
    sigmas = {
        "nose": {"sigma": 0.03, "coco": 0.026}, "left_eye": {"sigma": None, "coco": 0.025},
        "face-0": {"sigma": 0.1, "coco": 0.042},
    }  # fmt: skip
    rows = [(row.part, row.count, row.own, row.coco) for row in part_sigmas(sigmas)]
    assert rows == [("body", 1, 0.03, 0.026), ("face", 1, 0.1, 0.042)]
    assert part_sigmas(None) == []


def of_parts(**shares: tuple[float, float]) -> Any:
    parts = {part: {"moved_share": {"median": median, "p95": p95}} for part, (median, p95) in shares.items()}
    return {"points": {"parts": parts | {"feet": {"moved_share": {"median": None, "p95": None}}}}}


def test_distances_lie_on_one_scale() -> None:
    drawn = moved_distances(of_parts(body=(0.02, 0.04), face=(0.01, 0.09)), of_parts(body=(0.05, 0.1)))
    assert drawn
    assert drawn.most == 0.1
    rows = {part: [one and (one.start, one.end) for one in ranges] for part, *ranges in drawn.rows}
    assert rows == {"body": [(0.2, 0.4), (0.5, 1.0)], "face": [(0.1, 0.9), None], "feet": [None, None]}


def test_distances_larger_than_the_box_end_at_the_border() -> None:
    drawn = moved_distances(of_parts(body=(0.5, 3.0)), None)
    assert drawn
    assert [(one.start, one.end, one.p95) for _, one, _ in drawn.rows if one] == [(0.5, 1.0, 3.0)]


def test_without_distances_there_is_no_drawing() -> None:
    assert moved_distances(of_parts(), of_parts(body=(0.1, 0.2))) is None


def test_a_reliability_diagram_has_its_dots_where_the_bins_are() -> None:
    bins = [
        {"low": 0.2, "high": 0.3, "count": 10, "score": 0.25, "right": 0.5},
        {"low": 0.4, "high": 0.5, "count": 0, "score": None, "right": None},
        {"low": 0.9, "high": 1.0, "count": 40, "score": 1.0, "right": 0.0},
    ]
    drawn = reliability(bins)
    assert drawn.points == 50
    assert [(dot.x, dot.y) for dot in drawn.dots] == [(SIDE / 4, SIDE / 2), (SIDE, SIDE)]
    assert drawn.dots[0].radius < drawn.dots[1].radius
    assert drawn.line == f"M{SIDE / 4},{SIDE / 2}L{SIDE},{SIDE}"
