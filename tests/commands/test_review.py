"""`wholebody review`: what it changes in Label Studio, and what it says of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from tests.dataset.regions import box, point
from tests.fake_label_studio import (
    COLUMNS,
    LEGACY_TOKEN,
    LOST,
    MODEL_VERSIONS,
    PROJECT,
    VIEWS,
    FakeLabelStudio,
    http,
    told,
)
from wholebody.__main__ import main
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

OURS, OLDER, ELSEWHERE = "wholebody-balanced-1f0c2a9b", "wholebody-balanced-00000000", "another tool"
ORDER = ["tasks:predictions_score"]


def filters(score: str) -> dict[str, Any]:
    return {
        "conjunction": "and",
        "items": [
            {"filter": f"filter:tasks:{column}", "operator": operator, "type": "Number", "value": 0}
            for column, operator in (
                ("total_annotations", "equal"),
                ("cancelled_annotations", "equal"),
                ("total_predictions", "greater"),
                ("predictions_score", score),
            )
        ],
    }


FILTERS = filters("not_equal")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    """A project as connecting leaves it, with three predictions."""
    with FakeLabelStudio() as running:
        monkeypatch.setenv("LABEL_STUDIO_URL", running.url)
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", LEGACY_TOKEN)
        monkeypatch.setenv("MAX_BACKOFF_DELAY", "0")
        monkeypatch.setenv("REQUEST_DELAY_SECONDS", "0")
        running.project |= {"model_version": "wholebody", "sampling": "Sequential sampling"}
        running.add_tasks(1, 2, 3)
        for task in (1, 2, 3):
            running.predict(task, OURS)
        yield running


def run(*options: str) -> tuple[int, list[str], str]:
    done = CliRunner().invoke(main, ["review", "--project", "1", *options])
    return done.exit_code, done.stdout.splitlines(), done.stderr


def written(fake: FakeLabelStudio) -> list[str]:
    return [f"{request.method} {request.path}" for request in fake.requests if request.method != "GET"]


def test_column_and_tab(fake: FakeLabelStudio) -> None:
    assert run() == (
        0,
        [
            f"project 1 'Figures': 3 predictions of {OURS}",
            "score column: filled; the project's model version was 'wholebody'",
            f"tab 'Most doubtful first': made, {fake.url}/projects/1/data?tab=2",
            f"tab 'Nobody found': made, {fake.url}/projects/1/data?tab=3",
            "Label All Tasks: 'Sequential sampling'; --serve lets it serve the lowest score first",
            "to undo: choose another model in Settings > Annotation; delete the tab 'Most doubtful first' in its menu; "
            "delete the tab 'Nobody found' in its menu",
        ],
        "",
    )
    assert (fake.project["model_version"], fake.project["sampling"]) == (OURS, "Sequential sampling")
    usual, ours, nobody = (tab["data"] for tab in fake.tabs)
    assert usual["title"] == "Default"
    assert usual["hiddenColumns"] == {
        "explore": ["tasks:inner_id", "tasks:predictions_score"],
        "labeling": ["tasks:id", "tasks:inner_id", "tasks:predictions_score"],
    }
    assert ours == {
        "title": "Most doubtful first",
        "ordering": ORDER,
        "filters": FILTERS,
        "type": "list",
        "target": "tasks",
        "hiddenColumns": {"explore": ["tasks:inner_id"], "labeling": ["tasks:id", "tasks:inner_id"]},
        "columnsWidth": {},
        "columnsDisplayType": {},
        "gridWidth": 4,
    }
    assert nobody["title"] == "Nobody found"
    assert (nobody["ordering"], nobody["filters"]) == (["tasks:id"], filters("equal"))


def test_a_second_run_changes_nothing(fake: FakeLabelStudio) -> None:
    run("--serve")
    before = len(written(fake))
    assert run("--serve")[1] == [
        f"project 1 'Figures': 3 predictions of {OURS}",
        "score column: filled already",
        f"tab 'Most doubtful first': there already, {fake.url}/projects/1/data?tab=2",
        f"tab 'Nobody found': there already, {fake.url}/projects/1/data?tab=3",
        "Label All Tasks: lowest score first ('Uncertainty sampling')",
        "to undo: wholebody review --project 1 --no-serve",
    ]
    assert len(written(fake)) == before


def test_serving_and_back(fake: FakeLabelStudio) -> None:
    code, lines, _ = run("--serve")
    assert code == 0
    assert lines[4:] == [
        "Label All Tasks: lowest score first ('Uncertainty sampling', was 'Sequential sampling')",
        "to undo: choose another model in Settings > Annotation; delete the tab 'Most doubtful first' in its menu;"
        " delete the tab 'Nobody found' in its menu; wholebody review --project 1 --no-serve",
    ]
    (patch,) = fake.asked("PATCH", PROJECT)
    assert patch.json() == {"model_version": OURS, "sampling": "Uncertainty sampling"}
    assert run()[1][4] == "Label All Tasks: lowest score first ('Uncertainty sampling')"
    assert fake.project["sampling"] == "Uncertainty sampling"
    assert run("--no-serve")[1][4:] == [
        "Label All Tasks: 'Sequential sampling', was 'Uncertainty sampling';"
        " --serve lets it serve the lowest score first"
    ]
    assert fake.project["sampling"] == "Sequential sampling"


@pytest.mark.parametrize(
    ("stored", "options", "chosen"),
    [
        ([OLDER, OURS, OURS], [], OURS),
        ([OURS, OLDER, OLDER], [], OLDER),  # most tasks have a score then
        ([ELSEWHERE, ELSEWHERE, OURS], [], OURS),
        ([ELSEWHERE], [], ELSEWHERE),
        ([OLDER, OURS, OURS], ["--model-version", OLDER], OLDER),
    ],
)
def test_which_scores_are_shown(fake: FakeLabelStudio, stored: list[str], options: list[str], chosen: str) -> None:
    fake.predictions.clear()
    for version in stored:
        fake.predict(1, version)
    code, lines, _ = run(*options)
    assert (code, fake.project["model_version"]) == (0, chosen)
    others = [f"{one} ({stored.count(one)})" for one in dict.fromkeys(stored) if one != chosen]
    told_of = [
        line for line in lines if line.startswith("  without a score there, so in no tab below: predictions of ")
    ]
    assert [line.partition("predictions of ")[2] for line in told_of] == ([", ".join(others)] if others else [])


def test_a_tab_of_this_name_is_put_right_and_keeps_its_columns(fake: FakeLabelStudio) -> None:
    look = {"type": "list", "hiddenColumns": {"explore": ["tasks:id"], "labeling": []}}
    fake.tabs = [
        {"id": 1, "data": {"title": "New Tab"}},
        {"id": 2, "data": {"title": "Most doubtful first", "ordering": ["tasks:id"], **look}},
    ]
    assert f"tab 'Most doubtful first': put right, {fake.url}/projects/1/data?tab=2" in run()[1]
    assert fake.tabs[1]["data"] == {"title": "Most doubtful first", "ordering": ORDER, "filters": FILTERS, **look}
    assert [tab["data"]["title"] for tab in fake.tabs] == ["New Tab", "Most doubtful first", "Nobody found"]


@pytest.mark.parametrize("faults", [(LOST,), (None, LOST), (http(503), None, LOST)])
def test_a_lost_answer_makes_no_second_tab(fake: FakeLabelStudio, faults: tuple[Any, ...]) -> None:
    fake.fail("POST", VIEWS, *faults)
    assert run()[0] == 0
    assert [tab["data"]["title"] for tab in fake.tabs] == ["Default", "Most doubtful first", "Nobody found"]


@pytest.mark.parametrize(
    ("fault", "options", "message"),
    [
        (
            (MODEL_VERSIONS, {"wholebody": 0}),
            [],
            "project 1 'Figures' has no predictions; run wholebody prefill --project 1 first",
        ),
        ((MODEL_VERSIONS, []), [], "the model versions are not listed as Label Studio does it; check LABEL_STUDIO_URL"),
        (
            (MODEL_VERSIONS, {OURS: 3}),
            ["--model-version", OLDER],
            f"project 1 'Figures' has no predictions of model version '{OLDER}'; stored are those of {OURS}",
        ),
        ((VIEWS, {"detail": "?"}), [], "{url} does not list tabs as Label Studio does"),
        ((COLUMNS, {"columns": [{"id": "id"}]}), [], "{url} does not list columns as Label Studio does"),
    ],
)
def test_what_is_refused(fake: FakeLabelStudio, fault: tuple[str, Any], options: list[str], message: str) -> None:
    fake.fail("GET", fault[0], told(fault[1]))
    assert run(*options) == (2, [], f"error: {message.replace('{url}', fake.url)}\n")


def test_nothing_is_changed_without_predictions(fake: FakeLabelStudio) -> None:
    fake.predictions.clear()
    assert run()[0] == 2
    assert written(fake) == []


def test_a_project_must_be_named() -> None:
    done = CliRunner().invoke(main, ["review"])
    message = "error: PROJECT_ID is not set; it is the number in the project's address, or use --project\n"
    assert (done.exit_code, done.stderr) == (2, message)


def predicted(fake: FakeLabelStudio, task: int, *result: Any, **changes: Any) -> None:
    fake.tasks[task]["data"] = {"image": f"/data/{task}.jpg"}
    (one,) = [one for one in fake.predictions if one["task"] == task]
    one |= {"result": list(result)} | changes


def test_clusters_of_poses_and_of_nobody(fake: FakeLabelStudio) -> None:
    """Two stand alike, one has the arm up, one picture shows nobody."""
    fake.project["label_config"] = write_config(list(Part))
    fake.add_tasks(4)
    fake.predict(4, OURS)
    person = box("a", 60, 10, 110, 90)
    predicted(fake, 1, person, point("nose", 80, 20, "a"), point("left_wrist", 70, 60, "a"))
    predicted(fake, 2, person, point("nose", 81, 20, "a"), point("left_wrist", 71, 60, "a"), cluster=1)
    predicted(fake, 3, person, point("nose", 80, 20, "a"), point("left_wrist", 70, 12, "a"))
    predicted(fake, 4)
    code, lines, _ = run("--serve", "--clusters", "2")
    assert code == 0
    assert lines[-1] == "clusters: 2, 1 predictions by their poses, 1 with nobody; 3 were changed"
    assert [one["cluster"] for one in fake.predictions] == [1, 1, 2, 0]
    assert run("--serve", "--clusters", "2")[1][-1].endswith("; 0 were changed")


def test_clusters_go_with_serving(fake: FakeLabelStudio) -> None:
    message = "error: --clusters changes what Label All Tasks serves; add --serve\n"
    assert run("--clusters", "2") == (2, [], message)
    assert written(fake) == []
