"""`wholebody doctor` with a real Label Studio and the backend: all in order, and each thing wrong in turn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.version import Version

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, LabelStudioApiError
from demo.process import free_port
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

from .figure_tasks import import_figures, make_project

UNBANNED = "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS"


def doctor(cwd: Path, settings: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "wholebody", "doctor", *options],
        cwd=cwd,
        env=environment({"MODE": "figures"} | settings) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def outcomes(cwd: Path, settings: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and check -> what is said of it."""
    done = doctor(cwd, settings, "--json")
    assert done.stderr == ""
    assert settings["LABEL_STUDIO_API_TOKEN"] not in done.stdout
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def predictions_asked_for(backend: BackendServer) -> int:
    """How many requests for predictions the backend has answered."""
    metrics = requests.get(f"{backend.url}/metrics", timeout=10).text
    return sum(float(n) for n in re.findall(r'^wholebody_requests_total{route="predict".*} (\S+)$', metrics, re.M))


@pytest.fixture
def project(admin: LabelStudioAdmin, label_studio: LabelStudioServer, backend: BackendServer) -> int:
    """A project with two tasks and the backend connected, asked about prompts too."""
    project = make_project(admin, "doctor")
    import_figures(admin, label_studio, project, 2)
    admin.connect_backend(project, backend.url, is_interactive=True)
    return project


@pytest.fixture
def settings(label_studio: LabelStudioServer, admin: LabelStudioAdmin, project: int) -> dict[str, str]:
    return {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_TOKEN": admin.api_token(),
        "PROJECT_ID": str(project),
    }


def test_all_in_order(
    admin: LabelStudioAdmin,
    backend: BackendServer,
    project: int,
    settings: dict[str, str],
    release: Version,
    tmp_path: Path,
) -> None:
    admin.open_task(project, admin.tasks(project)[0]["id"])
    done = doctor(tmp_path, settings)
    assert (done.returncode, done.stderr) == (0, "")
    editor = "ok" if release >= Version("1.21.0") else "warn"
    *lines, cure, _ = done.stdout.splitlines()
    words = [line.split()[0] for line in lines if not line.startswith(" ")]
    # Connecting sets the project's model version to the connection's title, and the score column is empty.
    assert words == ["ok"] * 5 + [editor] + ["ok"] * 6 + ["skip", "ok", "warn"], done.stdout
    for text in (
        f"{release} at {settings['LABEL_STUDIO_URL']}",
        "token of demo@example.com",
        f"{project} 'doctor': 2 tasks, 1 prediction",
        "133 of 133 keypoints",
        "figures-01.png 640 x 800",
        f"{backend.url} Connected",
        f"{backend.url} is asked",
        "stored predictions: 1 of wholebody-figures-",
        "the project's model version is 'wholebody'\n",
    ):
        assert text in done.stdout
    assert cure.strip() == f"-> wholebody review --project {project} (docs/review.md)"
    assert settings["LABEL_STUDIO_API_TOKEN"] not in done.stdout


@pytest.mark.thorough
def test_people_who_lost_their_box(
    admin: LabelStudioAdmin, backend: BackendServer, project: int, settings: dict[str, str], tmp_path: Path
) -> None:
    first, second = (task["id"] for task in admin.tasks(project))
    for task, keeps_boxes in ((first, False), (second, True)):
        (prediction,) = admin.open_task(project, task)["predictions"]
        admin.annotate(task, [one for one in prediction["result"] if keeps_boxes or "parentID" in one])
    asked = predictions_asked_for(backend)
    done = doctor(tmp_path, settings, "--annotations")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"in 1 annotation (task {first}) 1 person has lost their box: exports" in done.stdout
    assert predictions_asked_for(backend) == asked


def test_nothing_is_predicted_or_changed(
    admin: LabelStudioAdmin, backend: BackendServer, project: int, settings: dict[str, str], tmp_path: Path
) -> None:
    admin.update_project(project, evaluate_predictions_automatically=True)
    before, asked = admin.project(project), predictions_asked_for(backend)
    code, _ = outcomes(tmp_path, settings)
    assert code == 0
    assert predictions_asked_for(backend) == asked
    assert admin.project(project) == before
    admin.tasks(project)
    assert predictions_asked_for(backend) == asked + 1, "any other listing makes this project predict"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("0" * 40, "does not accept the token (Invalid token.)"),
        pytest.param(
            "a.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.b",
            "refuses the",
            marks=pytest.mark.since("1.17.0", "personal access tokens"),
        ),
    ],
)
def test_wrong_token(settings: dict[str, str], tmp_path: Path, token: str, expected: str) -> None:
    code, found = outcomes(tmp_path, settings | {"LABEL_STUDIO_API_TOKEN": token})
    assert (code, found["token"]["status"]) == (1, "fail")
    assert expected in found["token"]["message"]
    assert found["backend"]["message"] == "needs project"


