"""Tasks -> the numbers of metrics.json."""

import json
import math
from typing import Any

import pytest

from tests.dataset.regions import box, hidden, our_config, point
from tests.evaluation.tasks import ALICE, BOB, ELBOW, NOSE, annotated, at, predicted, task
from wholebody.dataset.images_of_tasks import TaskReader
from wholebody.errors import DatasetError
from wholebody.evaluation import evaluating
from wholebody.evaluation.comparisons import Comparison
from wholebody.evaluation.evaluating import Evaluation
from wholebody.evaluation.pairing import PairedImage
from wholebody.evaluation.table import table

KEPT = [ALICE, NOSE]


def metrics(*tasks: Any) -> dict[str, Any]:
    """What is measured of tasks, numbered from 1."""
    evaluation, reader = Evaluation(), TaskReader(our_config(), "annotations")
    for number, one in enumerate(tasks, 1):
        evaluation.add_task(one | {"id": number}, reader)
    return evaluation.metrics({"tasks": "tasks.json"})


def only_version(*tasks: Any) -> dict[str, Any]:
    versions = metrics(*tasks)["model_versions"]
    assert [*versions] == ["v1"]
    return dict(versions["v1"])


def test_a_project_that_was_corrected() -> None:
    """Of three tasks one was left, one corrected, and in one a person was missed and another removed."""
    found = metrics(
        task([predicted(*KEPT, score=0.9)], annotated(*KEPT, lead_time=3)),
        task([predicted(*KEPT, ELBOW, score=0.2)], annotated(ALICE, at(NOSE, 30, 28), hidden(NOSE), lead_time=30)),
        task([predicted(ALICE, score=0.5)], annotated(BOB, lead_time=60)),
    )
    assert (found["format"], found["source"]) == (1, {"tasks": "tasks.json"})
    assert found["counts"] == {"tasks": 3, "images": 3, "people": 3, "left_out": []}
    version = found["model_versions"]["v1"]
    assert version["tasks"] == version["coco_images"] == 3
    assert version["people"] == {"kept": 2, "missed": 1, "removed": 1}
    points = version["points"]["all"]
    assert {kind: points[kind] for kind in ("predicted", "unmoved", "moved", "deleted", "added", "hidden")} == {
        "predicted": 3, "unmoved": 1, "moved": 1, "deleted": 1, "added": 0, "hidden": 1,
    }  # fmt: skip
    assert points["moved_px"]["median"] == pytest.approx(8, rel=0.03)
    assert version["lead_time"] == {"count": 3, "mean": 31, "median": 30, "p95": pytest.approx(57)}
    assert (version["unchanged"], version["unchanged_fast"], version["unchanged_fast_tasks"]) == (1, 1, [1])
    assert version["scores"]["first_tenth"] == pytest.approx(0.3 * 2 / 4), "2 of 4 are in the lowest of three"
    assert version["coco"]["face"] == {"AP": None, "AP50": None, "AP75": None, "AR": None}
    assert version["coco"]["body"]["AP50"] == pytest.approx(0.50495)
    annotator = found["annotators"]["1"]
    assert (annotator["annotations"], annotator["unchanged_fast"]) == (3, 1)
    assert annotator["points"]["parts"]["body"]["moved"] == 1
    assert found["agreement"] is None
    assert found["sigmas"] is None


def test_numbers_that_nobody_has_are_null() -> None:
    text = json.dumps(metrics(task([predicted(ALICE)], annotated(ALICE))))
    assert "NaN" not in text
    assert json.loads(text)["model_versions"]["v1"]["points"]["all"]["nme"] is None


def test_each_version_is_a_column_and_the_newest_comes_last() -> None:
    """The annotation came from v1. v2 is measured too, but nobody corrected it."""
    old = predicted(ALICE, NOSE)
    new = predicted(box("z", *(10, 10, 60, 90)), point("nose", 31, 20, "z"), number=2, model_version="v2")
    found = metrics(task([new | {"created_at": "2026-03-01"}, old], annotated(*KEPT)))
    assert [*found["model_versions"]] == ["v1", "v2"]
    first, second = found["model_versions"].values()
    assert (first["tasks"], second["tasks"]) == (1, 0)
    assert first["coco"]["body"]["AP"] == 1
    assert 0 < second["coco"]["body"]["AP"] < 1
    assert second["points"]["all"]["predicted"] == 0
    assert found["counts"]["tasks"] == 1
    lines = [*table(found)]
    assert lines[0].split() == ["v1", "v2"]
    assert lines[1].split() == ["tasks", "1", "0"]
    assert any(line.startswith("AP body") and "1.000" in line for line in lines)


