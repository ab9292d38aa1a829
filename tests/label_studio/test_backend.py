"""The backend connected to a real Label Studio: what its users do, and what is stored then."""

from __future__ import annotations

import base64
import dataclasses
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.backend import BackendServer
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, LabelStudioApiError
from wholebody.figures.drawing import Drawing, sample, write_samples
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

from .figure_tasks import SEED, assert_is_the_truth, assert_shows, import_figures, make_project


@pytest.fixture
def project(admin: LabelStudioAdmin, backend: BackendServer) -> int:
    """A project with the backend connected."""
    project = make_project(admin, "backend")
    admin.connect_backend(project, backend.url)
    return project


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def png(bgr: np.ndarray) -> bytes:
    return cv2.imencode(".png", bgr)[1].tobytes()


def test_backend_connects_and_tells_its_version(admin: LabelStudioAdmin, project: int) -> None:
    (backend,) = admin.request("GET", "/api/ml/", params={"project": project}).json()
    assert backend["state"] == "CO"
    assert backend["model_version"].startswith("wholebody-figures-")


def test_opened_task_has_every_keypoint(admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int) -> None:
    task = import_figures(admin, label_studio, project, 3)[2]
    (prediction,) = admin.open_task(project, task)["predictions"]
    assert_is_the_truth(prediction, 3)
    assert 0 < prediction["score"] <= 1
    assert len(admin.open_task(project, task)["predictions"]) == 1, "a second opening must not predict again"


def test_a_task_with_another_picture_gets_another_prediction(admin: LabelStudioAdmin, project: int) -> None:
    """Though it is opened again at once, as a second call of the same opening would be."""
    (task,) = admin.import_tasks(project, [{"image": data_uri(png(sample(1, SEED).bgr))}])
    (first,) = admin.open_task(project, task)["predictions"]
    assert_is_the_truth(first, 1)
    admin.request("PATCH", f"/api/tasks/{task}/", json={"data": {"image": data_uri(png(sample(2, SEED).bgr))}})
    admin.request("DELETE", f"/api/predictions/{first['id']}/")
    (second,) = admin.open_task(project, task)["predictions"]
    assert_is_the_truth(second, 2)


def test_retrieve_predictions_for_several_with_a_bad_one(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int
) -> None:
    tasks = import_figures(admin, label_studio, project, 4)
    (bad,) = admin.import_tasks(project, [{"image": "/data/local-files/?d=nowhere/gone.png"}])
    (white,) = admin.import_tasks(project, [{"image": data_uri(png(np.full((300, 400, 3), 255, np.uint8)))}])
    admin.retrieve_predictions(project, [*tasks, bad, white])
    for number, task in enumerate(tasks, 1):
        (prediction,) = admin.predictions(task)
        assert_is_the_truth(prediction, number)
    assert admin.predictions(bad) == [], "what could not be done is asked again"
    (empty,) = admin.predictions(white)
    assert empty["result"] == []
    admin.retrieve_predictions(project, [*tasks, white])
    assert [len(admin.predictions(task)) for task in [*tasks, white]] == [1] * 5, "nothing is doubled"


@pytest.fixture
def http_folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address of a plain web server that serves it."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_kind_of_image_reference(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, project: int, http_folder: tuple[Path, str]
) -> None:
    folder, url = http_folder
    (path,) = write_samples(folder, 1, SEED)
    tasks = {
        "upload": admin.upload_file(project, path),
        "local-files": import_figures(admin, label_studio, project, 1),
        "http": admin.import_tasks(project, [{"image": f"{url}/{path.name}"}]),
        "data": admin.import_tasks(project, [{"image": data_uri(path.read_bytes())}]),
    }
    for kind, (task,) in tasks.items():
        predictions = admin.open_task(project, task)["predictions"]
        assert len(predictions) == 1, kind
        assert_is_the_truth(predictions[0], 1)


