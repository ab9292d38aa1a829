"""`--bulk` with a real Label Studio: recognized without a trace, and each task predicted once under faults."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.soak.scenario import Scenario
from tests.soak.with_label_studio import play_with_label_studio
from wholebody.errors import SettingsError
from wholebody.label_studio.client import LabelStudioClient
from wholebody.label_studio.task_queries import TaskQuery
from wholebody.labeling.config_writer import parse_parts, write_config
from wholebody.predictions import Prediction
from wholebody.process.stopping import Stop
from wholebody.settings import Settings

pytestmark = pytest.mark.since("1.21.0", "predictions of many tasks in one call at the cost of these")

PREDICTION = Prediction(result=[], score=0.5, model_version="bulk-1")


def client_of(admin: LabelStudioAdmin) -> LabelStudioClient:
    settings = Settings(label_studio_url=admin.url, label_studio_api_token=admin.api_token(), request_delay_seconds=0)
    return LabelStudioClient(settings, Stop())


def make_project(admin: LabelStudioAdmin, tasks: int) -> tuple[int, list[int]]:
    project = admin.create_project("In bulk", write_config(parse_parts("body")))
    return project, admin.import_tasks(project, [{"image": f"https://pictures.example/{n}.png"} for n in range(tasks)])


def test_it_is_recognized_stores_and_counts(admin: LabelStudioAdmin, label_studio: LabelStudioServer) -> None:
    project, ids = make_project(admin, 3)
    client = client_of(admin)
    client.check_bulk(project)
    assert admin.project(project)["total_predictions_number"] == 0
    assert client.save_predictions(project, dict.fromkeys(ids, PREDICTION))
    assert [len(admin.predictions(one)) for one in ids] == [1, 1, 1]
    with sqlite3.connect(label_studio.data_dir / "label_studio.sqlite3", timeout=30) as database:
        database.execute("UPDATE task SET total_predictions = 0 WHERE id = ?", (ids[0],))  # as a kill leaves it
    assert client.count_tasks(project, TaskQuery.undone()) == 1
    assert client.count_tasks(project, TaskQuery.unpredicted()) == 0
    client.recount(ids[0])
    assert [task["total_predictions"] for task in admin.tasks(project)] == [1, 1, 1]


@pytest.mark.thorough
def test_every_task_has_exactly_one_prediction_whatever_happens(admin: LabelStudioAdmin, tmp_path: Path) -> None:
    scenario = Scenario("--bulk", seed=22, tasks=60, kills=1, bulk=6)
    played, tally = play_with_label_studio(admin, scenario, tmp_path)
    assert tally.wrong == {}
    assert tally.predictions == tally.tasks == 60
    assert played.kills == 1


@pytest.mark.thorough
def test_one_that_was_not_started_for_it(label_studio_venv: Path, tmp_path: Path) -> None:
    with LabelStudioServer(tmp_path / "data", tmp_path / "files", venv=label_studio_venv) as server:
        admin = server.admin()
        project, ids = make_project(admin, 1)
        with pytest.raises(SettingsError, match=r"^--bulk needs Label Studio 1\.21 or later"):
            client_of(admin).check_bulk(project)
        assert admin.predictions(ids[0]) == []