def test_ap_is_by_the_area_that_an_import_keeps() -> None:
    kept = {"bbox": [10.0, 10.0, 50.0, 80.0], "area": 40.0, "iscrowd": 0}
    moved = task([predicted(*KEPT)], annotated(ALICE, at(NOSE, 32, 20)))
    small = moved | {"meta": {"coco": {"people": {"a": kept}}}}
    assert only_version(moved)["coco"]["body"]["AP50"] == 1
    assert only_version(small)["coco"]["body"]["AP50"] == 0


def test_annotators_are_compared_with_each_other() -> None:
    """Both came from one prediction. The second puts the nose 8 pixels lower, and left the elbow as the first did."""
    both = [ALICE, ELBOW]
    given = task(
        [predicted(*both, NOSE)],
        annotated(*both, NOSE, completed_by=1),
        annotated(*both, at(NOSE, 30, 28), BOB, completed_by={"id": 2, "email": "b@example.com"}, id=10),
    )
    found = metrics(*[given] * 12)
    agreement = found["agreement"]
    assert (agreement["tasks"], agreement["pairs"]) == (12, 12)
    assert agreement["people"] == {"both": 12, "one": 12}
    nose = agreement["points"]["keypoints"]["nose"]
    assert (nose["both"], nose["same"], nose["one"]) == (12, 0, 0)
    assert nose["apart_px"]["median"] == pytest.approx(8, rel=0.03)
    assert agreement["points"]["keypoints"]["left_elbow"]["same"] == 12
    (two,) = agreement["annotators"]
    assert (two["annotators"], two["tasks"]) == (["1", "b@example.com"], 12)
    area = 0.53 * 50 * 80
    term = math.exp(-(8**2) / (2 * (2 * 0.026) ** 2 * area))
    assert two["oks"] == agreement["oks"]["wholebody"] == pytest.approx((1 + term) / 2, abs=1e-6)
    assert found["sigmas"]["nose"] == {
        "sigma": pytest.approx(8 / math.sqrt(area), abs=1e-6), "coco": 0.026, "count": 12, "same": 0,
    }  # fmt: skip
    assert found["sigmas"]["left_elbow"] == {"sigma": None, "coco": 0.072, "count": 0, "same": 12}
    first, second = (found["annotators"][name]["offsets"]["nose"] for name in ("1", "b@example.com"))
    assert (first["y"], second["y"]) == (pytest.approx(-0.1), pytest.approx(0.1)), "8 of 80 pixels lower"
    assert found["model_versions"]["v1"]["tasks"] == 12
    assert found["model_versions"]["v1"]["annotations"] == 24


def test_annotators_are_compared_where_nothing_was_predicted() -> None:
    found = metrics(task([], annotated(*KEPT, completed_by=1), annotated(*KEPT, completed_by=2)))
    assert (found["model_versions"], found["annotators"]) == ({}, {})
    assert found["agreement"]["oks"]["wholebody"] == 1
    assert [*table(found)] == ["agreement of annotators: OKS 1.000 (pairs of annotations: 1, tasks: 1)"]


def test_a_task_with_very_many_annotations_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "MOST_ANNOTATIONS", 3)
    given = task([predicted(*KEPT)], *(annotated(*KEPT, id=number, completed_by=number) for number in range(5)))
    found = metrics(given)
    assert found["agreement"]["pairs"] == 3
    assert [one["count"] for one in found["counts"]["left_out"]] == [2]


def test_only_what_the_labeling_config_asks_for_is_measured() -> None:
    """Labels of another config are left out, and named."""
    other = point("left_hip", 20, 60, "a", from_name="other")
    found = metrics(task([predicted(*KEPT, other)], annotated(*KEPT, other)))
    assert found["model_versions"]["v1"]["points"]["all"]["predicted"] == 1
    assert "labeling config" in found["counts"]["left_out"][0]["reason"]


def test_versions_and_annotators_beyond_measure_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "MOST_NAMES", 2)
    tasks = (task([predicted(ALICE, model_version=f"v{n}")], annotated(ALICE, completed_by=n)) for n in range(5))
    found = metrics(*tasks)
    assert {name: version["tasks"] for name, version in found["model_versions"].items()} == {
        "v0": 1,
        "v1": 1,
        "others": 3,
    }
    assert [*found["annotators"]] == ["0", "1", "others"]


def test_each_image_is_shown_to_who_watches() -> None:
    seen: list[tuple[PairedImage, Comparison]] = []
    evaluation = Evaluation(watch=lambda image, compared: seen.append((image, compared)))
    evaluation.add_task(task([predicted(*KEPT)], annotated(*KEPT)), TaskReader(our_config(), "annotations"))
    assert [(image.task_id, image.model_version, len(compared.outcomes)) for image, compared in seen] == [(1, "v1", 1)]


def test_nothing_to_compare_is_an_error_that_says_why() -> None:
    with pytest.raises(DatasetError, match=r"nothing to compare: .*a task without an annotation"):
        metrics(task([predicted(*KEPT)]))
