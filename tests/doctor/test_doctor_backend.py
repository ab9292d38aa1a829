"""What the doctor says where a backend, the weights, the device or the model versions are wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor_runner import HERE, all_in_order, backend, outcomes, said
from tests.fake_label_studio import (
    BACKEND_VERSIONS,
    FakeLabelStudio,
    told,
)
from tests.http_server import Answer, ScriptedServer
from wholebody.figures import DETECTOR_PATH, POSE_PATH
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import Prompt, write_config

BANNED = "URL resolves to a reserved network address (block: 127.0.0.0/8)"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        yield running


def test_no_backend_connected(fake: FakeLabelStudio) -> None:
    fake.backends = []
    status, text = said("backend")
    assert status == "warn"
    assert "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=false" in text
    assert said("model version")[1] == f"{HERE} here; stored predictions: none -> "


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        (
            BANNED,
            500,
            "Label Studio refuses to call loopback and private addresses (block: 127.0.0.0/8); this machine does not "
            "reach it -> start Label Studio with LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS=false",
        ),
        ("NewConnectionError: [Errno 111] Connection refused", 500, "nothing listens there; this machine does not"),
        ("401 Client Error: UNAUTHORIZED for url: http://x/versions", 401, "-> in Settings > Model choose Basic Auth"),
        ("NameResolutionError: Failed to resolve 'wholebody'", 500, "Label Studio does not know its host"),
        ("ConnectTimeoutError: Connection to 10.0.0.9 timed out.", 500, "it did not answer Label Studio in time"),
        ("strange http://me:secret@host/", 500, "Label Studio does not reach it (strange http://host/)"),
    ],
)
def test_backend_that_label_studio_does_not_reach(
    fake: FakeLabelStudio, reason: str, status: int, expected: str
) -> None:
    fake.backends = [backend("DI")]
    fake.fail("GET", BACKEND_VERSIONS, *[told({"error": reason}, status)] * 3)
    found, text = said("backend")
    assert (found, expected in text) == ("fail", True), text
    assert text.startswith("http://127.0.0.1:9 Disconnected: ")
    assert said("smart tools") == ("skip", "needs backend -> ")


def test_releases_that_ban_no_addresses_by_themselves(fake: FakeLabelStudio) -> None:
    fake.release, fake.backends = "1.23.0", []
    assert said("backend")[1].endswith("-> connect it in Settings > Model, or use the prefill alone")
    fake.backends = [backend("DI")]
    fake.fail("GET", BACKEND_VERSIONS, told({"error": BANNED}, 500))
    assert said("backend")[1].endswith("-> start Label Studio without LABEL_STUDIO_ML_BLOCK_LOCAL_IP=true")
    fake.backends = [backend(), backend(id=2)]
    assert "USE_DEFAULT_BANNED_SUBNETS" not in said("backend")[1]


def test_backend_that_this_machine_reaches(fake: FakeLabelStudio, server: ScriptedServer) -> None:
    server.on("GET", "/sub/ready", Answer(json={"status": "READY"}))
    fake.backends = [backend("DI", url=f"{server.url}/sub/")]
    fake.fail("GET", BACKEND_VERSIONS, told({"error": BANNED}, 500))
    assert "(block: 127.0.0.0/8); this machine reaches it -> " in said("backend")[1]
    assert all(request.authorization is None for request in server.requests), "the token is Label Studio's alone"


def test_backend_that_refuses_the_project(fake: FakeLabelStudio) -> None:
    fake.backends = [backend("ER", error_message="400 Client Error: BAD REQUEST for url: http://a:9/setup")]
    status, text = said("backend")
    assert status == "fail"
    assert "Error: it refuses this project (400 Client Error: BAD REQUEST) -> " in text
    assert "-> the backend's log says why" in text


def test_one_of_two_backends_is_gone(fake: FakeLabelStudio) -> None:
    fake.backends = [backend(), backend("DI", url="http://127.0.0.1:10")]
    fake.fail("GET", BACKEND_VERSIONS, told({"error": "Connection refused"}, 500))
    status, text = said("backend")
    assert status == "warn"
    assert text.startswith("http://127.0.0.1:9 Connected; http://127.0.0.1:10 Disconnected: where Label Studio runs")
    assert "-> disconnect it, or start the backend" in text


def test_backend_that_was_connected_twice(fake: FakeLabelStudio) -> None:
    fake.backends = [backend(), backend(id=2)]
    status, text = said("backend")
    assert status == "warn"
    assert "the same address 2 times -> disconnect all but one; if connecting showed 'reserved" in text


@pytest.mark.parametrize(
    ("prompt", "interactive", "status", "expected"),
    [
        (Prompt.BOX, True, "ok", "Rectangle 'prompt_box'; http://127.0.0.1:9 is asked -> "),
        (Prompt.BOX, False, "warn", "Rectangle 'prompt_box', but no backend has interactive preannotations on -> Sett"),
        (Prompt.NONE, True, "warn", "interactive preannotations are on, but the labeling config has no smart tool"),
        (Prompt.NONE, False, "skip", "not in use"),
    ],
)
def test_smart_tools(fake: FakeLabelStudio, prompt: Prompt, interactive: bool, status: str, expected: str) -> None:
    fake.project["label_config"] = write_config((Part.BODY,), prompt=prompt)
    fake.backends = [backend(is_interactive=interactive)]
    found, text = said("smart tools")
    assert (found, expected in text) == (status, True), text


def test_controls_are_smart_unless_they_say_otherwise(fake: FakeLabelStudio) -> None:
    fake.project["label_config"] = (
        '<View><Image name="img" value="$image"/><Rectangle name="r" toName="img" smart="False"/>'
        '<keypointlabels name="k" toName="img"><Label value="nose"/></keypointlabels></View>'
    )
    fake.backends = [backend(is_interactive=True)]
    assert said("smart tools") == ("ok", "keypointlabels 'k'; http://127.0.0.1:9 is asked -> ")


def test_weights_that_are_not_here_are_named_and_not_fetched(
    fake: FakeLabelStudio, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DET_MODEL", str(DETECTOR_PATH))
    monkeypatch.setenv("POSE_MODEL", f"{server.url}/zoo/pose.v2.zip?key=secret")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "models"))
    found = outcomes()
    assert found["weights"]["status"] == "warn"
    assert found["weights"]["message"] == f"not here yet: {tmp_path}/models/pose.onnx"
    assert found["weights"]["cure"].startswith(f"the first start downloads them from 127.0.0.1:{server.port};")
    assert found["device"]["message"] == "DEVICE=cpu was not tried: weights are missing"
    assert found["model version"]["message"] == f"{HERE} at the backend; stored predictions: none"
    assert server.requests == []
    assert not (tmp_path / "models").exists()


def test_own_weights_that_are_missing(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DET_MODEL", "/nowhere/x.onnx")
    assert said("weights") == ("fail", "DET_MODEL='/nowhere/x.onnx': no such file -> correct the setting")
    assert said("device") == ("skip", "needs weights -> ")


def test_device_that_does_not_work(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE", "mps")
    status, text = said("device")
    assert status == "fail"
    assert "DEVICE=mps" in text
    assert "-> only macOS has it" in text or "set DEVICE=cpu" in text


def test_weights_that_are_no_networks(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DET_MODEL", str(POSE_PATH))
    status, text = said("device")
    assert status == "fail"
    assert f"{POSE_PATH}: does not run as a person detector" in text


def test_backend_of_other_settings(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.backends = [backend(model_version="wholebody-balanced-12345678")]
    status, text = said("model version")
    assert status == "warn"
    assert f"this machine {HERE}, backend wholebody-balanced-12345678, stored predictions: none -> give both" in text


def test_stored_predictions_of_another_version(fake: FakeLabelStudio) -> None:
    fake.predict(4, HERE)
    fake.predict(5, "old")
    status, text = said("model version")
    assert status == "warn"
    assert f"stored predictions: 1 of {HERE}, 1 of old -> Retrieve Predictions adds a second one" in text


def test_nothing_to_compare(fake: FakeLabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "balanced")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    fake.backends = []
    assert said("model version")[0] == "skip"
