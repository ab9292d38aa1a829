"""What the doctor says where Label Studio, the token, the project, its config or an image is wrong."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from tests.doctor_runner import all_in_order, outcomes, run, said
from tests.fake_label_studio import (
    BACKENDS,
    HTML,
    LEGACY_TOKEN,
    MODEL_VERSIONS,
    PROJECT,
    REFRESH,
    RESET,
    TASKS,
    VERSION,
    WHOAMI,
    FakeLabelStudio,
    http,
    jwt,
    told,
)
from tests.http_server import Answer, ScriptedServer


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        yield running


@pytest.mark.parametrize(
    ("url", "status", "expected"),
    [
        (None, "fail", "LABEL_STUDIO_URL is not set -> give the address"),
        (
            "http://127.0.0.1:9",
            "fail",
            "http://127.0.0.1:9 cannot be reached: connection refused -> start Label Studio",
        ),
        ("http://no.such.invalid", "fail", "cannot be reached: no such host -> start Label Studio"),
    ],
)
def test_label_studio_is_not_there(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, url: str | None, status: str, expected: str
) -> None:
    if url is None:
        monkeypatch.delenv("LABEL_STUDIO_URL")
    else:
        monkeypatch.setenv("LABEL_STUDIO_URL", url)
    result = outcomes()
    assert result["Label Studio"]["status"] == status
    assert expected in f"{result['Label Studio']['message']} -> {result['Label Studio']['cure']}"
    assert result["token"]["message"] == "needs Label Studio"
    assert result["model version"]["message"] == "needs backend"
    assert result["device"]["status"] == "ok", "what does not need Label Studio is looked at all the same"


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        (HTML, "fail", "without JSON, which is not how Label Studio answers -> check LABEL_STUDIO_URL"),
        (RESET, "fail", "cannot be reached: connection dropped -> start Label Studio"),
        (told({"status": "fine"}), "fail", "answers HTTP 200, but not as Label Studio -> check LABEL_STUDIO_URL"),
        (told({"release": "1.23.2"}, 503), "fail", "answers HTTP 503, but not as Label Studio"),
        (told({"detail": "who are you?"}, 401), "ok", "without its version"),
    ],
)
def test_label_studio_answers_strangely(fake: FakeLabelStudio, fault: Any, status: str, expected: str) -> None:
    fake.fail("GET", VERSION, fault)
    found, text = said("Label Studio")
    assert (found, expected in text) == (status, True), text


def test_redirect_names_the_final_address(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET", VERSION, Answer(301, headers={"Location": "https://labels.example/api/version/?a=b"}))
    monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
    expected = f"{server.url} redirects to https://labels.example -> set LABEL_STUDIO_URL to the final"
    assert expected in said("Label Studio")[1]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (None, "LABEL_STUDIO_API_TOKEN is not set -> create a personal access token"),
        ("0" * 40, "does not accept the token (Invalid token.) -> create a personal access token"),
        (jwt("refresh", 9), "refuses the personal access token (Token is invalid) -> create a new one"),
        (jwt("access"), "LABEL_STUDIO_API_TOKEN is an access token, which lives five minutes -> give the personal"),
    ],
)
def test_token_that_does_not_work(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, token: str | None, expected: str
) -> None:
    if token is None:
        monkeypatch.delenv("LABEL_STUDIO_API_TOKEN")
    else:
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", token)
    status, text = said("token")
    assert (status, expected in text) == ("fail", True), text
    assert said("project") == ("skip", "needs token -> ")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (
            jwt("refresh", 9),
            "LABEL_STUDIO_API_TOKEN is a personal access token, which Label Studio 1.16.0 does not know -> copy the "
            "access token from Account & Settings",
        ),
        ("0" * 40, "does not accept the token (Invalid token.) -> copy the access token from Account & Settings"),
        (None, "LABEL_STUDIO_API_TOKEN is not set -> copy the access token from Account & Settings"),
    ],
)
def test_tokens_of_a_label_studio_without_personal_ones(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, token: str | None, expected: str
) -> None:
    fake.fail("GET", VERSION, *[told({"release": "1.16.0"})] * 9)
    fake.fail("POST", REFRESH, *[http(404)] * 9)
    if token is None:
        monkeypatch.delenv("LABEL_STUDIO_API_TOKEN")
    else:
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", token)
    assert said("token")[1].startswith(("Label Studio ", "LABEL_STUDIO_API_TOKEN "))
    assert expected in said("token")[1]


def test_legacy_token(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", LEGACY_TOKEN)
    assert said("token") == ("ok", "legacy token of ann@example.com -> ")
    fake.legacy_enabled = False
    status, text = said("token")
    assert status == "fail"
    assert "legacy token authentication has been disabled" in text
    assert "-> create a personal access token in Account & Settings" in text


def test_whoami_that_says_nothing(fake: FakeLabelStudio) -> None:
    fake.fail("GET", WHOAMI, told([]))
    assert said("token")[1].endswith("does not say whose the token is -> check LABEL_STUDIO_URL")


def test_no_project_named(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECT_ID")
    result = run()
    assert result.exit_code == 0
    assert re.search(r"^skip  project +no project named\n +-> give --project", result.stdout, re.MULTILINE)
    assert said("project", "--project", "1")[0] == "ok"


def test_missing_project(fake: FakeLabelStudio) -> None:
    status, text = said("project", "--project", "9")
    assert status == "fail"
    assert text.startswith("there is no project 9 that ann@example.com may see (HTTP 404) -> give the number")


@pytest.mark.parametrize(
    ("path", "check", "expected"),
    [
        (PROJECT, "project", "project 1 is not shown as Label Studio does it"),
        (TASKS, "image", "the tasks are not listed as Label Studio does it"),
        (BACKENDS, "backend", "the backends are not listed as Label Studio does it"),
        (MODEL_VERSIONS, "model version", "the model versions are not listed as Label Studio does it"),
    ],
)
def test_answers_that_are_not_label_studios(fake: FakeLabelStudio, path: str, check: str, expected: str) -> None:
    fake.fail("GET", path, *[told("fine")] * 2)
    assert said(check) == ("fail", f"{expected} -> check LABEL_STUDIO_URL")
    fake.fail("GET", path, *[http(502)] * 2)
    assert said(check)[1].startswith(f"GET {path}: HTTP 502")


def test_access_token_that_has_expired_is_renewed(fake: FakeLabelStudio) -> None:
    fake.before = lambda request: fake.access_tokens.clear() if request.path == PROJECT else None
    assert run().exit_code in (0, 1)
    assert len(fake.asked("POST", "/api/token/refresh")) > 1


def test_labels_that_match_nothing(fake: FakeLabelStudio) -> None:
    config = str(fake.project["label_config"])
    for name in ("nose", "left_eye"):
        config = config.replace(f'value="{name}"', f'value="my_{name}"')
    fake.project["label_config"] = re.sub(r' model_index="\d+"', "", config)
    status, text = said("labeling config")
    assert status == "warn"
    assert "15 of 133 keypoints (body 15/17," in text
    assert "labels that match nothing (2): my_nose, my_left_eye -> use COCO-WholeBody's names" in text
    assert run().exit_code == 0, "a warning is no failure"


def test_boxes_that_mean_nobody(fake: FakeLabelStudio) -> None:
    config = str(fake.project["label_config"])
    fake.project["label_config"] = config.replace(
        '<Label value="person"', '<Label value="referee"/><Label value="player"', 1
    )
    status, text = said("labeling config")
    assert status == "warn"
    assert "no box label stands for a person: referee, player -> name one of them person, or give it" in text


def test_pages_and_labels_of_the_task(fake: FakeLabelStudio) -> None:
    fake.project["label_config"] = (
        '<View><Image name="img" valueList="$images"/><KeyPointLabels name="kp" toName="img" value="$labels"/></View>'
    )
    png = base64.b64encode(cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()).decode()
    fake.add_tasks(1)
    fake.tasks[1]["data"] = {"images": [f"data:image/png;base64,{png}"] * 7, "labels": [{"value": "nose"}]}
    assert said("labeling config")[1].startswith("labels of 'kp' from each task's $labels, no person boxes on 'img'")
    status, text = said("image")
    assert status == "ok"
    assert text.endswith(", and 2 more that were not tried -> ")


def test_config_with_nothing_to_fill(fake: FakeLabelStudio) -> None:
    fake.project["label_config"] = '<View><Image name="img" value="$image"/></View>'
    status, text = said("labeling config")
    assert status == "fail"
    assert "no <KeyPointLabels> to fill -> use COCO-WholeBody's names" in text
    assert said("image") == ("skip", "needs labeling config -> ")


@pytest.mark.parametrize(
    ("release", "status", "message"),
    [
        ("1.12.1", "warn", ", older than 1.13.1, the oldest that was tried -> upgrade Label Studio"),
        ("1.13.1", "ok", " -> "),
        ("1.14.0.post0", "ok", " -> "),
        ("1.23.2", "ok", " -> "),
        ("1.99.0", "ok", ", newer than 1.23.2, the newest that was tried -> "),
        ("develop", "ok", " -> "),
    ],
)
def test_releases(fake: FakeLabelStudio, release: str, status: str, message: str) -> None:
    fake.release = release
    found, text = said("Label Studio")
    assert (found, text.startswith(f"{release} at {fake.url}{message}")) == (status, True), text


@pytest.mark.parametrize(
    ("tag", "release", "status", "expected"),
    [
        ("VectorLabels", "1.21.0", "fail", "no task opens: the editor of Label Studio 1.21.0 has no <VectorLabels>, "),
        ("VectorLabels", "1.22.0", "ok", "that of 1.22.0 has all tags of the labeling config -> "),
        ("vectorlabels", "1.13.1", "fail", "has no <vectorlabels>, which came with 1.22.0 -> upgrade Label Studio, or"),
        ("BitmaskLabels", "1.20.0", "fail", "has no <BitmaskLabels>, which came with 1.21.0 -> "),
        ("BrushLabels", "1.21.0", "ok", "that of 1.21.0 has all tags"),
        (
            "BrushLabels",
            "1.20.0",
            "warn",
            "that of 1.20.0 shows a person's box above the points; it gets all clicks -> ",
        ),
        ("VectorLabels", "develop", "skip", "Label Studio does not tell its version -> "),
    ],
)
def test_tags_that_the_editor_does_not_have(
    fake: FakeLabelStudio, tag: str, release: str, status: str, expected: str
) -> None:
    config = str(fake.project["label_config"])
    control = f'<{tag} name="more" toName="img"><Label value="body"/></{tag}><!-- <VectorLabels/> --></View>'
    fake.project["label_config"] = config.strip().removesuffix("</View>") + control
    fake.release = release
    found, text = said("editor")
    assert (found, expected in text) == (status, True), text


def test_points_without_boxes_are_within_reach_everywhere(fake: FakeLabelStudio) -> None:
    fake.release = "1.13.1"
    fake.project["label_config"] = (
        '<View><Image name="img" value="$image"/><KeyPointLabels name="k" toName="img"><Label value="nose"/>'
        "</KeyPointLabels></View>"
    )
    assert said("editor") == ("ok", "that of 1.13.1 has all tags of the labeling config -> ")


def test_the_task_named_is_tried(fake: FakeLabelStudio) -> None:
    fake.add_tasks(7, image="ftp://nowhere/1.png")
    assert said("image", "--task", "5")[1].startswith("task 5: ")
    assert said("image", "--task", "7")[0] == "fail"
    expected = "task 99 is not in project 1 -> give a task of this project, or leave --task out for the first"
    assert said("image", "--task", "99") == ("fail", expected)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            "http://127.0.0.1:9/1.png",
            "http://127.0.0.1:9/1.png: 127.0.0.1:9: connection refused -> see Troubleshooting",
        ),
        ("data:image/png;base64,AAAA", " -> see Troubleshooting"),
        ("/data/upload/1/gone.png", "HTTP 404: Label Studio does not serve it"),
    ],
)
def test_image_that_cannot_be_had(fake: FakeLabelStudio, image: str, expected: str) -> None:
    fake.add_tasks(1, image=image)
    status, text = said("image")
    assert (status, expected in text) == ("fail", True), text


def test_project_without_tasks(fake: FakeLabelStudio) -> None:
    fake.tasks.clear()
    assert said("image") == ("skip", "the project has no tasks -> import some")


def test_skeletons_and_their_labels_that_match_nothing(fake: FakeLabelStudio) -> None:
    fake.project["label_config"] = (
        '<View><Image name="img" value="$image"/><VectorLabels name="bones" toName="img" skeleton="true">'
        '<Label value="body"/><Label value="tail"/></VectorLabels></View>'
    )
    status, text = said("labeling config")
    assert status == "warn"
    assert text.startswith("skeletons of body, no person boxes on 'img'; labels that match nothing (1): tail -> ")
