"""Makes the pictures in docs/images: drawn figures in a real Label Studio, and the report of an evaluation.

Run as `python -m docs.screenshots`. It needs what `make demo` needs, and Chromium (CHROMIUM says where).
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from demo.backend import ROOT, BackendServer, environment
from demo.label_studio import LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from docs.example_evaluation import write_example
from tests.label_studio.browser import BOX_TOOL, Editor, fresh_editor, launch, log_in
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part
from wholebody.labeling.config_writer import write_config

FOLDER = Path(__file__).parent / "images"
FIGURES, SEED, IMAGE_WH = 3, 4, (1280, 720)
WINDOW_WH = (1440, 660)
REPORT_WH, PEOPLE_HEIGHT = (1200, 1080), 610
EXAMPLE = "tasks-of-project-7.json"
MARGIN = 1.5
"""How much wider than the person the box is drawn on each side, in percent of the image."""
SELECTED = "left_wrist"
STEADY_S, TIMEOUT_S = 0.7, 30.0
"""The canvas tells nobody when it has drawn: it has when two pictures in a row are equal."""

_BADGE = """([number, x, y]) => {
    const badge = document.createElement('div');
    badge.className = 'screenshot-badge';
    badge.textContent = number;
    badge.style = `position:fixed; left:${x}px; top:${y}px; transform:translate(-50%, -50%); z-index:99999;
        width:26px; height:26px; border-radius:50%; background:#c2185b; color:#fff; font:bold 16px/26px sans-serif;
        text-align:center; pointer-events:none`;
    document.body.append(badge);
}"""
_NO_BADGES = "() => document.querySelectorAll('.screenshot-badge').forEach(badge => badge.remove())"

Json = dict[str, Any]


def main() -> None:
    """Start everything, look, save the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name, sync_playwright() as playwright:
        folder = Path(name)
        with LabelStudioServer(folder / "label-studio", folder / "files", legacy_tokens=False) as label_studio:
            admin = label_studio.admin()
            settings = {
                "MODE": "figures",
                "LABEL_STUDIO_URL": label_studio.url,
                "LABEL_STUDIO_API_TOKEN": admin.personal_access_token(),
            }
            browser = launch(playwright)
            with BackendServer(settings, folder / "backend.log") as backend:
                project, result = _make_task(admin, label_studio.files_root, backend.url)
                login = log_in(browser, label_studio.url)
                with fresh_editor(browser, label_studio.url, login, WINDOW_WH) as editor:
                    editor.open_stream(project)
                    _tell(editor, result)
                    admin.update_project(project, label_config=write_config(tuple(Part), visibility=True))
                    editor.open_stream(project)
                    _mark(editor)
            _show_report(browser, folder)
            browser.close()


def _make_task(admin: LabelStudioAdmin, files_root: Path, backend_url: str) -> tuple[int, list[Json]]:
    """A project with one task, in which the model has missed the last figure; and all figures' regions."""
    folder = files_root / "figures"
    folder.mkdir()
    cv2.imwrite(str(folder / "figures.png"), draw_figures(FIGURES, SEED, IMAGE_WH).bgr)
    project = admin.create_project("Whole-body poses", write_config(tuple(Part)))
    admin.add_local_storage(project, folder)
    (task,) = admin.import_tasks(project, [{"image": local_file_url("figures/figures.png")}])
    admin.connect_backend(project, backend_url, is_interactive=True)
    admin.retrieve_predictions(project, [task])
    (prediction,) = admin.predictions(task)
    result = list(prediction["result"])
    missed = _boxes(result)[-1]["id"]
    seen = [region for region in result if missed not in (region["id"], region.get("parentID"))]
    admin.request("PATCH", f"/api/predictions/{prediction['id']}/", json={"result": seen})
    return project, result


