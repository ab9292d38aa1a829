"""The prefill through the fault proxy into a real Label Studio, and the count through its API."""

from dataclasses import replace
from pathlib import Path

from demo.label_studio_admin import LabelStudioAdmin
from tests.soak.count import Tally
from tests.soak.runs import Played, play
from tests.soak.scenario import Scenario
from tests.soak.stub_model import VERSION, is_result_of
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

READ_TIMEOUT_S, SPARE_S = 3.0, 6.0
"""Label Studio needs far longer than the fault server."""


def play_with_label_studio(admin: LabelStudioAdmin, scenario: Scenario, folder: Path) -> tuple[Played, Tally]:
    """Make a project, fill it through the proxy, and count what is in it."""
    project = admin.create_project(f"Soak {scenario.seed}", write_config(tuple(Part)))
    references = [{"image": f"https://pictures.example/{number}.png"} for number in range(scenario.tasks)]
    ids = admin.import_tasks(project, references)
    scenario = replace(
        scenario,
        read_timeout_s=READ_TIMEOUT_S,
        spare_s=SPARE_S,
        upstream=admin.url,
        token=admin.api_token(),
        project=project,
    )
    played = play(scenario, folder)
    return played, _count(admin, ids)


def _count(admin: LabelStudioAdmin, ids: list[int]) -> Tally:
    tally = Tally(tasks=len(ids))
    for task_id in ids:
        present = admin.predictions(task_id)
        tally.predictions += len(present)
        if not present:
            tally.lost.append(task_id)
        if len(present) > 1:
            tally.doubled.append(task_id)
        if any(one["model_version"] != VERSION or not is_result_of(task_id, one["result"]) for one in present):
            tally.spoilt.append(task_id)
    return tally
