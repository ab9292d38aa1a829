from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from tests.fake_label_studio import LEGACY_TOKEN, VERSION, FakeLabelStudio, Fault, http, told
from wholebody.__main__ import main
from wholebody.commands.config import DEFAULT_PRESET
from wholebody.labeling.config_writer import PRESETS, Prompt, parse_parts, write_config

PROJECT, SUMMARY = "/api/projects/1/", "/api/projects/1/summary/"
NOTHING: dict[str, Any] = {
    "all_data_columns": {},
    "created_annotations": {},
    "created_labels": {},
    "created_labels_drafts": {},
}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        monkeypatch.setenv("LABEL_STUDIO_URL", running.url)
        monkeypatch.setenv("LABEL_STUDIO_API_TOKEN", LEGACY_TOKEN)
        monkeypatch.setenv("MAX_BACKOFF_DELAY", "0")
        yield running


def run(*options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["config", *options])
    return done.exit_code, done.stdout, done.stderr


def patched(fake: FakeLabelStudio) -> list[Any]:
    return [request.json() for request in fake.asked("PATCH", PROJECT)]


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ([], write_config(PRESETS["wholebody"])),
        (["--preset", "hands"], write_config(PRESETS["hands"])),
        (["--parts", "feet,body"], write_config(parse_parts("body,feet"))),
        (["--skeleton", "--preset", "body"], write_config(PRESETS["body"], skeleton=True)),
        (["--prompt", "none"], write_config(PRESETS["wholebody"], prompt=Prompt.NONE)),
        (["--visibility"], write_config(PRESETS["wholebody"], visibility=True)),
        (["--prompt", "both", "--skeleton"], write_config(PRESETS["wholebody"], skeleton=True, prompt=Prompt.BOTH)),
    ],
)
def test_what_is_printed(options: list[str], config: str) -> None:
    note = "note: skeletons need Label Studio 1.22.0 or newer; an older one takes this config, but then opens no task\n"
    assert run(*options) == (0, config + "\n", note if "--skeleton" in options else "")


def test_the_options_offer_all_that_there_is() -> None:
    options = {option.name: option for option in main.commands["config"].params}
    assert options["preset"].type.choices == (*PRESETS,)  # type: ignore[attr-defined]
    assert f"[default: {DEFAULT_PRESET}]" in str(options["preset"].help)  # type: ignore[attr-defined]
    assert options["prompt"].type.choices == (*Prompt,)  # type: ignore[attr-defined]
    assert options["prompt"].default == Prompt.BOX


def test_preset_and_parts_exclude_each_other() -> None:
    message = "error: --preset and --parts exclude each other; give one of them\n"
    assert run("--preset", "body", "--parts", "face") == (2, "", message)


@pytest.mark.parametrize(
    ("options", "config", "said"),
    [
        (["--preset", "body"], write_config(PRESETS["body"]), "17 keypoints (body), prompt box"),
        (
            ["--preset", "body-feet", "--skeleton", "--prompt", "none"],
            write_config(PRESETS["body-feet"], skeleton=True, prompt=Prompt.NONE),
            "23 keypoints (body, feet) as skeletons, prompt none",
        ),
        (
            ["--preset", "body", "--visibility"],
            write_config(PRESETS["body"], visibility=True),
            "17 keypoints (body), prompt box, with visibility",
        ),
    ],
)
def test_a_config_is_set(fake: FakeLabelStudio, options: list[str], config: str, said: str) -> None:
    fake.fail("GET", SUMMARY, told(NOTHING))
    fake.fail("PATCH", PROJECT, http(503), told({"id": 1}))
    assert run("--apply", "1", *options) == (0, f"project 1 'Figures': labeling config set to {said}.\n", "")
    assert patched(fake) == [{"label_config": config}] * 2


def test_skeletons_are_not_set_where_the_editor_lacks_them(fake: FakeLabelStudio) -> None:
    fake.release = "1.21.0"
    message = (
        "error: project 1 'Figures': not changed, for no task of it would open: the editor of Label Studio 1.21.0 has"
        " no <VectorLabels>, which came with 1.22.0; upgrade Label Studio, or leave out --skeleton\n"
    )
    assert run("--apply", "1", "--skeleton") == (2, "", message)
    assert patched(fake) == []
    fake.fail("GET", SUMMARY, told(NOTHING))
    fake.fail("PATCH", PROJECT, told({"id": 1}))
    assert run("--apply", "1")[0] == 0


@pytest.mark.parametrize("fault", [told({"detail": "no"}, 403), told({}), told({"release": "develop"})])
def test_a_label_studio_that_hides_its_release_is_believed(fake: FakeLabelStudio, fault: Fault) -> None:
    fake.fail("GET", VERSION, fault)
    fake.fail("GET", SUMMARY, told(NOTHING))
    fake.fail("PATCH", PROJECT, told({"id": 1}))
    assert run("--apply", "1", "--skeleton")[0] == 0


KEPT = {
    "all_data_columns": {"image": 3, "source": 1},
    "created_annotations": {
        "box|img|rectanglelabels": 2,
        "body|img|keypointlabels": 17,
        "prompt_box|img|rectangle": 1,
        "skeleton|img|vectorlabels": 0,
    },
    "created_labels": {"box": {"person": 2}, "body": {"nose": 17, "tail": 0}},
    "created_labels_drafts": {"face": {"face-3": 1}},
}


