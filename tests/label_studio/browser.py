"""What an annotator sees and does in Label Studio's labeling editor, in a real Chromium. It judges nothing.

Places in an image are fractions of its width and height, 0..1.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from demo.label_studio import EMAIL, PASSWORD

if TYPE_CHECKING:  # tests are skipped where it is not installed
    from playwright.sync_api import Browser, Locator, Page, Playwright, Response

Json = dict[str, Any]
XY = tuple[float, float]
XYXY = tuple[float, float, float, float]

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
WINDOW_WH = (1440, 900)
TIMEOUT_S = 60.0

WHEEL_NOTCH = 100
CHOSEN_WITHIN_S = 5.0
MOST_SMART_TOOLS = 3

BOX_TOOL, CLICK_TOOL = "rectangle-tool", "key-point-tool"
"""What Label Studio calls the buttons of the smart tools."""

_READY = """() => {
    const editor = window.Htx;
    const image = editor?.annotationStore?.selected?.objects?.[0];
    return !!editor && !editor.isLoading && image?.naturalWidth > 1 && image?.stageWidth > 1;
}"""
_NATURAL_SIZE = """() => {
    const image = window.Htx.annotationStore.selected.objects[0];
    return [image.naturalWidth, image.naturalHeight];
}"""
_REGIONS = "() => window.Htx.annotationStore.selected.serializeAnnotation()"
_SUGGESTIONS = "() => window.Htx.annotationStore.selected.suggestions.size"
_COUNT = "() => window.Htx.annotationStore.selected.regions.length"
_TOOL = """() => {
    const tool = window.Htx.annotationStore.selected.objects[0].getToolsManager().findSelectedTool();
    return tool?.dynamic ? tool.control.name : null;
}"""
_SELECTED = "() => window.Htx.annotationStore.selected.highlightedNode?.cleanId ?? null"
_SELECTED_COUNT = "() => window.Htx.annotationStore.selected.selectionSize"
_PLACE_IN_LIST = """(region) =>
    window.Htx.annotationStore.selected.regions.find((one) => one.cleanId === region).region_index"""
_IMAGE = "window.Htx.annotationStore.selected.objects[0]"
_ON_SCREEN = f"""([x, y]) => {{
    const image = {_IMAGE};
    return image.zoomOriginalCoords([x * image.stageWidth, y * image.stageHeight]);
}}"""
_SHOWN = f"""() => {{
    const image = {_IMAGE};
    const {{width, height}} = image.stageRef.container().getBoundingClientRect();
    const corners = [[0, 0], [width, height]].map(corner => image.fixZoomedCoords(corner));
    return corners.map(([x, y]) => [x / image.stageWidth, y / image.stageHeight]).flat();
}}"""
_PICTURE_WH = f"""() => {{
    const image = {_IMAGE};
    return [image.stageWidth * image.zoomScale, image.stageHeight * image.zoomScale];
}}"""
_HIT = f"""places => {{
    const image = {_IMAGE};
    const regions = new Map(image.regs.map(region => [region.id, region.cleanId]));
    return places.map(([x, y]) => {{
        const [left, top] = image.zoomOriginalCoords([x * image.stageWidth, y * image.stageHeight]);
        let node = image.stageRef.getIntersection({{x: left, y: top}});
        while (node && !regions.has(node.name().split(" ")[0])) node = node.getParent();
        return node ? regions.get(node.name().split(" ")[0]) : null;
    }});
}}"""


def chromium_path() -> Path:
    """The browser: CHROMIUM, else Debian's."""
    return Path(os.environ.get("CHROMIUM") or CHROMIUM)


