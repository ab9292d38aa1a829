"""Makes docs/images/editor.png: drawn figures with their predicted regions in a real Label Studio.

Run as `python -m docs.screenshots`. It needs what `make demo` needs, and Chromium (CHROMIUM says where).
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import cv2
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.backend import BackendServer
from demo.label_studio import EMAIL, PASSWORD, LabelStudioServer
from demo.label_studio_admin import LabelStudioAdmin, local_file_url
from wholebody.config_writer import write_config
from wholebody.figures.drawing import draw_figures
from wholebody.keypoints import Part

TARGET = Path(__file__).parent / "images" / "editor.png"
FIGURES, SEED, IMAGE_WH = 3, 4, (1280, 720)
WINDOW_WH = (1440, 660)
TIMEOUT_S = 60.0
SETTLE_MS = 3000
"""The canvas tells nobody when it has drawn."""
SELECTED = "left_wrist"

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> None:
    """Start everything, look, save the picture."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        folder = Path(name)
        with LabelStudioServer(folder / "label-studio", folder / "files", legacy_tokens=False) as label_studio:
            admin = label_studio.admin()
            settings = {
                "MODE": "figures",
                "LABEL_STUDIO_URL": label_studio.url,
                "LABEL_STUDIO_API_TOKEN": admin.personal_access_token(),
            }
            with BackendServer(settings, folder / "backend.log") as backend:
                project, region = _make_task(admin, label_studio.files_root, backend.url)
                png = _look(label_studio.url, project, region)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(_compressed(png))
    click.echo(f"{TARGET}: {TARGET.stat().st_size // 1000} kB")


def _make_task(admin: LabelStudioAdmin, files_root: Path, backend_url: str) -> tuple[int, dict[str, Any]]:
    """A project with one predicted task: its id, and the region to select."""
    folder = files_root / "figures"
    folder.mkdir()
    picture = folder / "figures.png"
    cv2.imwrite(str(picture), draw_figures(FIGURES, SEED, IMAGE_WH).bgr)
    project = admin.create_project("Whole-body poses", write_config(tuple(Part)))
    admin.add_local_storage(project, folder)
    (task,) = admin.import_tasks(project, [{"image": local_file_url("figures/figures.png")}])
    admin.connect_backend(project, backend_url)
    admin.retrieve_predictions(project, [task])
    regions = admin.predictions(task)[0]["result"]
    named = [region for region in regions if region["value"].get("keypointlabels") == [SELECTED]]
    if len(named) != FIGURES:
        raise RuntimeError(f"{len(named)} figures predicted, not {FIGURES}")
    return project, min(named, key=lambda region: region["value"]["x"])


def _look(url: str, project: int, region: Mapping[str, Any]) -> bytes:
    """Open the project's labeling stream in a browser and select a region; the window as PNG."""
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", CHROMIUM)
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": WINDOW_WH[0], "height": WINDOW_WH[1]})
        page.set_default_timeout(TIMEOUT_S * 1000)
        page.goto(f"{url}/user/login/")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda address: "/user/login" not in address)
        page.goto(f"{url}/projects/{project}/data?labeling=1")
        page.locator(".lsf-outliner-item").first.wait_for()  # the list of regions
        page.wait_for_timeout(SETTLE_MS)
        _click(page, region)
        page.get_by_text("View region details").wait_for(state="hidden")
        page.mouse.move(0, 0)
        page.wait_for_timeout(SETTLE_MS)
        png = page.screenshot()
        browser.close()
    return png


def _click(page: Page, region: Mapping[str, Any]) -> None:
    """Click a keypoint on the canvas."""
    canvas = page.locator(".konvajs-content").first.bounding_box()
    if canvas is None:
        raise RuntimeError("the editor shows no canvas")
    left, top, value = canvas["x"], canvas["y"], region["value"]
    page.mouse.click(left + canvas["width"] * value["x"] / 100, top + canvas["height"] * value["y"] / 100)


def _compressed(png: bytes) -> bytes:
    """The same pixels in a smaller file."""
    with Image.open(io.BytesIO(png)) as picture, io.BytesIO() as smaller:
        picture.convert("RGB").save(smaller, "PNG", optimize=True)
        return smaller.getvalue()


if __name__ == "__main__":
    main()
