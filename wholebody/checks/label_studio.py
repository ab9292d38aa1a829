"""The checks from the settings to the image of a task: is Label Studio there, and what does it show?"""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from wholebody.checks.api import CHECK_URL, LabelStudioApi, ask_openly, decoded
from wholebody.checks.facts import Check, Facts, Finding
from wholebody.errors import LabelStudioError
from wholebody.images.loader import ImageLoader, shown
from wholebody.keypoints import NAMES, PARTS
from wholebody.label_studio.releases import FIRST_ON_TOP, NEWEST, OLDEST, read_release
from wholebody.label_studio.tokens import cure_for
from wholebody.labeling.editor_tags import find_unknown_tags
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.targets import ImageTarget
from wholebody.labeling.task_images import images_of_task
from wholebody.settings import Settings, load_settings

MOST_LABELS_SHOWN = 5
MOST_IMAGES_TRIED = 5


def look_at_settings(facts: Facts) -> Finding:
    """Are all settings readable?"""
    settings = facts.settings = load_settings(project_id=facts.project_id)
    facts.project_id = settings.project_id
    dot_env = Path(str(Settings.model_config.get("env_file")))
    source = f"the environment and {dot_env.absolute()}" if dot_env.is_file() else "the environment; no .env here"
    networks = "DET_MODEL and POSE_MODEL" if settings.det_model and settings.pose_model else f"MODE={settings.mode}"
    runtime = f"{networks} BACKEND_TYPE={settings.backend_type} DEVICE={settings.device}"
    return Finding("ok", f"{runtime}, from {source}")


def look_at_server(facts: Facts) -> Finding:
    """Does Label Studio answer, and which version?"""
    url = facts.settings.label_studio_url
    if url is None:
        return Finding("fail", "LABEL_STUDIO_URL is not set", "give the address of Label Studio, in .env for example")
    try:
        response = ask_openly(url, "/api/version/")
        versions = decoded(response, url, url)
    except LabelStudioError as error:
        raise LabelStudioError(_named(url, str(error))) from None
    release = versions.get("release") if isinstance(versions, dict) else None
    if response.status_code in (401, 403):
        return Finding("ok", f"answers at {url}, without its version")
    if response.status_code != 200 or not release:
        return Finding("fail", f"{url} answers HTTP {response.status_code}, but not as Label Studio", CHECK_URL)
    facts.release = read_release(versions)
    if facts.release and facts.release < OLDEST:
        message = f"{release} at {url}, older than {OLDEST}, the oldest that was tried"
        return Finding("warn", message, "upgrade Label Studio (docs/compatibility.md)")
    newer = f", newer than {NEWEST}, the newest that was tried" if facts.release and facts.release > NEWEST else ""
    return Finding("ok", f"{release} at {url}{newer}")


def look_at_token(facts: Facts) -> Finding:
    """Of which kind is the token, does it work, and whose is it?"""
    url, token = facts.settings.label_studio_url, facts.settings.label_studio_api_token
    if url is None or token is None:
        return Finding("fail", "LABEL_STUDIO_API_TOKEN is not set", cure_for(facts.release))
    api = LabelStudioApi(url, token)
    user = api.read("/api/current-user/whoami")
    if not isinstance(user, dict):
        raise LabelStudioError(f"{url} does not say whose the token is; {CHECK_URL}")
    facts.api, facts.user = api, str(user.get("email") or user.get("username") or f"user {user.get('id')}")
    return Finding("ok", f"{'personal access token' if api.is_personal else 'legacy token'} of {facts.user}")


def look_at_project(facts: Facts) -> Finding:
    """Is the project there for this user, and what is in it?"""
    if facts.project_id is None:
        return Finding("skip", "no project named", "give --project or set PROJECT_ID: the number in its address")
    response = facts.api.send(f"/api/projects/{facts.project_id}/")
    if response.status_code in (403, 404):
        message = f"there is no project {facts.project_id} that {facts.user} may see (HTTP {response.status_code})"
        return Finding("fail", message, "give the number in the project's address, or the token of one of its members")
    project = facts.api.read(f"/api/projects/{facts.project_id}/")
    if not isinstance(project, dict) or "label_config" not in project:
        raise LabelStudioError(f"project {facts.project_id} is not shown as Label Studio does it; {CHECK_URL}")
    facts.project = project
    tasks, predictions = (project.get(f"{key}_number", "?") for key in ("task", "total_predictions"))
    numbers = f"{tasks} task{'s' * (tasks != 1)}, {predictions} prediction{'s' * (predictions != 1)}"
    return Finding("ok", f"{facts.project_id} {str(project.get('title'))[:80]!r}: {numbers}")


def look_at_config(facts: Facts) -> Finding:
    """Which keypoints does the labeling config have labels for?"""
    facts.config = parse_labeling_config(facts.project["label_config"])
    message = "; ".join(_filled(target) for target in facts.config.targets)
    unmatched = [label for target in facts.config.targets for label in _unmatched(target)]
    if others := [label for target in facts.config.targets for label in target.other_boxes]:
        cure = 'name one of them person, or give it predicted_values="person"; else points of all people are mixed'
        return Finding("warn", f"{message}; no box label stands for a person: {_some(others)}", cure)
    if not unmatched:
        return Finding("ok", message)
    cure = "use COCO-WholeBody's names or predicted_values (docs/labeling-configs.md); each keypoint fills one label"
    return Finding("warn", f"{message}; labels that match nothing ({len(unmatched)}): {_some(unmatched)}", cure)