def launch(playwright: Playwright) -> Browser:
    """Start the browser, without a window."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_OPTIONS)


def log_in(browser: Browser, url: str) -> Any:
    """Log in as the first user; what `fresh_page` needs to be logged in."""
    with _page(browser, None, WINDOW_WH) as page:
        page.goto(f"{url}/user/login/")
        page.fill("input[name=email]", EMAIL)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda address: "/user/login" not in address, wait_until="commit")
        return {"cookies": page.context.cookies(), "origins": []}


@contextmanager
def fresh_editor(browser: Browser, url: str, login: Any, window_wh: tuple[int, int] = WINDOW_WH) -> Iterator[Editor]:
    """An editor in a browser that knows nothing but the login: all of its switches are as at first."""
    with _page(browser, login, window_wh) as page:
        yield Editor(page, url)


@contextmanager
def _page(browser: Browser, login: Any, window_wh: tuple[int, int]) -> Iterator[Page]:
    width, height = window_wh
    context = browser.new_context(viewport={"width": width, "height": height}, storage_state=login)
    context.set_default_timeout(TIMEOUT_S * 1000)
    try:
        yield context.new_page()
    finally:
        context.close()


class Editor:
    """The labeling editor of one page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url

    # Opening

    def disable_cache(self) -> None:
        """Let equal requests go out side by side; the cache mostly holds the second until the first is answered."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def open(self, project: int, task: int) -> None:
        """Open a task by its address and wait for its image."""
        self.page.goto(f"{self._url}/projects/{project}/data?task={task}", wait_until="commit")
        self.wait_until_ready()

    def open_stream(self, project: int) -> None:
        """Open a project's first task for labeling, without the list of tasks beside it."""
        self.page.goto(f"{self._url}/projects/{project}/data?labeling=1", wait_until="commit")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until a task's image is shown."""
        self.page.wait_for_function(_READY)

    def wait_until_idle(self) -> None:
        """Wait until the page has asked nothing for half a second."""
        self.page.wait_for_load_state("networkidle")

    def turn_to_page(self, number: int) -> None:
        """Show another page of a task with several, the first being 0."""
        self.page.evaluate("(number) => window.Htx.annotationStore.selected.objects[0].setCurrentImage(number)", number)
        self.wait_until_ready()

    # What is there

    def regions(self) -> list[Json]:
        """The regions of the annotation, as a submit would store them now; suggestions are not among them."""
        return list(self.page.evaluate(_REGIONS))

    def natural_size(self) -> tuple[int, int]:
        """Width and height of the image as the browser shows it, in its own pixels."""
        width, height = self.page.evaluate(_NATURAL_SIZE)
        return width, height

    def shown(self) -> XYXY:
        """The part of the image that the canvas shows: left, top, right, bottom; (0, 0, 1, 1) when all of it."""
        left, top, right, bottom = self.page.evaluate(_SHOWN)
        return left, top, right, bottom

    def picture_wh(self) -> XY:
        """Width and height of the whole image in pixels of the window, as large as it is zoomed now."""
        width, height = self.page.evaluate(_PICTURE_WH)
        return width, height

    def hit(self, xys: Sequence[XY]) -> list[str | None]:
        """The region that a click at each place would meet, by its id; `None` where it would meet none."""
        return list(self.page.evaluate(_HIT, [list(xy) for xy in xys]))

    def suggestions(self) -> int:
        """How many regions are suggested and neither accepted nor rejected."""
        return int(self.page.evaluate(_SUGGESTIONS))

    def wait_for_regions(self, count: int) -> list[Json]:
        """Wait until the annotation has so many regions."""
        self.page.wait_for_function(f"({_COUNT})() === {count}")
        return self.regions()

    def colours_at(self, xys: Sequence[XY], reach_px: int = 2) -> list[np.ndarray]:
        """The `(n, 3)` uint8 RGB pixels of the window around each place in the image."""
        canvas = self._canvas.bounding_box()
        if canvas is None:
            raise RuntimeError("the editor shows no canvas")
        with Image.open(io.BytesIO(self.page.screenshot())) as picture:
            window = np.asarray(picture.convert("RGB"))
        seen = []
        for xy in xys:
            left, top = self._on_screen(xy)
            x, y = round(canvas["x"] + left), round(canvas["y"] + top)
            seen.append(window[y - reach_px : y + reach_px + 1, x - reach_px : x + reach_px + 1].reshape(-1, 3))
        return seen

    # Zoom

    def zoom(self, xy: XY, notches: int = 1) -> None:
        """Turn the wheel over a place in the image with Ctrl held: each notch makes it 1.3 times as large."""
        x, y = self._on_screen(xy)
        self._canvas.hover(position={"x": x, "y": y})
        self.page.keyboard.down("Control")
        for _ in range(notches):
            before = self.picture_wh()
            self.page.mouse.wheel(0, -WHEEL_NOTCH)
            self.page.wait_for_function(f"before => ({_PICTURE_WH})()[0] > before", arg=before[0])
        self.page.keyboard.up("Control")

    def pan(self, by: XY) -> None:
        """Drag the zoomed picture with Shift held, so far to the right and down."""
        left, top, right, bottom = self.shown()
        x, y = (left + right) / 2, (top + bottom) / 2
        self.page.keyboard.down("Shift")
        self.drag((x, y), (x + by[0], y + by[1]))
        self.page.keyboard.up("Shift")

    # Smart tools

    def switch(self, name: str, on: bool = True) -> None:
        """Turn "Auto-Annotation" or "Auto-Accept Suggestions" on or off."""
        toggle = self.page.get_by_label(name)
        if toggle.is_checked() != on:
            self.page.get_by_text(name, exact=True).click()
        toggle.and_(self.page.locator(":checked")).wait_for(state="attached" if on else "detached")

    @property
    def smart_tool(self) -> Locator:
        """The button of the smart tools, which is there only while Auto-Annotation is on."""
        return self.page.locator(".lsf-toolbar__group > .lsf-tool_smart")

    def choose(self, tool: str, control: str) -> None:
        """Choose a smart tool, `BOX_TOOL` or `CLICK_TOOL`, which draws for this control."""
        self.smart_tool.hover()
        self.page.get_by_label(tool, exact=True).click()
        for _ in range(MOST_SMART_TOOLS):  # in 1.13.1, each click takes the next tool, whatever the button shows
            if self._is_chosen(control):
                break
            self.smart_tool.click()
        self.page.wait_for_function(f"({_TOOL})() === {control!r}")
        self.page.mouse.move(0, 0)  # the tool's menu lies on the image

    def choose_labelled(self, tool: str, control: str, label: str) -> None:
        """Choose the smart tool of a control with labels, then a label: the tool deselects what was chosen before."""
        self.smart_tool.hover()
        self.page.get_by_label(tool, exact=True).and_(self.page.locator(".lsf-tool_smart")).click()
        self.page.wait_for_function(f"({_TOOL})() === {control!r}")
        self.page.mouse.move(0, 0)
        self.page.get_by_text(label, exact=True).first.click()

    def _is_chosen(self, control: str) -> bool:
        from playwright.sync_api import TimeoutError as NotInTimeError

        try:
            self.page.wait_for_function(f"({_TOOL})() === {control!r}", timeout=CHOSEN_WITHIN_S * 1000)
        except NotInTimeError:
            return False
        return True

    def prompt_box(self, xyxy: XYXY, *, on_regions: bool = False) -> Json:
        """Draw a box with the chosen smart tool; what Label Studio answers.

        Args:
            xyxy: Left, top, right, bottom.
            on_regions: Hold Ctrl, for a box that begins on a region: without, this region would be moved.
        """
        left, top, right, bottom = xyxy
        with self._asking() as asked:
            if on_regions:
                self.page.keyboard.down("Control")
            self.drag((left, top), (right, bottom))
            if on_regions:
                self.page.keyboard.up("Control")
        return dict(asked[0].json())

    def prompt_click(self, xy: XY) -> Json:
        """Click with the chosen smart tool; what Label Studio answers."""
        with self._asking() as asked:
            self.click(xy)
        return dict(asked[0].json())

    def accept(self) -> None:
        """Accept all suggestions."""
        self._settle_suggestions("accept")

    def reject(self) -> None:
        """Reject all suggestions."""
        self._settle_suggestions("reject")

    # The rest of the bottom bar, and the hand

    def click(self, xy: XY) -> None:
        """Click in the image."""
        x, y = self._on_screen(xy)
        self._canvas.click(position={"x": x, "y": y})

    def drag(self, start: XY, end: XY, steps: int = 5) -> None:
        """Drag from a place in the image to another, in so many movements of the mouse."""
        (left, top), (right, bottom) = self._on_screen(start), self._on_screen(end)
        self._canvas.hover(position={"x": left, "y": top})  # waits until the canvas stands still
        canvas = self._canvas.bounding_box()
        if canvas is None:
            raise RuntimeError("the editor shows no canvas")
        self.page.mouse.down()
        self.page.mouse.move(canvas["x"] + right, canvas["y"] + bottom, steps=steps)
        self.page.mouse.up()

    def select(self, xy: XY, region: str) -> None:
        """Click on a region and wait until it is selected."""
        self.click(xy)
        self.page.wait_for_function(f"({_SELECTED})() === {region!r}")

    def selected(self) -> str | None:
        """The region that is selected, if one alone is."""
        found = self.page.evaluate(_SELECTED)
        return None if found is None else str(found)

    def unselect(self) -> None:
        """Select nothing."""
        self.press("u")
        self.page.wait_for_function(f"({_SELECTED})() === null")

    def undo(self) -> None:
        """Take the last step back."""
        before = self.page.evaluate(_COUNT)
        self._button("undo", "[aria-label=Undo]").click()
        self.page.wait_for_function(f"({_COUNT})() !== {before}")

    def submit(self) -> None:
        """Submit the annotation and wait until it is stored."""
        stored = re.compile(r"/api/tasks/\d+/annotations/?(\?|$)")
        with self.page.expect_response(lambda r: r.request.method == "POST" and bool(stored.search(r.url))) as answer:
            self._button("submit", "[aria-label=submit]").click()
        if not answer.value.ok:
            raise RuntimeError(f"submit: HTTP {answer.value.status}")

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    def _button(self, name: str, before: str) -> Locator:
        """A button of the bottom bar by its name in the tests of Label Studio, which it has not had always."""
        return self.page.get_by_test_id(f"bottombar-{name}-button").or_(self.page.locator(f"button{before}"))

    @property
    def _canvas(self) -> Locator:
        return self.page.locator(".konvajs-content").first

    def _on_screen(self, xy: XY) -> XY:
        x, y = self.page.evaluate(_ON_SCREEN, list(xy))
        return x, y

    @contextmanager
    def _asking(self) -> Iterator[list[Response]]:
        """The answer to the question that the block makes the editor ask, which has also arrived in the editor."""
        answers: list[Response] = []
        with self.page.expect_response(lambda r: "/interactive-annotating" in r.url) as answer:
            yield answers
        answers.append(answer.value)
        answer.value.finished()
        self.page.wait_for_function("() => !window.Htx.awaitingSuggestions")

    def _settle_suggestions(self, verb: str) -> None:
        self._button(f"{verb}-suggestions", f".lsf-auto-accept__action_type_{verb}").click()
        self.page.wait_for_function(f"({_SUGGESTIONS})() === 0")

    # Several regions at once

    def control_click(self, xy: XY) -> None:
        """Click in the image with Ctrl held: a region joins those that are selected, or leaves them."""
        before = self.page.evaluate(_SELECTED_COUNT)
        self.page.keyboard.down("Control")
        self.click(xy)
        self.page.keyboard.up("Control")
        self.page.wait_for_function(f"({_SELECTED_COUNT})() !== {before}")

    def select_by_frame(self, start: XY, end: XY) -> None:
        """Drag a frame with the arrow and wait until several regions are selected."""
        self.drag(start, end)
        self.page.wait_for_function(f"({_SELECTED_COUNT})() > 1")

    def delete_selected(self) -> list[Json]:
        """Delete what is selected; the regions that are left."""
        left = self.page.evaluate(_COUNT) - self.page.evaluate(_SELECTED_COUNT)
        self.press("Backspace")
        return self.wait_for_regions(left)

    def select_rows(self, regions: Collection[str]) -> None:
        """Select regions by their rows in the list: the first by a click, the others by Ctrl+click."""
        folded = self.page.locator(".lsf-tree-switcher_close")  # as the tree opens sometimes
        while folded.count():
            folded.first.click()
        for number, region in enumerate(regions):
            place = self.page.evaluate(_PLACE_IN_LIST, region)
            row = self.page.locator(".lsf-outliner-item").filter(has=self.page.get_by_text(str(place), exact=True))
            row.click(modifiers=["Control"] if number else [])
            self.page.wait_for_function(f"({_SELECTED_COUNT})() === {number + 1}")
