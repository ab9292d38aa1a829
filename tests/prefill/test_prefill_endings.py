"""How a run of the prefill command ends when it cannot start or cannot go on."""

from pathlib import Path

import pytest

from tests.fake_label_studio import (
    HTML,
    PERSONAL_TOKEN,
    PREDICTIONS,
    PROJECT,
    TASKS,
    FakeLabelStudio,
    Fault,
    http,
)
from tests.http_server import Answer, Received
from tests.prefill_runner import COULD_NOT_START, SOME_FAILED, Prefill, StubAnnotator
from wholebody.errors import ModelError
from wholebody.prefill import run as prefill_run


def test_listing_that_fails_for_good_ends_with_the_summary(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(1, 2)
    fake.fail("GET", TASKS, None, None, None, *[http(502)] * 9)  # two counts, the first page, then the second
    done = prefill()
    assert done.exit_code == SOME_FAILED
    assert done.stdout.splitlines()[-1] == "Stopped early: GET /api/tasks/: HTTP 502; run again to go on"
    assert done.stdout.startswith("Predicted ")


def test_five_writes_in_a_row_end_the_run(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 51))
    fake.fail("POST", PREDICTIONS, *[http(503)] * 99)
    done = prefill("--retries", "0")
    assert done.exit_code == SOME_FAILED
    assert len(fake.posts()) == 5
    assert done.stdout.splitlines() == [
        "Predicted 0 (0 empty), skipped 0, failed 5.",
        "  5 x POST /api/predictions/: HTTP 503",
        "The tasks that failed are listed in prefill-failures.jsonl; the next run tries them again.",
        "Stopped early: Label Studio cannot be reached (POST /api/predictions/: HTTP 503); run again to go on",
    ]


@pytest.mark.parametrize(("answers", "closed"), [([], 0), ([http(401)], 1)])
def test_what_waits_to_be_predicted_is_given_up_when_the_run_ends_early(
    fake: FakeLabelStudio, prefill: Prefill, monkeypatch: pytest.MonkeyPatch, answers: list[Fault], closed: int
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(StubAnnotator, "close", lambda self: calls.append(self))
    fake.add_tasks(1, 2, 3)
    fake.fail("POST", PREDICTIONS, *answers)
    prefill()
    assert len(calls) == closed


def test_token_revoked_during_the_run_ends_it(fake: FakeLabelStudio, prefill: Prefill) -> None:
    fake.add_tasks(*range(1, 51))

    def revoke(request: Received) -> None:
        if len(fake.predictions) == 3:
            fake.revoked = True
            fake.access_tokens.clear()

    fake.before = revoke
    done = prefill(LABEL_STUDIO_API_TOKEN=PERSONAL_TOKEN)
    assert done.exit_code == SOME_FAILED
    assert "Predicted 3 (0 empty), skipped 0, failed 1." in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "Stopped early: Label Studio refuses the personal access token (Token is blacklisted); "
        "create a new one in Account & Settings and set LABEL_STUDIO_API_TOKEN"
    )


@pytest.mark.parametrize(
    ("variables", "fault", "message"),
    [
        ({"LABEL_STUDIO_URL": ""}, None, "LABEL_STUDIO_URL is not set; give the address of Label Studio"),
        (
            {"LABEL_STUDIO_API_TOKEN": ""},
            None,
            "LABEL_STUDIO_API_TOKEN is not set; create a personal access token in Account & Settings (before Label "
            "Studio 1.17: copy the access token there)",
        ),
        (
            {"PROJECT_ID": ""},
            None,
            "PROJECT_ID is not set; it is the number in the project's address, or use --project",
        ),
        (
            {"PROJECT_ID": "9"},
            None,
            "there is no project 9 that the token's user may see (GET /api/projects/9/: HTTP 404 No Project matches "
            "the given query.); was it deleted? Else check the number in its address, and the token",
        ),
        (
            {"LABEL_STUDIO_API_TOKEN": "0" * 40},
            None,
            "Label Studio does not accept the token (Invalid token.); check LABEL_STUDIO_API_TOKEN",
        ),
        (
            {},
            Fault(Answer(301, headers={"Location": "https://ls.example/"})),
            "{url} redirects to https://ls.example/; set LABEL_STUDIO_URL to the final address",
        ),
        ({}, HTML, "GET /api/projects/1/: HTTP 200 without JSON; is {url} Label Studio?"),
        ({}, http(503), "GET /api/projects/1/: HTTP 503"),
        ({"TASK_LIMIT": "some"}, None, "TASK_LIMIT='some': must be a number of tasks or all"),
    ],
)
def test_what_it_cannot_start_with(
    fake: FakeLabelStudio, prefill: Prefill, variables: dict[str, str], fault: Fault | None, message: str
) -> None:
    fake.fail("GET", PROJECT, *[fault] * 9)
    done = prefill("--retries", "1", **variables)
    assert done.exit_code == COULD_NOT_START
    assert done.stderr.splitlines()[-1] == f"error: {message.format(url=fake.url)}"
    assert done.stdout == ""


def test_model_that_cannot_start(prefill: Prefill, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: object, *, bulk: bool, stop: object) -> None:
        raise ModelError("pose.onnx: is no network")

    Path("prefill-failures.jsonl").write_text("of an earlier run")
    monkeypatch.setattr(prefill_run, "Annotator", broken)
    done = prefill()
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (COULD_NOT_START, "error: pose.onnx: is no network")
    assert Path("prefill-failures.jsonl").exists()


def test_failures_that_cannot_be_written(prefill: Prefill) -> None:
    done = prefill("--failures", "missing/bad.jsonl")
    assert done.exit_code == COULD_NOT_START
    message = "error: missing/bad.jsonl: failures cannot be written there: No such file or directory"
    assert done.stderr.splitlines()[-1] == message
