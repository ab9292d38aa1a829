"""How long the editor takes to open a task with this labeling config or that: `python -m benchmarks.editor_opening`.

A real Label Studio and Chromium (CHROMIUM says where), four people of 133 keypoints, the configs in turns in one
browser; then one region after the other is selected. Absolute times belong to the machine; compare the medians.
"""

import base64
import statistics
import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin
from tests.label_studio.browser import fresh_editor, launch, log_in
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import NAMES, PART_SLICES, Part
from wholebody.labeling.config_writer import IMAGE, PRESETS, Prompt, write_config
from wholebody.labeling.labeling_config import parse_labeling_config
from wholebody.labeling.regions import write_regions
from wholebody.labeling.shown import Shown
from wholebody.labeling.visibility import HIDDEN, VISIBILITY
from wholebody.poses import Poses

FIGURES, IMAGE_WH = 2, (1280, 720)
COPIES = 2
"""Each figure is there twice, which makes four people of two figures."""
REGIONS = "() => window.Htx?.annotationStore?.selected?.regions?.length ?? 0"
IDLE = "() => new Promise(done => requestIdleCallback(() => requestAnimationFrame(() => done())))"
SELECT = "(number) => { const one = window.Htx.annotationStore.selected; one.selectArea(one.regions[number]); }"
SELECTIONS = 5
PAUSE_S = 1.0
MARKED = ", every fourth marked"
"""What the name of a config ends with whose task has every fourth region marked as hidden."""


def labels(part: Part, colour: str = "#00c853") -> str:
    """The plain labels of a part."""
    return "".join(f'<Label value="{name}" background="{colour}"/>' for name in NAMES[PART_SLICES[part]])


def control(name: str, content: str) -> str:
    """A control for results."""
    return f'<KeyPointLabels name="{name}" toName="img" smart="false" strokeWidth="3">{content}</KeyPointLabels>'


def on_demand(part: Part) -> str:
    """A control that is shown while one of its regions is selected."""
    return f'<View visibleWhen="region-selected" whenTagName="{part}">{control(part, labels(part))}</View>'


def baseline() -> str:
    """The same controls by hand: palette at the right, nothing that was added to it since, no keys."""
    image = '<View style="flex:1 1 auto;min-width:0"><Image name="img" value="$image" zoom="true"/></View>'
    person = '<Label value="person"/>'
    box = f'<RectangleLabels name="box" toName="img" smart="false" fillOpacity="0">{person}</RectangleLabels>'
    prompt = '<Rectangle name="prompt_box" toName="img" smart="true" smartOnly="true"/>'
    body = control("body", labels(Part.BODY) + labels(Part.FEET))
    hidden = "".join(map(on_demand, (Part.FACE, Part.LEFT_HAND, Part.RIGHT_HAND)))
    palette = f'<View style="flex:0 0 230px;max-height:75vh;overflow-y:auto">{prompt}{box}{body}{hidden}</View>'
    return f'<View><View style="display:flex;align-items:flex-start;gap:8px">{image}{palette}</View></View>'


def configs() -> dict[str, str]:
    """What is compared."""
    return {
        "baseline": baseline(),
        "wholebody": write_config(PRESETS["wholebody"], prompt=Prompt.BOX),
        "wholebody --visibility": write_config(PRESETS["wholebody"], visibility=True),
        f"wholebody --visibility{MARKED}": write_config(PRESETS["wholebody"], visibility=True),
        "wholebody --skeleton": write_config(PRESETS["wholebody"], skeleton=True, prompt=Prompt.BOX),
        "wholebody --skeleton --visibility": write_config(PRESETS["wholebody"], skeleton=True, visibility=True),
    }


def four_people() -> tuple[str, Poses]:
    """The picture as a data URI, and who is in it."""
    drawing = draw_figures(FIGURES, 7, IMAGE_WH)
    people = FIGURES * COPIES
    picture = base64.b64encode(cv2.imencode(".png", drawing.bgr)[1].tobytes()).decode()
    poses = Poses(
        IMAGE_WH,
        np.tile(drawing.xyxy, (COPIES, 1)),
        np.ones(people, np.float32),
        np.tile(drawing.keypoints, (COPIES, 1, 1)),
        np.ones((people, len(NAMES)), np.float32),
    )
    return f"data:image/png;base64,{picture}", poses


def make_task(admin: LabelStudioAdmin, title: str, config: str) -> tuple[str, int]:
    """A task with its prediction: where it is, and how many regions it has."""
    picture, poses = four_people()
    (target,) = parse_labeling_config(config).targets
    result = write_regions(poses, target, Shown.of(poses, target, 0.3))
    regions = len(result)
    if title.endswith(MARKED):
        mark = {"from_name": VISIBILITY, "to_name": IMAGE, "type": "choices", "value": {"choices": [HIDDEN]}}
        result += [{"id": region["id"], **mark} for region in result[::4]]
    project = admin.create_project(title[:50], config)
    predictions = [{"model_version": "benchmark", "score": 1.0, "result": result}]
    (task,) = admin.import_tasks(project, [{"data": {"image": picture}, "predictions": predictions}])
    return f"{admin.url}/projects/{project}/data?task={task}", regions


def open_task(page: Page, address: str, regions: int) -> tuple[float, float, float]:
    """Seconds from the navigation until all regions are there, until the editor is idle, and to select one."""
    page.goto("about:blank")
    time.sleep(PAUSE_S)
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"({REGIONS})() >= {regions}", polling=50)
    there = time.perf_counter() - start
    page.evaluate(IDLE)
    idle = time.perf_counter() - start
    return there, idle, statistics.median(select(page, number) for number in range(SELECTIONS))


def select(page: Page, number: int) -> float:
    """Seconds from the selection of a region until the editor is idle."""
    start = time.perf_counter()
    page.evaluate(SELECT, number)
    page.evaluate(IDLE)
    return time.perf_counter() - start


@click.command(help=__doc__)
@click.option("--rounds", default=6, show_default=True, help="Openings of each.")
def main(rounds: int) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="opening-") as name:
        folder = Path(name)
        with LabelStudioServer(folder / "data", folder / "files", legacy_tokens=False) as server:
            admin = server.admin()
            tasks = {name: make_task(admin, name, config) for name, config in configs().items()}
            times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in tasks}
            with sync_playwright() as playwright, launch(playwright) as browser:
                login = log_in(browser, server.url)
                with fresh_editor(browser, server.url, login) as editor:
                    for number in range(rounds + 1):
                        for name, task in sorted(tasks.items(), reverse=bool(number % 2)):
                            taken = open_task(editor.page, *task)
                            if number:  # the first round warms up
                                times[name].append(taken)
    click.echo(f"{'config':43} {'regions':>7} {'there s':>8} {'idle s':>7} {'select s':>9}   (medians of {rounds})")
    for name, taken in times.items():
        there, idle, select_s = (statistics.median(column) for column in zip(*taken, strict=True))
        click.echo(f"{name:43} {tasks[name][1]:7} {there:8.2f} {idle:7.2f} {select_s:9.3f}")


if __name__ == "__main__":
    main()