def test_what_is_kept_orphans_nothing(fake: FakeLabelStudio) -> None:
    fake.fail("GET", SUMMARY, told(KEPT))
    fake.fail("PATCH", PROJECT, told({"id": 1}))
    assert run("--apply", "1")[0] == 0


MARKED = {
    "created_annotations": {"body|img|keypointlabels": 17, "visibility|img|choices": 2},
    "created_labels": {"body": {"nose": 17}, "visibility": {"hidden": 2}},
}


def test_marks_of_hidden_points_are_kept_by_the_same_option(fake: FakeLabelStudio) -> None:
    fake.fail("GET", SUMMARY, told(NOTHING | MARKED))
    fake.fail("PATCH", PROJECT, told({"id": 1}))
    assert run("--apply", "1", "--visibility")[0] == 0


@pytest.mark.parametrize(
    ("summary", "options", "orphans"),
    [
        # a control of another kind
        (
            {"created_annotations": {"skeleton|img|vectorlabels": 4}, "created_labels": {"skeleton": {"body": 4}}},
            [],
            "4 of 'skeleton' (vectorlabels)",
        ),
        # of the same name on another image
        ({"created_annotations": {"body|picture|keypointlabels": 1}}, [], "1 of 'body' (keypointlabels)"),
        # an unlabelled prompt that was submitted
        (
            {"created_annotations": {"prompt_box|img|rectangle": 1}},
            ["--prompt", "click"],
            "1 of 'prompt_box' (rectangle)",
        ),
        # labels that their control lost, which Label Studio itself lets pass
        (
            {"created_annotations": {"body|img|keypointlabels": 3}, "created_labels": {"body": {"tail": 2, "nose": 1}}},
            [],
            "2 labelled 'tail' of 'body'",
        ),
        # marks of hidden points
        (MARKED, [], "2 of 'visibility' (choices)"),
        # joints of skeletons that were hidden
        (
            {"created_annotations": {"hidden_body|img|choices": 1}, "created_labels": {"hidden_body": {"nose": 1}}},
            ["--visibility"],
            "1 of 'hidden_body' (choices)",
        ),
        # a choice of somebody else's, in a control of the same name
        (
            {"created_annotations": {"visibility|img|choices": 3}, "created_labels": {"visibility": {"occluded": 3}}},
            ["--visibility"],
            "3 labelled 'occluded' of 'visibility'",
        ),
        # of a part that is left out, in a draft
        ({"created_labels_drafts": {"face": {"face-3": 1}}}, ["--preset", "body"], "1 labelled 'face-3' of 'face'"),
        # more than are named
        (
            {"created_annotations": {f"c{i}|img|choices": 1 for i in range(7)}},
            [],
            ", ".join(f"1 of 'c{i}' (choices)" for i in range(5)) + ", ...",
        ),
    ],
)
def test_a_config_that_orphans_annotations_is_refused(
    fake: FakeLabelStudio, summary: dict[str, Any], options: list[str], orphans: str
) -> None:
    fake.fail("GET", SUMMARY, told(NOTHING | summary))
    message = (
        f"error: project 1 'Figures': not changed, for its annotations would be orphaned: {orphans}; choose options"
        " with these controls and labels, or a new project\n"
    )
    assert run("--apply", "1", *options) == (2, "", message)
    assert patched(fake) == []


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (
            {("GET", SUMMARY): told(NOTHING | {"all_data_columns": {"url": 1, "id": 1}})},
            "project 1 'Figures': its tasks have no key 'image' (they have id, url); print the config, change its"
            " $image and paste it into Settings > Labeling Interface > Code",
        ),
        ({("GET", SUMMARY): told([])}, "{url} does not summarize projects as Label Studio does"),
        (
            {("GET", SUMMARY): told(NOTHING | {"created_annotations": {"odd": 1}})},
            "{url} does not summarize projects as Label Studio does",
        ),
        # Label Studio's own word
        (
            {
                ("GET", SUMMARY): told(NOTHING),
                ("PATCH", PROJECT): told({"validation_errors": {"label_config": ["Created annotations"]}}, 400),
            },
            "PATCH /api/projects/1/: HTTP 400 {'label_config': ['Created annotations']}",
        ),
    ],
)
def test_what_else_is_refused(fake: FakeLabelStudio, faults: dict[tuple[str, str], Any], message: str) -> None:
    for (method, path), fault in faults.items():
        fake.fail(method, path, fault)
    assert run("--apply", "1") == (2, "", f"error: {message.replace('{url}', fake.url)}\n")


def test_no_such_project(fake: FakeLabelStudio) -> None:
    code, out, err = run("--apply", "2")
    assert (code, out) == (2, "")
    assert err.startswith(
        "error: there is no project 2 that the token's user may see (GET /api/projects/2/: HTTP 404 No Project"
    )


def test_apply_needs_an_address() -> None:
    assert run("--apply", "1")[2] == "error: LABEL_STUDIO_URL is not set; give the address of Label Studio\n"