def look_at_editor(facts: Facts) -> Finding:
    """Does the editor of this Label Studio have all tags of the labeling config, and points within reach?"""
    if facts.release is None:
        return Finding("skip", "Label Studio does not tell its version")
    if unknown := find_unknown_tags(facts.project["label_config"], lambda: facts.release):
        cure = "upgrade Label Studio, or set a labeling config without (wholebody config --apply)"
        return Finding("fail", f"no task opens: {unknown}", cure)
    if facts.release < FIRST_ON_TOP and any(target.box and target.keypoints for target in facts.config.targets):
        cure = "hide the boxes in the list of regions before you correct points, or upgrade Label Studio"
        return Finding(
            "warn", f"that of {facts.release} shows a person's box above the points; it gets all clicks", cure
        )
    return Finding("ok", f"that of {facts.release} has all tags of the labeling config")


def look_at_image(facts: Facts) -> Finding:
    """Can an image of the project be fetched and decoded from here?"""
    task = _find_task(facts)
    if task is None and facts.task_id is not None:
        cure = "give a task of this project, or leave --task out for the first"
        return Finding("fail", f"task {facts.task_id} is not in project {facts.project_id}", cure)
    if task is None:
        return Finding("skip", "the project has no tasks", "import some")
    loader, lines, data = ImageLoader(facts.settings), [], task.get("data")
    images = images_of_task(facts.config.for_task(data), data)
    for image in images[:MOST_IMAGES_TRIED]:
        picture = loader.load(image.reference, task.get("id"))
        picture.share.release()
        width, height = picture.size_wh
        lines.append(f"{shown(str(image.reference))} {width} x {height}")
        del picture  # which would be there beside the next one
    if len(images) > MOST_IMAGES_TRIED:
        lines.append(f"and {len(images) - MOST_IMAGES_TRIED} more that were not tried")
    return Finding("ok", f"task {task.get('id')}: {', '.join(lines)}")


def _named(url: str, error: str) -> str:
    """The error with the address in it, and with a cure where it says none."""
    message = error if url in error else f"{url} {error.replace('/api/version/: ', 'cannot be reached: ')}"
    if ";" in message:
        return message
    return f"{message}; start Label Studio, or {CHECK_URL} (inside a container localhost is the container itself)"


def _filled(target: ImageTarget) -> str:
    found = Counter(PARTS[keypoint] for control in target.keypoints for keypoint in control.labels)
    per_part = ", ".join(f"{part} {found[part]}/{size}" for part, size in Counter(PARTS).items())
    filled = [f"{found.total()} of {len(NAMES)} keypoints ({per_part})"] if found else []
    filled += [f"skeletons of {', '.join(control.labels)}" for control in target.skeletons if control.labels]
    filled += [
        f"labels of {one.name!r} from each task's {one.task_labels}" for one in target.controls if one.task_labels
    ]
    filled.append("person boxes" if target.box else "no person boxes")
    return f"{', '.join(filled)} on {target.name!r}"


def _some(labels: list[str]) -> str:
    return ", ".join(labels[:MOST_LABELS_SHOWN]) + (", ..." if len(labels) > MOST_LABELS_SHOWN else "")


def _unmatched(target: ImageTarget) -> list[str]:
    return [label for control in target.keypoints for label in control.unmatched] + [
        label for control in target.skeletons for label in control.unmatched
    ]


def _find_task(facts: Facts) -> dict[str, Any] | None:
    """The task asked for, or the first, without anything being predicted for it.

    A listing makes Label Studio ask its backends where `evaluate_predictions_automatically` is on, unless it is
    one for reviewers.
    """
    operator, task_id = ("greater", 0) if facts.task_id is None else ("equal", facts.task_id)
    item = {"filter": "filter:tasks:id", "operator": operator, "type": "Number", "value": task_id}
    query = {"filters": {"conjunction": "and", "items": [item]}, "ordering": ["tasks:id"]}
    answer = facts.api.read(
        "/api/tasks/",
        project=facts.project_id,
        page=1,
        page_size=1,
        include="id,data",
        resolve_uri="false",
        review="true",
        query=orjson.dumps(query),
    )
    tasks = answer.get("tasks") if isinstance(answer, dict) else None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise LabelStudioError(f"the tasks are not listed as Label Studio does it; {CHECK_URL}")
    return tasks[0] if tasks else None


BEFORE_THE_BACKEND = (
    Check("settings", look_at_settings, cure="correct it in .env or in the environment"),
    Check("Label Studio", look_at_server, ("settings",)),
    Check("token", look_at_token, ("Label Studio",)),
    Check("project", look_at_project, ("token",)),
    Check("labeling config", look_at_config, ("project",)),
    Check("editor", look_at_editor, ("labeling config",)),
    Check("image", look_at_image, ("labeling config",), "see Troubleshooting: docs/troubleshooting.md"),
)