def _tell(editor: Editor, result: Sequence[Json]) -> None:
    """What an annotator does, and a picture at each step."""
    boxes = _boxes(result)
    editor.wait_for_regions(len(result) // len(boxes) * (len(boxes) - 1))
    _save(editor.page, "opened")

    editor.switch("Auto-Annotation")
    _badge(editor, 1, editor.page.get_by_text("Auto-Annotation", exact=True))
    _badge(editor, 2, editor.smart_tool)
    editor.smart_tool.hover()
    _save(editor.page, "smart-tool")
    editor.page.evaluate(_NO_BADGES)

    editor.choose(BOX_TOOL, "prompt_box")
    box = boxes[-1]["value"]
    left, top = box["x"] - MARGIN, box["y"] - MARGIN
    right, bottom = box["x"] + box["width"] + MARGIN, box["y"] + box["height"] + MARGIN
    editor.prompt_box((left / 100, top / 100, right / 100, bottom / 100))
    _badge(editor, 3, editor.page.get_by_test_id("bottombar-accept-suggestions-button"))
    _save(editor.page, "suggestions")
    editor.page.evaluate(_NO_BADGES)

    editor.accept()
    editor.wait_for_regions(len(result))
    _save(editor.page, "accepted")

    _select(editor, result)
    _save(editor.page, "editor")


def _mark(editor: Editor) -> None:
    """Mark a point as hidden, and a picture of it."""
    editor.page.wait_for_function("() => window.Htx.annotationStore.selected.regions.length > 0")
    _select(editor, editor.regions())
    editor.press("o")
    _save(editor.page, "hidden")


def _select(editor: Editor, result: Sequence[Json]) -> None:
    """Select the point of the leftmost figure."""
    editor.page.get_by_label("move-tool").click()
    wrist = min(_named(result, SELECTED), key=lambda region: float(region["value"]["x"]))["value"]
    editor.click((wrist["x"] / 100, wrist["y"] / 100))
    editor.page.mouse.move(0, 0)


def _show_report(browser: Browser, folder: Path) -> None:
    """The report of a made-up project: its top, and the people who were corrected most."""
    write_example(folder / EXAMPLE)
    command = ["evaluate", "--tasks", str(folder / EXAMPLE), "--out", str(folder / "evaluation")]
    settings = {"LABEL_STUDIO_URL": "http://localhost:8080", "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "wholebody", *command]
    subprocess.run(run, cwd=folder, env=environment(settings), check=True, stdout=subprocess.DEVNULL)
    width, height = REPORT_WH
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.goto((folder / "evaluation" / "report.html").as_uri())
    _save(page, "report")
    page.set_viewport_size({"width": width, "height": PEOPLE_HEIGHT})
    page.evaluate("() => document.querySelector('.gallery').scrollIntoView({behavior: 'instant'})")
    _save(page, "report-people")
    page.close()


def _boxes(result: Sequence[Json]) -> list[Json]:
    """The people's boxes, from left to right."""
    boxes = [region for region in result if region["type"] == "rectanglelabels"]
    if len(boxes) != FIGURES:
        raise RuntimeError(f"{len(boxes)} figures predicted, not {FIGURES}")
    return sorted(boxes, key=lambda box: float(box["value"]["x"]))


def _named(result: Sequence[Json], name: str) -> list[Json]:
    return [region for region in result if region["value"].get("keypointlabels") == [name]]


def _badge(editor: Editor, number: int, at: Locator) -> None:
    """A number at the upper left of a part of the page."""
    place = at.bounding_box()
    if place is None:
        raise RuntimeError(f"nothing to put number {number} at")
    editor.page.evaluate(_BADGE, [number, place["x"], place["y"] - 4])


def _save(page: Page, name: str) -> None:
    """Save the window once it stands still."""
    deadline = time.monotonic() + TIMEOUT_S
    before, png = b"", page.screenshot()
    while png != before and time.monotonic() < deadline:
        page.wait_for_timeout(STEADY_S * 1000)
        before, png = png, page.screenshot()
    path = FOLDER / f"{name}.png"
    path.write_bytes(_compressed(png))
    click.echo(f"{path}: {path.stat().st_size // 1000} kB")


def _compressed(png: bytes) -> bytes:
    """The same picture in a smaller file: it has few colours."""
    with Image.open(io.BytesIO(png)) as picture, io.BytesIO() as smaller:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
        return smaller.getvalue()


if __name__ == "__main__":
    main()