@pytest.mark.parametrize("parts", [tuple(Part), (Part.BODY,), (Part.BODY, Part.FEET), (Part.LEFT_HAND, Part.FACE)])
def test_generated_config_is_valid(admin: LabelStudioAdmin, parts: tuple[Part, ...]) -> None:
    config = write_config(parts)
    assert admin.request("POST", "/api/projects/validate/", json={"label_config": config}).status_code == 204
    admin.delete_project(admin.create_project("valid", config))


def test_config_with_nothing_to_fill_is_refused_with_the_reason(
    admin: LabelStudioAdmin, backend: BackendServer
) -> None:
    config = '<View><Image name="i" value="$image"/><Choices name="c" toName="i"><Choice value="a"/></Choices></View>'
    project = admin.create_project("nothing to fill", config)
    with pytest.raises(LabelStudioApiError, match="valid ML backend") as refused:
        admin.connect_backend(project, backend.url)
    assert refused.value.status == 400


def test_people_are_posed_in_the_boxes_of_annotators_and_of_other_models(
    admin: LabelStudioAdmin, label_studio: LabelStudioServer, tmp_path: Path
) -> None:
    settings = {
        "MODE": "figures",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "TASK_BOXES": "true",
    }
    truth = sample(3, SEED)
    height, width = truth.bgr.shape[:2]
    boxes = [
        {
            "id": f"given{number}",
            "type": "rectanglelabels",
            "from_name": "box",
            "to_name": "img",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"x": x, "y": y, "width": u - x, "height": v - y, "rotation": 0, "rectanglelabels": ["person"]},
        }
        for number, (x, y, u, v) in enumerate((truth.xyxy / (width, height, width, height) * 100).tolist())
    ]
    with BackendServer(settings, tmp_path / "backend.log") as backend:
        project = make_project(admin, "task boxes")
        tasks = import_figures(admin, label_studio, project, 3)
        (copy,) = admin.import_tasks(project, [admin.request("GET", f"/api/tasks/{tasks[2]}/").json()["data"]])
        annotated, predicted, untouched = tasks[2], copy, tasks[1]
        admin.annotate(annotated, [boxes[1]])
        admin.connect_backend(project, backend.url)
        content = {"task": predicted, "model_version": "yolo", "result": boxes[:2]}
        admin.request("POST", "/api/predictions/", json=content)
        (of_annotated,) = admin.open_task(project, annotated)["predictions"]
        admin.retrieve_predictions(project, [predicted, untouched])
        (of_predicted,) = (one for one in admin.predictions(predicted) if one["model_version"] != "yolo")
        (of_untouched,) = admin.predictions(untouched)
    assert_shows(of_annotated["result"], only(truth, [1]))
    assert_shows(of_predicted["result"], only(truth, [0, 1]))
    assert_is_the_truth(of_untouched, 2)


def only(drawing: Drawing, figures: list[int]) -> Drawing:
    """Some of a drawing's figures."""
    return dataclasses.replace(drawing, xyxy=drawing.xyxy[figures], keypoints=drawing.keypoints[figures])


def test_basic_auth(admin: LabelStudioAdmin, label_studio: LabelStudioServer, tmp_path: Path) -> None:
    settings = {
        "MODE": "figures",
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "BASIC_AUTH_USER": "user",
        "BASIC_AUTH_PASS": "secret",
    }
    with BackendServer(settings, tmp_path / "backend.log") as backend:
        project = make_project(admin, "basic auth")
        with pytest.raises(LabelStudioApiError, match="authentication"):
            admin.connect_backend(project, backend.url, basic_auth=("user", "wrong"))
        admin.connect_backend(project, backend.url, basic_auth=("user", "secret"))
        (task,) = import_figures(admin, label_studio, project, 1)
        (prediction,) = admin.open_task(project, task)["predictions"]
        assert_is_the_truth(prediction, 1)
        admin.annotate(task, prediction["result"])  # Label Studio calls /webhook, without the password
    assert "secret" not in backend.log_path.read_text()