def test_legacy_token(admin: LabelStudioAdmin, settings: dict[str, str], tmp_path: Path) -> None:
    code, found = outcomes(tmp_path, settings | {"LABEL_STUDIO_API_TOKEN": admin.legacy_token()})
    assert (code, found["token"]["message"]) == (0, "legacy token of demo@example.com")


def test_missing_project(settings: dict[str, str], tmp_path: Path) -> None:
    code, found = outcomes(tmp_path, settings | {"PROJECT_ID": "99999"})
    assert code == 1
    assert found["project"]["message"] == "there is no project 99999 that demo@example.com may see (HTTP 404)"


def test_labels_that_match_nothing(
    admin: LabelStudioAdmin, project: int, settings: dict[str, str], tmp_path: Path
) -> None:
    config = re.sub(r' model_index="\d+"', "", str(admin.project(project)["label_config"]))
    admin.update_project(project, label_config=config.replace('value="nose"', 'value="my_nose"'))
    code, found = outcomes(tmp_path, settings)
    assert (code, found["labeling config"]["status"]) == (0, "warn")
    assert "132 of 133 keypoints (body 16/17," in found["labeling config"]["message"]
    assert "labels that match nothing (1): my_nose" in found["labeling config"]["message"]


def test_settings_that_differ_from_the_backends(settings: dict[str, str], tmp_path: Path) -> None:
    code, found = outcomes(tmp_path, settings | {"CONFIDENCE_THRESHOLD": "0.9"})
    assert (code, found["model version"]["status"]) == (0, "warn")


def test_stopped_backend(admin: LabelStudioAdmin, settings: dict[str, str], tmp_path: Path) -> None:
    project = make_project(admin, "stopped")
    with BackendServer(settings | {"MODE": "figures"}, tmp_path / "backend.log") as backend:
        admin.connect_backend(project, backend.url)
    code, found = outcomes(tmp_path, settings | {"PROJECT_ID": str(project)})
    assert (code, found["backend"]["status"]) == (1, "fail")
    expected = "Disconnected: where Label Studio runs, nothing listens there; this machine does not reach it"
    assert found["backend"]["message"] == f"{backend.url} {expected}"
    assert found["image"]["message"] == "the project has no tasks"


@pytest.mark.since("1.22.0", "skeletons")
def test_skeletons_are_all_right(
    admin: LabelStudioAdmin, project: int, settings: dict[str, str], tmp_path: Path
) -> None:
    admin.update_project(project, label_config=write_config(tuple(Part), skeleton=True))
    assert outcomes(tmp_path, settings)[1]["editor"]["status"] == "ok"


def test_skeletons_of_an_editor_that_lacks_them(
    admin: LabelStudioAdmin, project: int, settings: dict[str, str], release: Version, tmp_path: Path
) -> None:
    if release >= Version("1.22.0"):
        pytest.skip(f"Label Studio {release} has them")
    admin.update_project(project, label_config=write_config(tuple(Part), skeleton=True))
    code, found = outcomes(tmp_path, settings)
    assert (code, found["editor"]["status"]) == (1, "fail")
    assert f"the editor of Label Studio {release} has no <VectorLabels>, which" in found["editor"]["message"]


@pytest.mark.thorough
@pytest.mark.since("1.23.1", "the refusal of loopback addresses")
def test_banned_subnets(label_studio_venv: Path, backend: BackendServer, tmp_path: Path) -> None:
    """One Label Studio in three tempers; the backend would answer all the time."""

    def label_studio(**extra: str) -> LabelStudioServer:
        return LabelStudioServer(tmp_path / "data", tmp_path / "files", port, venv=label_studio_venv, extra_env=extra)

    port = free_port()
    with label_studio() as server:
        admin = server.admin()
        project, other = make_project(admin, "banned"), make_project(admin, "stored all the same")
        admin.connect_backend(project, backend.url)
        settings = {"LABEL_STUDIO_URL": server.url, "LABEL_STUDIO_API_TOKEN": admin.api_token()}
    with label_studio(**{UNBANNED: "true"}):
        code, found = outcomes(tmp_path, settings | {"PROJECT_ID": str(project)})
        assert code == 1
        assert found["backend"]["message"] == (
            f"{backend.url} Disconnected: Label Studio refuses to call loopback and private addresses "
            "(block: 127.0.0.0/8); this machine reaches it"
        )
        assert f"{UNBANNED}=false" in found["backend"]["cure"]
    with label_studio(**{UNBANNED: "true", "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false"}) as server:
        for _ in range(2):
            with pytest.raises(LabelStudioApiError, match="reserved network address"):
                server.admin().connect_backend(other, backend.url)
        code, found = outcomes(tmp_path, settings | {"PROJECT_ID": str(other)})
        assert (code, found["backend"]["status"]) == (0, "warn")
        assert (
            found["backend"]["message"] == f"{backend.url} Connected, {backend.url} Connected: the same address 2 times"
        )
        assert f"{UNBANNED}=false" in found["backend"]["cure"]
