"""What the doctor prints and how it ends, against a fake Label Studio."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from demo.process import free_port
from tests.doctor_runner import HERE, all_in_order, run, said
from tests.fake_label_studio import (
    BACKENDS,
    LEGACY_TOKEN,
    PERSONAL_TOKEN,
    TASKS,
    FakeLabelStudio,
    told,
)
from wholebody.__main__ import main
from wholebody.checks import examination
from wholebody.checks.facts import Check, Facts, Finding, Outcome
from wholebody.errors import ModelError
from wholebody.figures import DETECTOR_PATH


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with all_in_order(monkeypatch) as running:
        yield running


def test_all_in_order(fake: FakeLabelStudio) -> None:
    fake.predict(4, HERE)
    fake.project["model_version"] = HERE
    result = run()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * 9 + ["skip"] + ["ok"] * 2 + ["skip", "ok", "ok"]
    assert lines[-1] == "13 ok, 2 skip"
    for text in (
        "MODE=figures BACKEND_TYPE=onnxruntime DEVICE=cpu, from the environment; no .env here",
        f"1.23.2 at {fake.url}",
        "personal access token of ann@example.com",
        "1 'Figures': 2 tasks, 1 prediction",
        "17 of 133 keypoints (body 17/17, feet 0/6, face 0/68, left_hand 0/21, right_hand 0/21), person boxes on 'img'",
        "that of 1.23.2 has all tags of the labeling config",
        "task 4: data:image/png;base64,... (",
        "in the 1 task looked at, they fit the labeling config",
        " characters) 320 x 400",
        "http://127.0.0.1:9 Connected",
        "not in use: no backend has interactive preannotations on",
        str(DETECTOR_PATH),
        "opened and ran both in ",
        " s: detector on CPUExecutionProvider, pose on CPUExecutionProvider",
        f"{HERE} here and at the backend; stored predictions: 1 of {HERE}",
    ):
        assert text in result.stdout


def test_it_only_reads_and_makes_nothing_predict(fake: FakeLabelStudio) -> None:
    run()
    written = [request.path for request in fake.requests if request.method != "GET"]
    assert set(written) == {"/api/token/refresh"}
    for request in fake.asked("GET", TASKS):  # one of reviewers, or of tasks that have predictions, asks no backend
        asks_none = '"filter:tasks:predictions_model_versions","operator":"contains"'
        assert request.parameters.get("review") == "true" or asks_none in request.parameters["query"]
    assert not [r for r in fake.requests if re.fullmatch(r"/api/tasks/\d+/?", r.path)], "it makes Label Studio predict"


@pytest.mark.parametrize("token", [PERSONAL_TOKEN, LEGACY_TOKEN, "0" * 40])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_token_is_never_printed(
    fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch, token: str, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", token)
    fake.project["title"] = f"my token is {token}"
    fake.fail("GET", BACKENDS, told({"detail": f"you sent Token {token}"}, 418))
    result = run(*options)
    assert token not in result.output
    assert result.exit_code == 1


def test_json_is_a_list_of_all_checks(fake: FakeLabelStudio) -> None:
    listed = json.loads(run("--json").stdout)
    assert [one["check"] for one in listed] == [check.name for check in examination.CHECKS]
    assert all(set(one) == {"check", "status", "message", "cure"} for one in listed)


def test_wrong_settings_end_with_2_and_name_them(fake: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE", "gpu")
    monkeypatch.setenv("MODE", "x")
    result = run()
    assert result.exit_code == 2
    shared = "(in the environment, where another program may have set it)"
    expected = f"fail  settings         DEVICE='gpu': must be cpu, cuda, cuda:N or mps {shared}; MODE='x': "
    assert expected in result.stdout
    assert "-> correct it in .env" in result.stdout
    assert result.stdout.splitlines()[-1] == "1 fail, 14 skip"
    assert fake.requests == []


def test_settings_say_where_they_come_from(fake: FakeLabelStudio, dot_env: Path) -> None:
    dot_env.write_text("MAX_PEOPLE=3\n")
    assert said("settings")[1].endswith(f"from the environment and {dot_env} -> ")


def test_a_check_that_breaks_is_one_failure() -> None:
    def breaks(facts: Facts) -> Finding:
        raise KeyError("oh\nno")

    def refuses(facts: Facts) -> Finding:
        raise ModelError("it does not")

    def fine(facts: Facts) -> Finding:
        return Finding("ok", "fine")

    checks = (Check("a", breaks), Check("b", fine, ("a",)), Check("c", refuses, cure="do"), Check("d", fine))
    assert list(examination.examine(Facts(), checks)) == [
        Outcome("a", "fail", "the check itself broke: KeyError: 'oh\\nno'", "please report it, with this line"),
        Outcome("b", "skip", "needs a", ""),
        Outcome("c", "fail", "it does not", "do"),
        Outcome("d", "ok", "fine", ""),
    ]


def test_every_need_comes_before() -> None:
    names = [check.name for check in examination.CHECKS]
    for check in examination.CHECKS:
        assert all(names.index(need) < names.index(check.name) for need in check.needs)


def test_colours_only_where_they_are_seen(fake: FakeLabelStudio) -> None:
    assert "\x1b[" not in run().stdout
    assert "\x1b[32mok" in CliRunner().invoke(main, ["doctor"], color=True).stdout


def test_a_port_that_nothing_listens_on_is_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", f"http://127.0.0.1:{free_port()}")
    result = run()
    assert result.exit_code == 1
    assert "Traceback" not in result.output
